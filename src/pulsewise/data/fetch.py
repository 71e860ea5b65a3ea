"""Download a public dataset from its publisher, by the user's explicit wish and in no other way.

A download that breaks off goes on where it stopped. No checksum is invented: the first download's is written
to `fetch.lock.json` beside the files and every later one is held against it; one that the publisher states is
checked too.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pulsewise import __version__
from pulsewise.core import archive, registry
from pulsewise.core.disk import lock, sha256, write_json
from pulsewise.core.errors import InputError, SetupError, UsageError
from pulsewise.core.plugin import DatasetInfo

LOCK = "fetch.lock.json"
ATTEMPTS = 4
"""Tries without a single new byte before a download is given up."""
TIMEOUT_S = 30.0
PAUSE_S = 1.0
"""Seconds before a second try, twice that before a third, and so on."""
MEMBERS = 20_000
"""Files in a dataset's archive."""
_BLOCK = 1 << 18

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Remote:
    """One file to download: address, name on disk, and checksums where the publisher states them."""

    url: str
    name: str
    sha256: str = ""
    md5: str = ""
    size: int | None = None


@dataclass(frozen=True)
class Source:
    """Where a dataset is published: its `FETCH`.

    Parameters
    ----------
    folder : str
        Name of the folder it is kept in.
    files : tuple of Remote
    listing : str
        Address of a figshare article (API version 2), which lists files with sizes and MD5 sums.
    by_hand : str
        What to do where the publisher does not let a program download.
    """

    folder: str
    files: tuple[Remote, ...] = ()
    listing: str = ""
    by_hand: str = ""


@dataclass(frozen=True)
class Fetched:
    """What was fetched: folder, files with their SHA-256, and what must be known before using it."""

    folder: Path
    files: Mapping[str, str]
    info: DatasetInfo
    notes: tuple[str, ...] = ()


