"""VitalDB files: read as the publisher's library reads them, and never trusted with a length."""

import gzip
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.data.open import detect
from pulsewise.formats import vital

BEGIN = 1_600_000_000.0


def text(value: str) -> bytes:
    return struct.pack("<I", len(value.encode())) + value.encode()


def packet(kind: int, content: bytes) -> bytes:
    return struct.pack("<BI", kind, len(content)) + content


def track(
    number: int, kind: int, form: int, name: str, unit: str, rate: float = 0.0, gain: float = 1.0, offset: float = 0.0
) -> bytes:
    content = struct.pack("<HBB", number, kind, form) + text(name) + text(unit)
    content += struct.pack("<ffIfddBI", 0, 100, 0, rate, gain, offset, 0, 1) + struct.pack("<Idd", 0, BEGIN, BEGIN + 9)
    return packet(0, content)


def wave(number: int, moment: float, values: np.ndarray) -> bytes:  # type: ignore[type-arg]  # any
    return packet(1, struct.pack("<HdHI", 10, moment, number, len(values)) + values.tobytes())


def figure(number: int, moment: float, value: float) -> bytes:
    return packet(1, struct.pack("<HdHf", 10, moment, number, value))


def header(end: float = BEGIN + 10) -> bytes:
    return b"VITA" + struct.pack("<IHhIIddB", 3, 27, -540, 0, 0, BEGIN, end, 0)


COUNTS = (1000 + 500 * np.sin(np.arange(1000) / 16)).astype("<i2")


def content() -> bytes:
    parts = [header(), packet(9, struct.pack("<I", 1) + text("Solar8000") + text("Solar8000") + text("COM1"))]
    parts += [
        track(1, 1, 5, "PLETH", "", 100.0, 0.5, -10.0),
        track(2, 2, 1, "NIBP_SBP", "mmHg"),
        track(3, 2, 1, "HR", "/min"),
    ]
    parts += [track(4, 5, 0, "EVENT", ""), track(5, 1, 1, "ART", "mmHg", 50.0)]
    parts += [wave(1, BEGIN + i, COUNTS[i * 100 : i * 100 + 100]) for i in range(10) if i != 4]
    parts += [wave(5, BEGIN + 2 + i, np.full(50, 80 + i, dtype="<f4")) for i in range(3)]
    parts += [figure(2, BEGIN + 3, 121), figure(3, BEGIN + 1, 72), figure(3, BEGIN + 2, 9999)]
    parts += [packet(1, struct.pack("<HdHI", 10, BEGIN, 4, 0) + text("Jane Canary"))]
    return b"".join(parts)


def pleth(rate: float) -> bytes:
    return header() + track(1, 1, 5, "PLETH", "", rate)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.vital"
    path.write_bytes(gzip.compress(content()))
    return path


def test_waves_figures_and_a_gap(file: Path) -> None:
    assert detect(file).format == "vital"
    (recording,) = vital.read(file)
    pleth, art = recording.signals
    assert [(s.name, s.kind, s.unit, s.rate, s.start) for s in recording.signals] == [
        ("Solar8000/PLETH", "ppg", "a.u.", 100, 0), ("Solar8000/ART", "abp", "mmHg", 50, 2),
    ]  # fmt: skip
    assert np.flatnonzero(~pleth.valid).tolist() == list(range(400, 500))
    np.testing.assert_allclose(pleth.samples[500:], COUNTS[500:] * 0.5 - 10)
    assert art.samples.tolist() == [80.0] * 50 + [81.0] * 50 + [82.0] * 50
    assert [(r.kind, r.value, r.time, r.method, r.device) for r in recording.references] == [
        ("sbp", 121, 3, "cuff", "Solar8000"), ("heart_rate", 72, 1, "monitor", "Solar8000"),
    ]  # fmt: skip
    assert recording.start_utc is not None and recording.start_utc.timestamp() == BEGIN
    assert "Canary" not in str(recording) and recording.provenance.dropped == ("texts",)


def test_the_publishers_library_reads_the_same(file: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vitaldb = pytest.importorskip("vitaldb")
        witness = vitaldb.VitalFile(str(file))
        other = witness.to_numpy(["Solar8000/PLETH"], 1 / 100)[:, 0]
    signal = vital.read(file)[0].signal("ppg")
    np.testing.assert_allclose(other[:1000][signal.valid], signal.samples[signal.valid], rtol=1e-6)
    assert np.isnan(other[:1000][~signal.valid]).all()


def test_what_the_publishers_library_writes_is_read(file: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vitaldb = pytest.importorskip("vitaldb")
        vitaldb.VitalFile(str(file)).to_vital(str(tmp_path / "b.vital"))
    (one,), (two,) = vital.read(file), vital.read(tmp_path / "b.vital")
    for name in ("Solar8000/PLETH", "Solar8000/ART"):
        a, b = one.signal(name), two.signal(name)
        assert a.valid.sum() == b.valid.sum()
        np.testing.assert_allclose(a.samples[a.valid], b.samples[b.valid], rtol=1e-6)
    assert {(r.kind, r.value) for r in one.references} == {(r.kind, r.value) for r in two.references}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: b"", "empty_recording"),
        (lambda c: c[:50], "empty_recording"),
        (lambda c: b"XITA" + c[4:], "malformed"),
        (lambda c: pleth(0.0) + wave(1, BEGIN, COUNTS), "sampling_rate"),
        (lambda c: pleth(100.0) + wave(1, BEGIN, COUNTS) + wave(1, 3e9, COUNTS), "too_large"),
        (lambda c: pleth(9999.0) + wave(1, BEGIN, COUNTS) + wave(1, BEGIN + 6e5, COUNTS), "too_large"),
    ],
)  # fmt: skip
def test_damaged_files(tmp_path: Path, change: object, expected: str) -> None:
    path = tmp_path / "a.vital"
    path.write_bytes(change(content()))  # type: ignore[operator]  # a lambda
    with pytest.raises(PulsewiseError) as caught:
        vital.read(path)
    assert caught.value.code == expected


def test_a_header_that_promises_ten_thousand_years_asks_for_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.vital"
    path.write_bytes(header(1e15) + content()[len(header()) :])
    assert len(vital.read(path)[0].signals) == 2


def test_a_packet_that_breaks_off(file: Path) -> None:
    file.write_bytes(content()[:-30])
    assert "truncated" in {note.code for note in vital.read(file)[0].provenance.notes}
    with pytest.raises(PulsewiseError) as caught:
        vital.read(file, ReadOptions(strict=True))
    assert caught.value.code == "truncated"


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.vital"
    path.write_bytes(gzip.compress(bytes(40_000_000)))
    with pytest.raises(PulsewiseError) as caught:
        vital.read(path)
    assert caught.value.code == "expands_too_much"
