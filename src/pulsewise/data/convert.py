"""From one file format to another: every recording whole or not at all, and what was doubted or left out is said."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pulsewise.core import registry
from pulsewise.core.disk import write_set
from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Note, Recording
from pulsewise.core.windows import Windows
from pulsewise.data.deidentify import deidentify
from pulsewise.data.open import expand, formats, open_file


@dataclass(frozen=True)
class Conversion:
    """One recording converted: `files` are what was (or would be) written, the main one last."""

    source: str
    read_as: str
    written_as: str
    recording: str
    files: tuple[Path, ...]
    notes: tuple[Note, ...]


def writers() -> dict[str, tuple[str, ...]]:
    """The formats that can be written here, with the endings of what they write, the usual one first."""
    known, _ = formats()
    return {
        name: (module.SUFFIX, *getattr(module, "ALSO_WRITES", ()))
        for name, module in known.items()
        if hasattr(module, "write")
    }


def target_format(out: Path, to: str | None) -> str:
    """The format to write: the one named, else the one whose ending `out` has; `usage` where neither says."""
    known = writers()
    ending = out.suffix.lower()
    if to is not None:
        if to not in known:
            registry.load("formats", to)  # the error for an unknown name
            raise UsageError("unknown_name", f"{to} can be read only", fix=f"written: {', '.join(known)}")
        if ending and not out.is_dir() and ending not in known[to]:
            raise UsageError("usage", f"{to} files end in {' or '.join(known[to])}, not {ending}", where=out.name)
        return to
    found = [name for name, endings in known.items() if ending in endings]
    if not found:
        every = ", ".join(sorted(ending for endings in known.values() for ending in endings))
        raise UsageError(
            "usage", f"{out.name!r} does not say which format to write", fix=f"end it in {every}, or give --to"
        )
    return found[0]


def convert(
    sources: Sequence[Path],
    out: Path,
    *,
    to: str | None = None,
    options: ReadOptions | None = None,
    format: str | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    deidentified: bool = False,
    shift_dates: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> list[Conversion]:
    """Read files or folders and write each recording in another format.

    Everything is read and written beside its place first; then every recording's files are put in place together, so
    that a source that cannot be read or a name that is taken leaves nothing new behind.

    Parameters
    ----------
    out : Path
        A file for one recording; a folder (there already, or a name without ending) for any number, which are named
        by their ids.
    to : str, optional
        Name of the format; by the ending of `out` otherwise.
    format : str, optional
        Read the sources as this format, whatever they look like.
    dry_run : bool
        Do everything but the last step, in the system's folder for temporary files.
    deidentified, shift_dates : bool
        Write copies that are safe to share (`data.deidentify`), without dates or with dates that are moved.
    progress : callable
        Called once for each source.

    Raises `usage`, `output_exists`, `modality` (windows are not recordings), `disk`, and what reading raises.
    """
    form = target_format(out, to)
    if shift_dates and not deidentified:
        raise UsageError("usage", "dates are moved in copies to share only", fix="give --deidentify too")
    if deidentified and options is not None and options.keep_ids:
        raise UsageError("usage", "--deidentify and --keep-ids exclude each other", fix="give one of them")
    module = registry.load("formats", form)
    one_file = bool(out.suffix) and not out.is_dir()
    folder = out.parent if one_file else out
    made: list[tuple[Conversion, list[Path]]] = []
    taken: set[str] = set()
    place = None if dry_run else _nearest(folder)
    with _staging(place) as staging:
        for source in expand(sources):
            for item in open_file(source, options or ReadOptions(), format=format):
                if isinstance(item, Windows):
                    raise InputError("modality", "the file holds windows, not recordings", where=source.name)
                read_notes, detected = item.provenance.notes, item.provenance.format
                if deidentified:
                    item, left_out = deidentify(item, shift_dates=shift_dates)
                    read_notes = (*read_notes, *left_out)
                if one_file and made:
                    raise UsageError("usage", "there is more than one recording", fix="give a folder and --to")
                name = out.name if one_file else _file_name(item, taken) + module.SUFFIX
                beside = Path(staging) / str(len(made))
                beside.mkdir()
                said = module.write(item, beside / name) or ()
                written = sorted(beside.iterdir(), key=lambda path: (path.name == name, path.name))
                files = tuple(folder / path.name for path in written)
                notes = (*read_notes, *said)
                made.append((Conversion(source.name, detected, form, item.id, files, notes), written))
            progress()
        if not overwrite:
            _refuse_existing([file for conversion, _ in made for file in conversion.files])
        if not dry_run:
            for conversion, written in made:
                _put(conversion.files, written)
    return [conversion for conversion, _ in made]


def _nearest(folder: Path) -> Path:
    """The folder itself or the nearest one above it that is there: on the same disk as what will be written."""
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _staging(place: Path | None) -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix=".pulsewise-", dir=place)
    except OSError as error:
        raise InputError("disk", f"cannot write here: {error.strerror}", fix="choose another folder") from error


def _file_name(recording: Recording, taken: set[str]) -> str:
    """A name any format and any disk allows, not used yet."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", recording.id).strip("-") or "recording"
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}-{number}", number + 1
    taken.add(name)
    return name


def _refuse_existing(files: Sequence[Path]) -> None:
    there = [file.name for file in files if file.exists()]
    if there:
        raise UsageError(
            "output_exists", f"{', '.join(there[:5])} there already", fix="give --overwrite or another place"
        )


def _put(files: Sequence[Path], written: Sequence[Path]) -> None:
    def move(source: Path, target: Path) -> None:
        shutil.move(source, target)

    try:
        files[0].parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("disk", f"cannot write here: {error.strerror}", fix="choose another folder") from error
    write_set({file: partial(move, source) for file, source in zip(files, written, strict=True)})
