"""An upload on its way to a disk of its own: bytes into a folder that is gone as soon as they are read."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Request
from starlette.datastructures import UploadFile

from pulsewise.core.errors import InputError, UsageError
from pulsewise.deploy.serve.reading import FILES

MOST_FILES = 64
MOST_NAME = 200
PIECE = 1 << 20


@asynccontextmanager
async def received(
    request: Request, name: str, *, by_field: bool = False
) -> AsyncIterator[tuple[Path, str, dict[str, str]]]:
    """The body of a request as files in a temporary folder: the folder, a digest of names and bytes, the form's fields.

    A multipart body may hold several files; any other body is one file called `name`. Nothing is left afterwards. With
    `by_field` each file lies in a folder called as its field of the form; fields given twice are lines of one text.
    """
    folder = Path(tempfile.mkdtemp(prefix="pulsewise-upload-"))
    try:
        (folder / FILES).mkdir()
        digest = hashlib.sha256()
        fields: dict[str, str] = {}
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with request.form(max_files=MOST_FILES, max_fields=32, max_part_size=1 << 16) as form:
                for key, value in form.multi_items():
                    if isinstance(value, UploadFile):
                        place = folder / FILES / _safe(key) if by_field else folder / FILES
                        place.mkdir(exist_ok=True)
                        await _save(value, place / _safe(value.filename or ""), digest)
                    else:
                        fields[key] = f"{fields[key]}\n{value}" if key in fields else value
                        digest.update(f"{key}={value}\0".encode("utf-8", "replace"))
        else:
            path = folder / FILES / _safe(name)
            digest.update(path.name.encode() + b"\0")
            with path.open("wb") as file:
                async for piece in request.stream():
                    digest.update(piece)
                    file.write(piece)
        if not any((folder / FILES).iterdir()):
            raise UsageError("usage", "the form holds no file", where="file")
        yield folder, digest.hexdigest(), fields
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _save(upload: UploadFile, path: Path, digest: hashlib._Hash) -> None:
    if path.exists():
        raise UsageError("usage", "two files of the form have the same name", where="file")
    digest.update(path.name.encode() + b"\0")
    with path.open("wb") as file:
        while piece := await upload.read(PIECE):
            digest.update(piece)
            file.write(piece)


def _safe(name: str) -> str:
    """The last part of a file's name, where it is one; `unsafe_path` where it is not.

    >>> _safe("C:\\\\data\\\\finger.csv"), _safe("folder/finger.csv")
    ('finger.csv', 'finger.csv')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    if not last or last in (".", "..") or last.startswith(".") or not last.isprintable() or ":" in last:
        raise InputError("unsafe_path", "the file's name is none that can be kept", where="name", fix="rename it")
    if len(last.encode()) > MOST_NAME:
        raise InputError("unsafe_path", f"the file's name is longer than {MOST_NAME} bytes", where="name")
    return last