def fetch(
    name: str,
    dest: str | Path,
    *,
    from_dir: str | Path | None = None,
    base_url: str | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Bring a public dataset into a folder: from its publisher, or from a copy that is there already.

    Parameters
    ----------
    name : str
        A dataset whose file has a `FETCH`.
    dest : path
        Folder to put it in; archives are unpacked there.
    from_dir : path, optional
        Copy from this folder instead; nothing is downloaded.
    base_url : str, optional
        Take every address from this server instead (a mirror).
    progress : callable, optional
        Called with file name, bytes so far and bytes in all (None where unknown).

    Raises
    ------
    UsageError
        `unknown_name`: no such dataset, or one that cannot be downloaded.
    SetupError
        `download`: the publisher does not give the file, or the connection keeps breaking; run again to go on.
    InputError
        `checksum`: the file is not the one that was fetched before; `expands_too_much`, `unsafe_path` of an
        archive; `not_found`: the copy does not hold the dataset.
    ArtifactError
        `output_locked`: another process is fetching to this folder.
    """
    module = registry.load("datasets", name)
    source: Source | None = getattr(module, "FETCH", None)
    if source is None:
        raise UsageError("unknown_name", f"the dataset {name} is not one to download", fix="pulsewise list datasets")
    folder = Path(dest)
    if from_dir is not None:
        _copy(module, Path(from_dir), folder)
        return Fetched(folder, {}, module.INFO, ("copied; its content was not checked",))
    with lock(folder):
        files = list(source.files)
        if source.listing:
            files += _listed(_address(source.listing, base_url), source)
        known = _locked(folder)
        notes = []
        for file in files:
            known[file.name] = _one(file, folder, known.get(file.name), base_url, source, progress)
            if file.name.lower().endswith(".zip"):
                _unpack(folder / file.name, folder / Path(file.name).stem)
            if not (file.sha256 or file.md5):
                notes.append(f"{file.name}: the publisher's checksum is not known; the one of this download is kept")
            write_json(folder / LOCK, {"schema_version": 1, "dataset": name, "files": known})
    sums = {file.name: str(known[file.name]["sha256"]) for file in files}
    return Fetched(folder, sums, module.INFO, tuple(notes))


def _locked(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        data = json.loads((folder / LOCK).read_text(encoding="utf-8"))
        return {str(k): {"sha256": str(v["sha256"]), "bytes": int(v["bytes"])} for k, v in data["files"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("malformed", f"{LOCK} cannot be read", fix="remove it to begin anew") from error


def _listed(address: str, source: Source) -> list[Remote]:
    """Files of a figshare article."""
    try:
        with _open(address, {}) as answer:
            data = json.loads(answer.read(1 << 22))
        return [
            Remote(
                str(f["download_url"]), Path(str(f["name"])).name, md5=str(f.get("computed_md5") or ""), size=f["size"]
            )
            for f in data["files"]
        ]
    except urllib.error.HTTPError as error:
        error.close()
        raise _failed("the publisher's list of files", f"the server answers {error.code}", source) from error
    except (OSError, http.client.HTTPException) as error:
        raise _failed("the publisher's list of files", type(error).__name__, source) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _failed("the publisher's list of files", "it is not of the form expected", source) from error


def _one(
    file: Remote,
    folder: Path,
    known: Mapping[str, Any] | None,
    base_url: str | None,
    source: Source,
    progress: Progress | None,
) -> dict[str, Any]:
    """Download one file unless it is there, check it, and say what it is."""
    final, part = folder / file.name, folder / f".{file.name}.part"
    if not final.is_file():
        _download(_address(file.url, base_url), part, file, source, progress)
        try:
            _check(part, file, known)
        except InputError:
            part.unlink(missing_ok=True)  # the next run begins anew
            raise
        part.replace(final)
        _state(part).unlink(missing_ok=True)
    digest = _check(final, file, known)
    return {"sha256": digest, "bytes": final.stat().st_size}


def _check(path: Path, file: Remote, known: Mapping[str, Any] | None) -> str:
    digest = sha256(path)
    for wanted, said in (
        (file.sha256, "the publisher states"),
        (str((known or {}).get("sha256", "")), "fetched before"),
    ):
        if wanted and wanted != digest:
            raise InputError(
                "checksum",
                f"{file.name} is not the file {said}: SHA-256 {digest[:12]}…, not {wanted[:12]}…",
                fix=f"run again; if the publisher changed the file, remove {LOCK}",
            )
    if file.md5:
        with path.open("rb") as content:
            found = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != file.md5:
            raise InputError(
                "checksum", f"{file.name} does not match the MD5 sum the publisher states", fix="run again"
            )
    return digest


def _download(address: str, part: Path, file: Remote, source: Source, progress: Progress | None) -> None:
    """Fill the part file to its end, going on after breaks as long as something arrives."""
    failures, problem = 0, ""
    while failures < ATTEMPTS:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _transfer(address, part, file, progress):
                return
            problem = "the connection broke"
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # nothing is left to ask for, or the file has become shorter
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code not in (408, 429):
                raise _failed(file.name, f"the server answers {error.code}", source) from error
            problem = f"the server answers {error.code}"
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
            if isinstance(error, OSError) and error.errno in (27, 28, 30):  # too large, no space, read-only
                raise InputError("disk", f"writing {file.name} failed: {error.strerror}", fix="free space") from error
            problem = type(error).__name__
        after = part.stat().st_size if part.exists() else 0
        failures = failures + 1 if after <= before else 0
        time.sleep(PAUSE_S * failures)
    raise _failed(file.name, problem, source)


def _transfer(address: str, part: Path, file: Remote, progress: Progress | None) -> bool:
    """One request; True where the file is whole. What came is kept in any case, with what it was a part of."""
    have = part.stat().st_size if part.exists() else 0
    mark = _mark(part) if have else ""
    headers = {"Range": f"bytes={have}-", "If-Range": mark} if mark else {}
    with _open(address, headers) as answer:
        going_on = answer.status == 206 and _begins(answer.headers.get("Content-Range", "")) == have and bool(mark)
        if answer.status == 206 and not going_on:
            part.unlink(missing_ok=True)
            return False
        length = answer.headers.get("Content-Length")
        total = (have if going_on else 0) + int(length) if length else None
        if not going_on:
            have = 0
            validator = answer.headers.get("ETag", "")
            stamp = "" if validator.startswith("W/") else validator
            write_json(_state(part), {"mark": stamp or answer.headers.get("Last-Modified", "")})
        with part.open("ab" if going_on else "wb") as out:
            while block := answer.read(_BLOCK):
                out.write(block)
                have += len(block)
                if progress:
                    progress(file.name, have, total)
    return (total is None or have == total) and (file.size is None or have == file.size)


def _state(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _mark(part: Path) -> str:
    """What identified the file when the part was begun; without it a part cannot be gone on with."""
    try:
        return str(json.loads(_state(part).read_text(encoding="utf-8"))["mark"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _begins(text: str) -> int:
    """First byte of a `Content-Range`, -1 where there is none.

    >>> _begins("bytes 100-199/200"), _begins("")
    (100, -1)
    """
    first = text.removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isascii() and first.isdigit() else -1


def _address(url: str, base_url: str | None) -> str:
    parts = urlsplit(url)
    address = f"{base_url.rstrip('/')}{parts.path}" + (f"?{parts.query}" if parts.query else "") if base_url else url
    if urlsplit(address).scheme not in ("http", "https"):
        raise SetupError("download", "only http and https addresses are fetched", where=urlsplit(address).scheme)
    return address


def _open(address: str, headers: Mapping[str, str]) -> Any:
    request = urllib.request.Request(  # noqa: S310  # _address let http and https through only
        address, headers={"User-Agent": f"pulsewise/{__version__}", "Accept-Encoding": "identity", **headers}
    )
    return urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310  # as above


def _failed(what: str, why: str, source: Source) -> SetupError:
    by_hand = source.by_hand or "run again to go on, or give a copy with --from DIR"
    return SetupError("download", f"{what} cannot be downloaded: {why}", fix=by_hand)


def _unpack(path: Path, folder: Path) -> None:
    """Unpack a ZIP file beside itself, whole or not at all; what is there already stays."""
    if folder.is_dir():
        return
    room = shutil.disk_usage(path.parent).free
    begun = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(begun, ignore_errors=True)
    try:
        with archive.checked_zip(path, nested=True, members=MEMBERS, most=room) as zipped:
            zipped.extractall(begun)
        begun.replace(folder)
    except OSError as error:
        raise InputError("disk", f"unpacking {path.name} failed: {error.strerror}", fix="free space") from error
    finally:
        shutil.rmtree(begun, ignore_errors=True)


def _copy(module: Any, source: Path, dest: Path) -> None:
    """Take an existing copy, after looking whether the dataset is in it."""
    if not source.is_dir():
        raise InputError("not_found", "no folder to copy from", where="--from", fix="give the folder of the dataset")
    module.build(module.Config(root=str(source))).ids()
    if dest.resolve().is_relative_to(source.resolve()):
        raise UsageError("usage", "the copy would lie in the folder it is made from", where="--out")
    if dest.exists() and any(dest.iterdir()):
        raise UsageError("output_exists", f"{dest.name} is not empty", fix="choose another --out")
    begun = dest.with_name(f".{dest.name}.copying")
    shutil.rmtree(begun, ignore_errors=True)
    try:
        shutil.copytree(source, begun, symlinks=True, copy_function=shutil.copyfile)
        if dest.exists():
            dest.rmdir()
        begun.replace(dest)
    except OSError as error:
        raise InputError(
            "disk", f"copying failed: {error.strerror or 'input/output error'}", fix="free space"
        ) from error
    finally:
        shutil.rmtree(begun, ignore_errors=True)
