"""What the logs of devices share: first lines, read within limits, and recordings of signals of a known rate."""

from __future__ import annotations

import codecs
import importlib.util
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import isolate, limits, registry
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Event, Note, Provenance, Recording, Reference, Signal
from pulsewise.formats import _clock
from pulsewise.formats._channel import channel, check_channel, wanted
from pulsewise.formats._dialect import encoding
from pulsewise.formats._rows import bounded_lines


def head_lines(head: bytes, most: int = 40) -> list[str]:
    """The first lines of a text; none where the bytes are no text."""
    codec = encoding(head)
    if codec is None:
        return []
    text = codecs.getincrementaldecoder(codec)(errors="replace").decode(head)
    return [line.strip("\ufeff") for line in re.split(r"\r\n|\r|\n", text)[:most]]


def codec_of(path: Path) -> str:
    """The encoding of a text file that is there; `empty_recording`, or `malformed` where it is no text."""
    limits.check_address(path)
    if not path.is_file():
        raise InputError("not_found", "no file of this name", where=path.name)
    with path.open("rb") as file:
        head = file.read(limits.HEADER_BYTES)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise InputError("empty_recording", "the file is empty")
    codec = encoding(head)
    if codec is None:
        raise InputError("malformed", "the file is no text")
    return codec


def stream_of(path: Path) -> Iterator[str]:
    """Lines of a text file without their ends, one after the other, blank ones left out; `too_large` for a long one."""
    with path.open(encoding=codec_of(path), errors="replace", newline=None) as file:
        for line in bounded_lines(file):
            if line.strip():
                yield line.rstrip("\n").strip("\ufeff")


def lines_of(path: Path, most: int | None = None) -> list[str]:
    """Lines of a text file without their ends, all or the first; `too_large` beyond the limits."""
    codec = codec_of(path)
    if path.stat().st_size > limits.EXPANDED_BYTES:
        raise InputError("too_large", f"at most {limits.EXPANDED_BYTES >> 20} MiB of text are read")
    with path.open(encoding=codec, errors="replace", newline=None) as file:
        return [line.rstrip("\n").strip("\ufeff") for line in itertools.islice(bounded_lines(file), most)]


def recording(
    path: Path,
    form: str,
    options: ReadOptions,
    signals: Sequence[Signal] = (),
    *,
    notes: Sequence[Note] = (),
    events: Sequence[Event] = (),
    references: Sequence[Reference] = (),
    dropped: Sequence[str] = (),
    **more: Any,
) -> Recording:
    """The recording of one file, of the signals the user wants; `modality` where the one asked for is not there.

    Raises `empty_recording` where nothing was recorded.
    """
    if not signals and not references and not events:
        raise InputError("empty_recording", "the file holds no samples")
    if signals or options.channel is not None:
        check_channel([signal.name for signal in signals], options)
    why = more.pop("why", "as the file states it")
    return Recording(
        more.pop("id", path.stem),
        tuple(signal for signal in signals if wanted(signal.name, options)),
        person=options.person or more.pop("person", ""),
        events=tuple(events),
        references=tuple(references),
        provenance=Provenance(form, notes=tuple(notes), dropped=tuple(dict.fromkeys(dropped)), why=why),
        **more,
    )


def described(found: Sequence[Recording], form: str, device: str = "", notes: Sequence[Note] = ()) -> list[Recording]:
    """Recordings of the table reader under the name of the format that called it."""
    return [
        replace(one, device=device, provenance=replace(one.provenance, format=form)).with_notes(*notes) for one in found
    ]


def utc(text: str) -> datetime | None:
    """A moment with its offset as UTC; None where the text is none, or states no offset.

    >>> utc("2020-02-05 09:14:40 -0400"), utc("2020-02-05T09:14:40.5Z"), utc("2020-02-05 09:14")
    (datetime.datetime(2020, 2, 5, 13, 14, 40, tzinfo=datetime.timezone.utc),
     datetime.datetime(2020, 2, 5, 9, 14, 40, 500000, tzinfo=datetime.timezone.utc), None)
    """
    plain = re.sub(r"\s+([+-]\d{2}:?\d{2})$", r"\1", text.strip())
    try:
        moment = datetime.fromisoformat(plain)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def isolated(module: str, library: str, path: Path, options: ReadOptions | None) -> list[Recording]:
    """The answer of `module:parse` in a disposable process, where `library` is installed; else what to install.

    Raises `missing_dependency`, `not_found`, `empty_recording`, `unsafe_path`, and what `core.isolate.run` raises.
    """
    limits.check_address(path)
    if not path.is_file():
        raise InputError("not_found", "no file of this name", where=path.name)
    if not path.stat().st_size:
        raise InputError("empty_recording", "the file is empty")
    if importlib.util.find_spec(library) is None:
        raise registry.needs(library, f"reading {module.rpartition('.')[2]} files")
    found = isolate.run(f"{module}:parse", path, options)
    return [one for one in found if isinstance(one, Recording)]


