"""What the logs of devices share: first lines, read within limits, and recordings of signals of a known rate."""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Event, Note, Provenance, Recording, Reference, Signal
from pulsewise.formats._channel import check_channel, wanted
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


def finite(values: NDArray[Any]) -> int:
    """How many values are numbers."""
    return int(np.isfinite(values).sum())
