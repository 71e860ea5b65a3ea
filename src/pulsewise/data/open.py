"""The first stage: find out what a file is, read it with the right plug-in, and take the names out of it.

How a format is found: every format looks at the first 64 KiB and the name (for a folder: at the names of its files) and
says how sure it is, from 0 to 1, and why. The surest wins. A magic number beats a file name, and a file name beats the
look of a table, because of the scores they give (1, 0.5 to 0.9, 0.3 to 0.5); of two equally sure ones the first in the
alphabet is taken and the other is named in the reason.

Names are taken out: the id of a recording is a pseudonym of the file's name, a person's number becomes a pseudonym,
both by a secret of this machine (`core.privacy`), unless `keep_ids` is set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from types import ModuleType

import numpy as np

from pulsewise.core import disk, limits, registry
from pulsewise.core.errors import InputError, PulsewiseError, SetupError, UsageError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.privacy import pseudonym
from pulsewise.core.recording import Note, Recording
from pulsewise.core.windows import Windows


@dataclass(frozen=True)
class Detection:
    """The format a file was found to be, how sure that is (0 to 1), and why."""

    format: str
    score: float
    why: str


def checked_path(path: str | Path) -> Path:
    """A path on this machine's disks; `unsafe_path` for anything that looks like an address on a network.

    >>> checked_path("s3://bucket/record")
    Traceback (most recent call last):
    ...
    pulsewise.core.errors.InputError: only files on this machine are read, not addresses; ... [unsafe_path]
    """
    text = str(path)
    limits.check_address(Path(text))
    if text.startswith(("\\\\", "//")):
        raise InputError("unsafe_path", "shares on a network are not read", fix="copy the file to this machine")
    if "\0" in text:
        raise InputError("unsafe_path", "a path cannot hold a zero byte")
    return Path(text)


def detect(path: str | Path, format: str | None = None) -> Detection:
    """Which format a file or folder is, and why.

    Parameters
    ----------
    format : str, optional
        Take this one, whatever the file looks like.

    Raises `not_found`, `unsafe_path`, `empty_recording`, `unknown_format`, `unknown_name`.
    """
    path = checked_path(path)
    if format is not None:
        if format not in registry.names("formats"):
            registry.load("formats", format)
        return Detection(format, 1.0, "as the user says")
    head, name = _head(path)
    matches: list[Detection] = []
    known, missing = formats()
    for plugin, module in known.items():
        if (match := module.sniff(head, name)) is not None and match.score > 0:
            matches.append(Detection(plugin, match.score, match.why))
    if not matches:
        if not head.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
            raise InputError("empty_recording", "the file is empty")
        hint = f"some formats need a library that is not installed ({', '.join(missing)}); " if missing else ""
        raise InputError("unknown_format", "no reader recognises the file", fix=f"{hint}see pulsewise list formats")
    best = max(matches, key=lambda found: found.score)
    rivals = [found.format for found in matches if found.score == best.score and found is not best]
    return replace(best, why=f"{best.why}; as likely: {', '.join(rivals)}") if rivals else best


@cache
def formats() -> tuple[dict[str, ModuleType], list[str]]:
    """Every format that can be loaded here, once per process, and the names of those that cannot."""
    found, missing = {}, []
    for name in registry.names("formats"):
        try:
            found[name] = registry.load("formats", name)
        except SetupError:
            missing.append(name)
    return found, missing


def _head(path: Path) -> tuple[bytes, str]:
    """The first bytes of a file and its name; of a folder the names in it, one per line, and its name with a slash."""
    try:
        if path.is_dir():
            names = sorted(item.name for item in path.iterdir() if not item.name.startswith("."))
            return "\n".join(names).encode("utf-8", "replace")[: limits.HEADER_BYTES], path.name + "/"
        if path.exists() and not path.is_file():
            raise InputError("unknown_format", "neither a file nor a folder", fix="give a file")
        with path.open("rb") as file:
            return file.read(limits.HEADER_BYTES), path.name
    except (FileNotFoundError, NotADirectoryError):
        raise InputError("not_found", "no such file or folder", fix="check the path") from None
    except OSError as error:
        raise InputError("not_found", f"cannot be opened: {error.strerror}", fix="check its permissions") from error


def open_file(
    path: str | Path, options: ReadOptions | None = None, *, format: str | None = None
) -> list[Recording | Windows]:
    """Read one file or folder, whatever its format.

    Parameters
    ----------
    path : str or Path
    options : ReadOptions, optional
    format : str, optional
        Skip the detection.

    Returns
    -------
    list of Recording or Windows
        With the file's hash and the reason for its format in the provenance, and pseudonyms for names.

    Raises the codes of `detect` and of the reader; `malformed` where a reader fails in a way it has no words for.
    """
    path, options = checked_path(path), options or ReadOptions()
    found = detect(path, format)
    module = registry.load("formats", found.format)
    try:
        read = module.read(path, options)
    except PulsewiseError:
        raise
    except MemoryError as error:
        raise InputError("too_large", "the file does not fit into memory", fix="cut it into parts") from error
    except Exception as error:  # a reader's own slip must not become a traceback that shows what the file holds
        name = type(error).__name__
        raise InputError("malformed", f"the {found.format} reader failed ({name})", fix="check the file") from error
    if not read:
        raise InputError("empty_recording", "the file holds no recording")
    digest = content_hash(path)
    stem = path.name if path.is_dir() else path.stem
    return [_finished(item, stem, digest, found, options) for item in read]


def open_recordings(paths: str | Path | Iterable[str | Path], options: ReadOptions | None = None) -> list[Recording]:
    """All recordings of some files and folders; windows tables are refused (`modality`). Ids are made unique.

    Raises the codes of `open_file`.
    """
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    out: list[Recording] = []
    seen: dict[str, int] = {}
    for path in expand(several):
        for item in open_file(path, options):
            if isinstance(item, Windows):
                raise InputError("modality", "the file holds windows, a recording is needed", fix="give recordings")
            seen[item.id] = seen.get(item.id, 0) + 1
            out.append(item if seen[item.id] == 1 else replace(item, id=f"{item.id}-{seen[item.id]}"))
    return out


def content_hash(path: Path) -> str:
    """SHA-256 of a file; of a folder that of the names and hashes of its files."""
    if path.is_file():
        return disk.sha256(path)
    digest = hashlib.sha256()
    for item in sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")):
        digest.update(f"{item.relative_to(path).as_posix()}\0{disk.sha256(item)}\n".encode())
    return digest.hexdigest()


def _finished(
    item: Recording | Windows, stem: str, digest: str, found: Detection, options: ReadOptions
) -> Recording | Windows:
    """Pseudonyms instead of names; the hash and the reason for the format into the provenance."""

    def hidden(text: str) -> str:
        if options.keep_ids or not text:
            return text
        return pseudonym(stem) + text[len(stem) :] if text.startswith(stem) else pseudonym(text)

    if isinstance(item, Windows):
        columns = dict(item.columns)
        for name in ("person", "session", "record"):
            texts, inverse = np.unique(columns[name], return_inverse=True)
            given = name == "person" and options.person
            columns[name] = np.array([text if given else hidden(str(text)) for text in texts])[inverse]
        for name, value in options.demographics.items():
            columns[name] = np.full(len(item), value)
        return replace(item, columns=columns)
    p = item.provenance
    why = f"{found.format} by {found.why}" + (f"; {p.why}" if p.why and p.why != found.why else "")
    return replace(
        item,
        id=hidden(item.id),
        session=hidden(item.session),
        person=item.person if options.person else hidden(item.person),
        demographics={**item.demographics, **options.demographics},
        provenance=replace(p, sha256=digest, why=why, notes=_counted(p.notes)),
    )


def _counted(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """The same notes, each once."""
    return tuple(dict.fromkeys(notes))


def expand(paths: Iterable[str | Path]) -> list[Path]:
    """The recordings behind some paths: files as they are, folders as the files in them that some format recognises.

    A WFDB record is its header, once, whichever of its files is named; the segments of a multi-segment record come with
    it; a folder of an Empatica E4 session is one recording. Hidden files are passed over and links to folders are not
    followed. The order is that of the arguments, within a folder by name.

    Raises `not_found`, `unsafe_path`, `unknown_format` (a folder without any recording).
    """
    out: dict[Path, None] = {}
    for given in paths:
        path = checked_path(given)
        if path.is_dir():
            found = list(_walk(path))
            if not found:
                raise InputError("unknown_format", "the folder holds no file that a reader recognises")
            out.update(dict.fromkeys(found))
        else:
            header = path if path.suffix == ".hea" else path.with_suffix(".hea")
            bare = path.with_name(path.name + ".hea")
            if not path.exists() and bare.is_file():
                path = bare
            elif header.is_file() and path.name in _companions(header):
                path = header
            elif not path.exists():
                raise InputError("not_found", "no such file or folder", fix="check the path")
            out[path] = None
    return list(out)


def _walk(folder: Path) -> Iterator[Path]:
    if _is_one(folder):
        yield folder
        return
    items = sorted(item for item in folder.iterdir() if not item.name.startswith("."))
    files = [item for item in items if item.is_file()]
    parts: set[str] = set()
    for header in files:
        if header.suffix == ".hea":
            parts |= _companions(header) - {header.name}
    for item in files:
        if item.name not in parts and _recognised(item):
            yield item
    for item in items:
        if item.is_dir() and not item.is_symlink():
            yield from _walk(item)


def _is_one(folder: Path) -> bool:
    try:
        return detect(folder).score >= 0.9
    except (InputError, UsageError):
        return False


def _recognised(path: Path) -> bool:
    try:
        return detect(path).score >= 0.3
    except InputError:
        return False


def _companions(header: Path) -> set[str]:
    """Names of the files that belong to a WFDB header: its signal files and segments, and annotations of its name."""
    with header.open("rb") as file:
        text = file.read(limits.HEADER_BYTES).decode("latin-1")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines or not lines[0]:
        return set()
    names = {PurePosixPath(line[0]).name for line in lines[1:]}
    if "/" in lines[0][0]:
        names |= {f"{name}.hea" for name in names} | {f"{name}.dat" for name in names}
    tails = (".dat", ".atr", ".qrs", ".ari", ".ecg", ".ann", ".art", ".abp", ".wabp", ".hea-")
    return names | {header.stem + tail for tail in tails}