def fitted(
    stamps: NDArray[np.float64],
    columns: Sequence[tuple[str, str, str, NDArray[Any]]],
    options: ReadOptions,
    notes: list[Note],
    *,
    origin: float,
    stated: float | None = None,
    clock: str = "",
) -> list[Signal]:
    """Signals of columns whose samples have stamps (s, shape (n,)): rate fitted, gaps kept, starts from `origin`.

    Parameters
    ----------
    columns : sequence of (name, kind, unit, values of shape (n,))
    stated : float, optional
        The rate the file states; where it is more than 1 % off it is not believed, and a note says so.
    clock : str
        Name under which the stamps are kept, where the grid does not say as much.

    Raises `sampling_rate`, `time_order`.
    """
    order = np.argsort(stamps, kind="stable")
    if (np.diff(stamps) < 0).any():
        backwards = int((np.diff(stamps) < 0).sum())
        if backwards > max(_clock.BACKWARDS_SHARE * len(stamps), 1):
            raise InputError("time_order", f"{backwards} of {len(stamps)} timestamps run backwards", where=clock)
        notes.append(Note("time_order", "samples whose time runs backwards were put in order", backwards))
    times = stamps[order]
    grid = _clock.fit(times, where=clock)
    notes += grid.notes
    ppm = None
    if stated:
        try:
            ppm, more = _clock.compare(grid.rate, stated)
            notes += more
        except InputError:
            text = f"the file states {stated:g} Hz, its timestamps give {grid.rate:.6g} Hz, which is used"
            notes.append(Note("stated_rate", text))
    clocks = {}
    if clock and grid.kind != "irregular" and grid.away() >= 0.05:
        kept = grid.places >= 0
        held = np.full(grid.length, np.nan)
        held[grid.places[kept]] = times[kept]
        clocks = {clock: held}
    out = []
    for name, kind, unit, values in columns:
        samples, valid = grid.place(np.asarray(values, dtype=np.float32)[order])
        said = replace(options, columns={name: kind, **options.columns}) if kind != "other" else options
        made = channel(name, samples, grid.rate, unit, said, notes, valid=valid, rate_source="timestamps")
        out.append(
            replace(made, start=float(times[0]) - origin, rate_stated=stated or None, drift_ppm=ppm, clocks=clocks)
        )
    return out


def by_number(
    numbers: NDArray[np.float64] | None,
    rows: int,
    notes: list[Note],
    *,
    stamps: NDArray[np.float64] | None = None,
    rate: float = 0.0,
) -> NDArray[np.int64]:
    """Where rows go by their own numbers: one after the other, apart where numbers are left out; shape (rows,).

    Parameters
    ----------
    numbers : ndarray, shape (rows,), optional
        They count up by one step and begin again (at 16, 256, ...) or do not; where they do not count at all (a
        constant column, one with holes), nothing is concluded.
    stamps, rate : ndarray of shape (rows,), float
        Seconds of a second clock and Hz, to see whether whole rounds of the numbers were lost.

    Raises `too_large` where the rows would lie beyond the limits.

    >>> by_number(np.array([14.0, 15.0, 0.0, 1.0, 4.0, 5.0]), 6, []).tolist()
    [0, 1, 2, 3, 6, 7]
    """
    steps = np.ones(rows, dtype=np.int64)
    steps[:1] = 0
    if numbers is not None and rows > 1 and np.isfinite(numbers).all() and np.abs(numbers).max() < 2**40:
        whole = numbers.astype(np.int64)
        seen = np.diff(whole)
        usual = int(np.median(seen))
        around = int(whole.max()) + usual if (seen < 0).any() and usual > 0 else 0
        if around & (around - 1) and whole.max() < 2**20:
            near = 1 << around.bit_length()
            around = near if around > 0.9 * near else around
        seen = seen % around if around else seen
        counts = usual > 0 and float(np.mean(seen == usual)) >= 0.5 and float(np.mean(seen == 0)) <= 0.01
        if counts:
            jump = np.maximum(np.round(seen / usual), 1).astype(np.int64)
            if stamps is not None and around and rate > 0:
                waited = np.nan_to_num(np.diff(stamps)) * rate * usual
                rounds = np.round((waited - seen) / around)
                jump += np.where((rounds >= 1) & (waited > 1.5 * around), rounds * around / usual, 0).astype(np.int64)
            steps[1:] = jump
            lost = jump - 1
            if lost.any():
                text = f"rows were lost in {int((lost > 0).sum())} places by their numbers; they are gaps"
                notes.append(Note("gap", text, int(lost.sum())))
    places = np.cumsum(steps)
    limits.check_samples(int(places[-1]) + 1 if rows else 0)
    return places


def spread(values: NDArray[Any], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values at their places, NaN between them, shape (last place + 1,)."""
    out = np.full(int(places[-1]) + 1 if len(places) else 0, np.nan)
    out[places] = values
    return out
