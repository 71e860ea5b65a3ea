"""Row 10: damage that once came through a reader as a fault of ours, each kept as the smallest file that shows it."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import InputError
from pulsewise.data.open import open_file

sys.path.insert(0, str(Path(__file__).parent))
from whole_files import KINDS

ZIPPED = ("npz", "npz-arrays", "xlsx", "zip")


def directory(content: bytes) -> int:
    """Where the directory of a ZIP file begins."""
    return int.from_bytes(content[content.rindex(b"PK\x05\x06") + 16 :][:4], "little")


def changed(content: bytes, at: int, value: int) -> bytes:
    """Four bytes are another number."""
    return content[:at] + value.to_bytes(4, "little") + content[at + 4 :]


def outside(content: bytes) -> bytes:
    """The directory says to be 64 bytes further on than it is: by that, the first member lies before the file."""
    return changed(content, content.rindex(b"PK\x05\x06") + 16, directory(content) + 64)


def beyond(content: bytes) -> bytes:
    """The first member begins far behind the end."""
    return changed(content, directory(content) + 42, 2**31 - 1)


def garbled(content: bytes) -> bytes:
    """What was packed cannot be unpacked, nor is it what it was."""
    out, at = bytearray(content), directory(content)
    while content[at : at + 4] == b"PK\x01\x02":
        name, extra, comment = (int.from_bytes(content[at + n :][:2], "little") for n in (28, 30, 32))
        begin = int.from_bytes(content[at + 42 :][:4], "little")
        begin += 30 + sum(int.from_bytes(content[begin + n :][:2], "little") for n in (26, 28))
        out[begin : begin + 20] = b"\xff" * 20
        at += 46 + name + extra + comment
    return bytes(out)


def otherwise(content: bytes) -> bytes:
    """The members say to be packed with LZMA."""
    at = directory(content) + 10
    return content[:8] + b"\x0e\0" + content[10:at] + b"\x0e\0" + content[at + 2 :]


@pytest.mark.parametrize("spoil", [outside, beyond, garbled, otherwise])
@pytest.mark.parametrize("kind", ZIPPED)
def test_row_10_zip_files_whose_directory_or_content_is_wrong(
    kind: str, spoil: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    (path,) = KINDS[kind].files(tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError) as caught:
        open_file(path)
    assert caught.value.code in ("malformed", "unsafe_path")


def test_row_10_an_encoding_nobody_knows(tmp_path: Path) -> None:
    (path,) = KINDS["apple_health"].files(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"UTF-8", b"UTF-9", 1))
    with pytest.raises(InputError, match="encoding"):
        open_file(path)


def test_row_10_a_head_of_our_own_table_that_is_no_text(tmp_path: Path) -> None:
    (path,) = KINDS["csv"].files(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:40] + b"\xb0" + content[41:])
    with pytest.raises(InputError, match="UTF-8"):
        open_file(path)


def test_row_10_one_wrong_stamp_takes_no_memory(tmp_path: Path) -> None:
    rows = [f"{i / 125 + (300_000 if i == 99 else 0):.3f},{i % 9}" for i in range(100)]
    (tmp_path / "a.csv").write_text("time[s],ppg\n" + "\n".join(rows) + "\n")
    tracemalloc.start()
    with pytest.raises(InputError, match="nearly all of it would be a gap"):
        open_file(tmp_path / "a.csv")
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("rate", [3.6e-310, 1e-12])
def test_row_2_a_rate_so_low_that_its_duration_is_no_number(rate: float, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", ppg=np.arange(400.0), fs=rate)
    with pytest.raises(InputError) as caught:
        open_file(tmp_path / "a.npz")
    assert caught.value.code == "sampling_rate"
