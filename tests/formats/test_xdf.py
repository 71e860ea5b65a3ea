"""XDF: streams of two computers on one clock, rates fitted and not believed, markers as events."""

import struct
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.data.open import detect
from pulsewise.formats import xdf

pytest.importorskip("pyxdf")


def chunk(tag: int, content: bytes) -> bytes:
    return b"\x04" + struct.pack("<I", len(content) + 2) + struct.pack("<H", tag) + content


def head(stream: int, name: str, kind: str, count: int, rate: float, form: str, desc: str = "") -> bytes:
    xml = (
        f"<?xml version='1.0'?><info><name>{name}</name><type>{kind}</type><channel_count>{count}</channel_count>"
        f"<nominal_srate>{rate}</nominal_srate><channel_format>{form}</channel_format>"
        f"<hostname>canary-pc</hostname><source_id>SERIALCANARY</source_id><desc>{desc}</desc></info>"
    )
    return chunk(2, struct.pack("<I", stream) + xml.encode())


def samples(stream: int, stamps: np.ndarray, rows: np.ndarray) -> bytes:  # type: ignore[type-arg]  # any
    out = struct.pack("<I", stream) + b"\x04" + struct.pack("<I", len(stamps))
    for stamp, row in zip(stamps, rows, strict=True):
        out += b"\x08" + struct.pack("<d", stamp) + row.tobytes()
    return chunk(3, out)


def texts(stream: int, stamps: list[float], words: list[str]) -> bytes:
    out = struct.pack("<I", stream) + b"\x04" + struct.pack("<I", len(stamps))
    for stamp, word in zip(stamps, words, strict=True):
        out += b"\x08" + struct.pack("<d", stamp) + b"\x01" + bytes([len(word)]) + word.encode()
    return chunk(3, out)


def offset(stream: int, moment: float, value: float) -> bytes:
    return chunk(4, struct.pack("<Idd", stream, moment, value))


LABELS = (
    "<channels><channel><label>IR</label><unit></unit><type>PPG</type></channel>"
    "<channel><label>Lead I</label><unit>microvolts</unit><type>ECG</type></channel></channels>"
)
TIMES = 1000.0 + np.arange(1000) / 100.2


def content(shift: float = 500.0) -> bytes:
    rows = np.stack([np.arange(1000), np.arange(1000) * 10], axis=1).astype("<f4")
    motion = np.ones((500, 3), dtype="<i2")
    parts = [b"XDF:", chunk(1, b"<?xml version='1.0'?><info><version>1.0</version>"
                               b"<datetime>2024-03-01T10:00:00+0100</datetime></info>")]  # fmt: skip
    parts += [head(1, "Belt", "Physio", 2, 100, "float32", LABELS), head(2, "Watch", "ACC", 3, 50, "int16")]
    parts += [head(3, "Task", "Markers", 1, 0, "string")]
    for moment in (0.0, 3.0, 6.0, 9.0):
        parts += [offset(1, 1000 + moment, 0.0), offset(2, 1000 - shift + moment, shift), offset(3, 1000 + moment, 0)]
    parts += [samples(1, TIMES[:500], rows[:500]), samples(1, TIMES[500:], rows[500:])]
    parts += [samples(2, 1002.0 - shift + np.arange(500) / 50, motion), texts(3, [1004.5], ["rest"])]
    return b"".join(parts)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a.xdf").write_bytes(content())
    return tmp_path / "a.xdf"


def test_streams_on_one_clock(file: Path) -> None:
    assert detect(file).format == "xdf"
    (recording,) = xdf.read(file)
    assert [(s.name, s.kind, s.unit) for s in recording.signals] == [
        ("Belt IR", "ppg", "a.u."), ("Belt Lead I", "ecg", "mV"),
        ("Watch 1", "acc", "a.u."), ("Watch 2", "acc", "a.u."), ("Watch 3", "acc", "a.u."),
    ]  # fmt: skip
    belt, watch = recording.signals[0], recording.signals[2]
    assert belt.rate == pytest.approx(100.2, rel=1e-6) and belt.rate_stated == 100
    assert watch.rate == pytest.approx(50) and watch.start == pytest.approx(2.0, abs=1e-6), "shifted by its own offset"
    assert recording.signals[1].samples[100] == pytest.approx(1.0) and belt.samples[999] == 999
    assert [(e.kind, e.text, round(e.time, 3)) for e in recording.events] == [("Task", "rest", 4.5)]
    assert recording.start_utc is not None and recording.start_utc.isoformat() == "2024-03-01T09:00:00+00:00"
    assert "canary" not in str(recording).casefold()


def test_a_rate_far_from_the_stated_one_is_measured_and_said(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    path.write_bytes(content().replace(b"<nominal_srate>100<", b"<nominal_srate>120<"))
    (recording,) = xdf.read(path)
    assert recording.signals[0].rate == pytest.approx(100.2, rel=1e-6)
    assert "stated_rate" in {n.code for n in recording.provenance.notes}


def test_streams_without_clock_offsets_are_said(tmp_path: Path) -> None:
    parts = content()
    path = tmp_path / "a.xdf"
    path.write_bytes(parts.replace(struct.pack("<H", 4) + struct.pack("<I", 2), struct.pack("<H", 99) + b"\0\0\0\0"))
    (recording,) = xdf.read(path)
    assert "no_clock_offsets" in {n.code for n in recording.provenance.notes}


def test_lost_samples_are_gaps(tmp_path: Path) -> None:
    rows = np.ones((900, 1), dtype="<f4")
    stamps = np.delete(1000 + np.arange(1000) / 100, slice(300, 400))
    path = tmp_path / "a.xdf"
    path.write_bytes(b"XDF:" + head(1, "PPG", "PPG", 1, 100, "float32") + samples(1, stamps, rows))
    (recording,) = xdf.read(path)
    assert np.flatnonzero(~recording.signals[0].valid).tolist() == list(range(300, 400))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "empty_recording"),
        (b"XDF:", "empty_recording"),
        (b"XDF:" + head(1, "PPG", "PPG", 1, 100, "float32"), "empty_recording"),
        (b"nothing", "malformed"),
        (
            b"XDF:" + head(1, "P", "PPG", 1, 9, "float32") + chunk(3, struct.pack("<IBQ", 1, 8, 2**40)),
            "empty_recording",
        ),
    ],
)
def test_damaged_files(tmp_path: Path, text: bytes, code: str) -> None:
    (tmp_path / "a.xdf").write_bytes(text)
    with pytest.raises(PulsewiseError) as caught:
        xdf.read(tmp_path / "a.xdf")
    assert caught.value.code == code
