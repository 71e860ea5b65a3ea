"""Archives that would fill the disk or leave their folder are refused before anything is unpacked."""

import gzip
import io
import stat
import time
import zipfile
from pathlib import Path

import pytest

from pulsewise.core.archive import gunzipped, unzipped
from pulsewise.core.errors import PulsewiseError


def code(path: Path) -> str:
    with pytest.raises(PulsewiseError) as caught, unzipped(path):
        pass
    return caught.value.code


def made(path: Path, members: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


def test_a_plain_archive_is_unpacked_and_cleaned_up(tmp_path: Path) -> None:
    with unzipped(made(tmp_path / "a.zip", {"x/a.csv": b"1", "b.txt": b"2"}), r"\.csv$") as files:
        assert {name: file.read_bytes() for name, file in files.items()} == {"x/a.csv": b"1"}
        folder = files["x/a.csv"].parent
    assert not folder.exists()


@pytest.mark.parametrize(
    "name", ["../a.csv", "/etc/a.csv", "x/../../a.csv", "C:/a.csv", "..\\a.csv", "\\\\host\\a.csv"]
)
def test_names_that_lead_outside(tmp_path: Path, name: str) -> None:
    assert code(made(tmp_path / "a.zip", {name: b"1"})) == "unsafe_path"


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o600, stat.S_IFIFO | 0o600])
def test_links_and_devices(tmp_path: Path, mode: int) -> None:
    assert code(made(tmp_path / "a.zip", {"a.csv": b"/etc/passwd"}, mode)) == "unsafe_path"


def test_what_grows_too_much(tmp_path: Path) -> None:
    started = time.monotonic()
    assert code(made(tmp_path / "zeros.zip", {"a.csv": bytes(100_000_000)})) == "expands_too_much"
    assert code(made(tmp_path / "many.zip", {f"{i}.csv": b"" for i in range(201)})) == "expands_too_much"
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a", "b")
    assert code(made(tmp_path / "named.zip", {"a.zip": inner.getvalue()})) == "expands_too_much"
    assert code(made(tmp_path / "hidden.zip", {"a.csv": inner.getvalue()})) == "expands_too_much"
    assert time.monotonic() - started < 5


def test_a_million_members_are_refused_before_their_directory_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    entry = b"PK\x01\x02" + bytes(42)
    with path.open("wb") as file:
        file.write(entry * 1_000_000)
        file.write(b"PK\x05\x06" + bytes(4) + b"\x05\x00\x05\x00" + (46_000_000).to_bytes(4, "little") + bytes(6))
    started = time.monotonic()
    assert code(path) == "expands_too_much"
    assert time.monotonic() - started < 0.5


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(10), bytes(100)])
def test_what_is_no_zip_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    assert code(tmp_path / "a.zip") == "malformed"


def test_damage_within_a_member(tmp_path: Path) -> None:
    path = made(tmp_path / "a.zip", {"a.csv": bytes(range(256)) * 40})
    raw = bytearray(path.read_bytes())
    raw[60:80] = bytes(20)
    path.write_bytes(raw)
    assert code(path) == "malformed"


def test_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"1,2\n"))
    with gunzipped(path) as plain:
        assert plain.name == "a.csv" and plain.read_bytes() == b"1,2\n"
    for content, expected in (
        (gzip.compress(bytes(300_000_000), 9), "expands_too_much"),
        (gzip.compress(gzip.compress(b"1")), "expands_too_much"),
        (gzip.compress(b"1,2\n" * 99)[:-9], "truncated"),
        (b"\x1f\x8b" + bytes(30), "malformed"),
    ):
        path.write_bytes(content)
        with pytest.raises(PulsewiseError) as caught, gunzipped(path):
            pass
        assert caught.value.code == expected
