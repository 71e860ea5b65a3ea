"""FIT files made byte by byte: records, intervals, checksums, and a reader that is not there."""

import importlib.util
import struct
from pathlib import Path

import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.registry import plugins
from pulsewise.data.open import detect
from pulsewise.formats import fit

pytest.importorskip("garmin_fit_sdk")
BEGIN = 1_100_000_000  # seconds since 1989-12-31
UNIX = BEGIN + 631_065_600


def checksum(data: bytes) -> int:
    """CRC-16 of the FIT protocol, computed four bits at a time by its published table."""
    table = (0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
             0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400)  # fmt: skip
    crc = 0
    for byte in data:
        for half in (byte & 15, byte >> 4):
            crc = (crc >> 4) ^ table[crc & 15] ^ table[half]
    return crc


def define(local: int, number: int, fields: list[tuple[int, int, int]]) -> bytes:
    out = struct.pack("<BBBHB", 0x40 | local, 0, 0, number, len(fields))
    return out + b"".join(bytes(field) for field in fields)


def write(path: Path, body: bytes, crc: int | None = None) -> Path:
    head = struct.pack("<BBHI4s", 14, 0x20, 2141, len(body), b".FIT")
    whole = head + struct.pack("<H", checksum(head)) + body
    path.write_bytes(whole + struct.pack("<H", checksum(whole) if crc is None else crc))
    return path


def activity(records: int = 60) -> bytes:
    body = define(0, 0, [(0, 1, 0x00), (3, 4, 0x8C)]) + struct.pack("<BBI", 0, 4, 12345678)
    body += define(1, 20, [(253, 4, 0x86), (3, 1, 0x02), (0, 4, 0x85)]) + define(2, 78, [(0, 10, 0x84)])
    for i in range(records):
        body += struct.pack("<BIBi", 1, BEGIN + i + 100 * (i >= 40), 70 + i % 5, 600_000_000)
        if i < 3 or i == 45:
            body += struct.pack("<B5H", 2, 800, 810, 65535, 65535, 65535)
    return body


def test_heart_rate_intervals_and_a_pause(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fit", activity())
    assert detect(path).format == "fit"
    (recording,) = fit.read(path)
    rate = recording.signal("heart rate")
    assert (rate.kind, rate.unit, round(rate.rate, 6)) == ("other", "bpm", 1.0)
    assert rate.samples[:5].tolist() == [70, 71, 72, 73, 74] and int((~rate.valid).sum()) == 100
    assert recording.start_utc is not None and recording.start_utc.timestamp() == UNIX
    assert [(round(e.time, 3), e.duration) for e in recording.events] == [
        (0.8, 0.8), (1.61, 0.81), (2.41, 0.8), (3.22, 0.81), (4.02, 0.8), (4.83, 0.81), (145.8, 0.8), (146.61, 0.81),
    ]  # fmt: skip
    assert recording.references == () and recording.provenance.integrity is True
    assert set(recording.provenance.dropped) == {"position", "serial number"} and "12345678" not in str(recording)


def test_a_wrong_checksum_is_said_and_refused_when_strict(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fit", activity(), crc=1)
    (recording,) = fit.read(path)
    assert recording.provenance.integrity is False and "checksum" in {n.code for n in recording.provenance.notes}
    with pytest.raises(PulsewiseError) as caught:
        fit.read(path, ReadOptions(strict=True))
    assert caught.value.code == "checksum"


def test_what_the_decoder_calls_an_error_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fit", activity())
    path.write_bytes(path.read_bytes()[:-150])
    (recording,) = fit.read(path)
    assert {"checksum", "truncated"} <= {n.code for n in recording.provenance.notes}
    assert 40 <= int(recording.signals[0].valid.sum()) < 60


@pytest.mark.parametrize(("text", "code"), [(b"", "empty_recording"), (b"\x0e" * 30, "malformed")])
def test_damaged_files(tmp_path: Path, text: bytes, code: str) -> None:
    (tmp_path / "a.fit").write_bytes(text)
    with pytest.raises(PulsewiseError) as caught:
        fit.read(tmp_path / "a.fit")
    assert caught.value.code == code


def test_an_activity_without_records(tmp_path: Path) -> None:
    with pytest.raises(PulsewiseError) as caught:
        fit.read(write(tmp_path / "a.fit", activity(0)))
    assert caught.value.code == "empty_recording"


def test_a_library_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.fit", activity())
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "garmin_fit_sdk" else found(name, *a)
    )
    assert plugins("formats")["fit"].needs == ("garmin_fit_sdk",)
    with pytest.raises(PulsewiseError) as caught:
        fit.read(path)
    assert caught.value.code == "missing_dependency" and "pulsewise[formats]" in str(caught.value)
