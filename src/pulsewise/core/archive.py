"""Unpacking that cannot be made to fill the disk or to write outside its folder: ZIP and gzip behind limits.

Everything is checked on the directory of the archive before anything is unpacked: how many members, how large, how much
larger than packed, where their names point. What then comes out is counted again.
"""

from __future__ import annotations

import gzip
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from pulsewise.core import limits
from pulsewise.core.errors import InputError

SMALL_BYTES = 2**20
"""What unpacks to no more than this is harmless, whatever its ratio."""
DIRECTORY_BYTES = 2**20
_END = b"PK\x05\x06"
_NESTED = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".zst", ".lz4", ".jar")
_MAGIC = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"7z\xbc\xaf", b"\xfd7zXZ", b"Rar!")
_BLOCK = 2**20

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, struct.error)
"""What reading a damaged member raises."""


@contextmanager
def unzipped(path: Path, wanted: str = "", *, nested: bool = False) -> Iterator[dict[str, Path]]:
    """Unpack a ZIP file into a temporary folder that is gone afterwards.

    Parameters
    ----------
    path : Path
    wanted : str
        Regular expression for the names of the members to unpack; all by default.
    nested : bool
        Whether members may be archives themselves (they are never unpacked).

    Yields
    ------
    dict of str to Path
        Name in the archive to unpacked file.

    Raises `malformed`, `unsafe_path` (absolute names, `..`, links), `expands_too_much` (bytes, ratio, members, archives
    in archives).
    """
    with checked_zip(path, nested=nested) as archive, tempfile.TemporaryDirectory() as folder:
        out: dict[str, Path] = {}
        left = limits.EXPANDED_BYTES
        for index, info in enumerate(archive.infolist()):
            if info.is_dir() or not re.search(wanted, info.filename):
                continue
            target = Path(folder) / f"{index:03d}-{PurePosixPath(info.filename).name[-80:]}"
            try:
                with archive.open(info) as packed, target.open("wb") as file:
                    left = _copy(packed, file, left, nested)
            except DAMAGE as error:
                raise InputError("malformed", "a member of the archive is damaged or locked") from error
            out[info.filename] = target
        yield out


def _copy(packed: IO[bytes], file: IO[bytes], left: int, nested: bool) -> int:
    """Copy and count; returns how many bytes may still come."""
    first = True
    while block := packed.read(_BLOCK):
        if first and not nested and block.startswith(_MAGIC):
            raise _too_much("the archive holds another archive")
        first = False
        left -= len(block)
        if left < 0:
            raise _too_much(f"the archive unpacks to more than {limits.EXPANDED_BYTES >> 20} MiB")
        file.write(block)
    return left


@contextmanager
def checked_zip(
    path: Path,
    *,
    nested: bool = False,
    stored: bool = False,
    members: int = limits.ARCHIVE_MEMBERS,
    most: int = limits.EXPANDED_BYTES,
) -> Iterator[zipfile.ZipFile]:
    """A ZIP file whose directory keeps the limits, opened; nothing is unpacked. Raises as `unzipped`.

    Parameters
    ----------
    nested : bool
        Whether members may be archives themselves.
    stored : bool
        Members that are not packed do not count: they cannot be larger than the file.
    members, most : int
        Most members, and most bytes they may unpack to.
    """
    _check_directory(path, members)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, struct.error, ValueError, RuntimeError) as error:
        raise InputError("malformed", "not a ZIP file, or a damaged one") from error
    with archive:
        infos = archive.infolist()
        if len(infos) > members:
            raise _too_much(f"the archive holds more than {members} files")
        size = path.stat().st_size
        for info in infos:
            _check_member(info, nested, size)
            if not (stored and info.compress_type == zipfile.ZIP_STORED):
                _check_growth(info.file_size, max(1, info.compress_size), most)
        counted = [i for i in infos if not (stored and i.compress_type == zipfile.ZIP_STORED)]
        if any(i.file_size > i.compress_size for i in infos if i.compress_type == zipfile.ZIP_STORED):
            raise InputError("malformed", "a stored member is larger than its place in the archive")
        _check_growth(sum(i.file_size for i in counted), max(1, sum(i.compress_size for i in counted)), most)
        yield archive


def _check_directory(path: Path, members: int) -> None:
    """Refuse a directory of too many members by the end record, before it is read (a million members take seconds)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 66_000))
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise InputError("malformed", "not a ZIP file, or one that breaks off")
    count, length = struct.unpack("<HI", tail[at + 10 : at + 16])
    if count > members or length > max(DIRECTORY_BYTES, 512 * members):
        raise _too_much(f"the archive holds more than {members} files")


def _check_member(info: zipfile.ZipInfo, nested: bool, size: int) -> None:
    if not 0 <= info.header_offset < size:
        raise InputError("malformed", "a member lies outside the archive")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        what = "a member is packed in another way than deflate"
        raise InputError("malformed", what, fix="unpack it, and give the files")
    name = info.filename.replace("\\", "/")
    mode = info.external_attr >> 16
    outside = (
        name.startswith("/") or ".." in name.split("/") or re.match(r"^[A-Za-z]:", name) or "\0" in info.orig_filename
    )
    if outside or "\\" in info.orig_filename:
        raise InputError(
            "unsafe_path", "the archive names a file outside its own folder", fix="do not unpack it at all"
        )
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_IFMT(mode) == 0):
        raise InputError("unsafe_path", "the archive holds a link or a device", fix="do not unpack it at all")
    if not nested and name.lower().endswith(_NESTED):
        raise _too_much("the archive holds another archive")
    if info.flag_bits & 1:
        raise InputError("malformed", "the archive is locked with a password", fix="unpack it first")


def _check_growth(unpacked: int, packed: int, most: int = limits.EXPANDED_BYTES) -> None:
    if unpacked > most:
        raise _too_much(f"the archive unpacks to more than {most >> 20} MiB")
    if unpacked > SMALL_BYTES and unpacked > limits.EXPANSION_RATIO * packed:
        raise _too_much(f"the archive unpacks to more than {limits.EXPANSION_RATIO} times its size")


def _too_much(what: str) -> InputError:
    return InputError("expands_too_much", what, fix="unpack it yourself if you trust it, and give the files")


@contextmanager
def gunzipped(path: Path) -> Iterator[Path]:
    """Unpack a gzip file into a temporary file that is gone afterwards.

    Raises `malformed`, `truncated`, `expands_too_much`.
    """
    packed = max(1, path.stat().st_size)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / path.stem
        done = 0
        try:
            with gzip.open(path, "rb") as source, target.open("wb") as file:
                while block := source.read(_BLOCK):
                    if done == 0 and block.startswith(_MAGIC):
                        raise _too_much("the archive holds another archive")
                    done += len(block)
                    _check_growth(done, packed)
                    file.write(block)
        except EOFError as error:
            raise InputError("truncated", "the gzip file breaks off") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise InputError("malformed", "not a gzip file, or a damaged one") from error
        yield target
