"""EDF and BDF against the library `edfio` as an independent witness, and the corner cases as small files made here."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsewise.core.errors import InputError, PulsewiseError, UsageError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Event, Recording, Reference, Signal
from pulsewise.formats import edf as ours


def read(path: Path, **options: Any) -> Recording:
    (recording,) = ours.read(path, ReadOptions(**options))
    assert isinstance(recording, Recording)
    return recording


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(PulsewiseError) as caught:
        ours.read(path, ReadOptions(**options))
    return caught.value.code


def notes(recording: Recording) -> set[str]:
    return {note.code for note in recording.provenance.notes}


ANNOTATIONS = "EDF Annotations"


def make(
    path: Path,
    signals: list[dict[str, Any]],
    data: bytes,
    *,
    records: int = 2,
    duration: str = "1",
    kind: str = "",
    patient: str = "X X X X",
    recording: str = "Startdate X X X X",
    date: str = "01.01.85",
    time: str = "00.00.00",
    version: bytes = b"0       ",
    count: int | None = None,
) -> Path:
    """An EDF file field by field, right or wrong as the caller wants it."""
    fields = (("label", 16, ""), ("transducer", 80, ""), ("unit", 8, "mV"), ("pmin", 8, "-1"), ("pmax", 8, "1"))
    fields += (("dmin", 8, "-32768"), ("dmax", 8, "32767"), ("filter", 80, ""), ("samples", 8, "4"), ("rest", 32, ""))
    n = len(signals) if count is None else count
    head = f"{patient:80}{recording:80}{date:8}{time:8}{256 * (len(signals) + 1):<8}{kind:44}"
    head += f"{records:<8}{duration:8}{n:<4}"
    for name, width, default in fields:
        head += "".join(f"{s.get(name, default)!s:{width}}"[:width] for s in signals)
    path.write_bytes(version + head.encode("latin-1") + data)
    return path


def integers(*values: int) -> bytes:
    return np.asarray(values, "<i2").tobytes()


def tal(text: str, size: int = 32) -> bytes:
    return text.encode().ljust(size, b"\0")


# -- the same numbers as the library ---------------------------------------------------------------------


@pytest.mark.real_data
def test_a_real_file_equals_the_library(real_data: Path) -> None:
    edfio = pytest.importorskip("edfio")
    path = real_data / "wfdb-samples" / "raw" / "test_generator_2.edf"
    recording, theirs = read(path), edfio.read_edf(path)
    for signal, other in zip(recording.signals, theirs.signals, strict=True):
        assert (signal.name, signal.rate) == (other.label, other.sampling_frequency)
        factor = 1e-3 if signal.kind == "ecg" else 1.0
        np.testing.assert_allclose(signal.samples, other.data * factor, rtol=1e-5, atol=1e-3 * factor)
    assert [(e.time, e.text) for e in recording.events] == [(a.onset, a.text) for a in theirs.annotations]
    assert recording.signal("ecg").unit == "mV"


@pytest.mark.real_data
def test_the_same_recording_as_edf_and_wfdb(real_data: Path) -> None:
    from pulsewise.formats import wfdb

    folder = real_data / "wfdb-samples" / "raw"
    edf = read(folder / "test_generator_2.edf")
    (other,) = wfdb.read(folder / "test_generator_2.hea", ReadOptions())
    for a, b in zip(edf.signals, other.signals[:-1], strict=True):  # type: ignore[union-attr]  # the last is text
        np.testing.assert_allclose(a.samples, b.samples, atol=1.6e-5 if a.kind == "ecg" else 1.6e-2)


@pytest.mark.real_data
def test_annotations_alone(real_data: Path) -> None:
    recording = read(real_data / "wfdb-samples" / "raw" / "test_edfann.edf")
    assert recording.signals == ()
    assert recording.events[0].text == "Sleep stage W" and recording.events[0].duration == 30.0
    assert recording.person and "SN001" not in recording.person


@pytest.mark.real_data
def test_a_text_that_is_named_edf_is_refused_with_what_is_wrong(real_data: Path) -> None:
    with pytest.raises(InputError, match="line breaks") as caught:
        ours.read(real_data / "pyppg-samples" / "raw" / "PPG_EDF_sample.edf", ReadOptions())
    assert caught.value.code == "malformed"


# -- what a header can say ----------------------------------------------------------------------------------


def test_physical_values_of_two_rates(tmp_path: Path) -> None:
    signals = [{"label": "ECG I", "pmax": 3, "pmin": -3, "dmin": -3, "dmax": 3}, {"label": "Pleth", "samples": 2}]
    path = make(tmp_path / "x.edf", signals, integers(0, 1, 2, 3, 8, 8, -1, -2, -3, 0, 8, 8))
    ecg, pleth = read(path).signals
    assert (ecg.rate, pleth.rate, ecg.kind, pleth.kind) == (4.0, 2.0, "ecg", "ppg")
    np.testing.assert_allclose(ecg.samples, [0, 1, 2, 3, -1, -2, -3, 0], atol=1e-6)
    np.testing.assert_allclose(pleth.samples, -1 + (8 + 32768) * 2 / 65535, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"records": -2}, "malformed"),
        ({"duration": "0"}, "sampling_rate"),
        ({"duration": "-1"}, "sampling_rate"),
        ({"duration": "nan"}, "malformed"),
        ({"duration": "0.0001"}, "sampling_rate"),
        ({"records": 9999999}, "truncated"),
        ({"records": 99999999}, "too_large"),
        ({"count": 0}, "empty_recording"),
        ({"count": -1}, "malformed"),
        ({"count": 99}, "too_large"),
        ({"count": 2}, "malformed"),
        ({"version": b"1       "}, "malformed"),
        ({"patient": "two\nlines"}, "malformed"),
    ],
)
def test_headers_that_are_refused(change: dict[str, Any], code: str, tmp_path: Path) -> None:
    path = make(tmp_path / "x.edf", [{"label": "Pleth"}], integers(*range(8)), **change)
    assert refused(path) == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"samples": "-4"}, "malformed"),
        ({"samples": "1_0"}, "malformed"),
        ({"samples": "99999999"}, "sampling_rate"),
        ({"pmin": "low"}, "malformed"),
        ({"pmin": "inf"}, "malformed"),
        ({"dmin": ""}, "malformed"),
    ],
)
def test_signals_that_are_refused(change: dict[str, Any], code: str, tmp_path: Path) -> None:
    assert refused(make(tmp_path / "x.edf", [{"label": "Pleth", **change}], integers(*range(8)))) == code


def test_an_empty_file_and_half_a_header(tmp_path: Path) -> None:
    (tmp_path / "x.edf").write_bytes(b"")
    assert refused(tmp_path / "x.edf") == "empty_recording"
    (tmp_path / "x.edf").write_bytes(b"0       " + b" " * 200)
    assert refused(tmp_path / "x.edf") == "malformed"
    assert refused(tmp_path / "none.edf") == "not_found"
    assert refused(Path("s3://bucket/x.edf")) == "unsafe_path"


@pytest.mark.parametrize("change", [{"pmin": 1}, {"dmin": 32767}, {"dmin": 32767, "dmax": -32768}])
def test_an_impossible_range_leaves_digital_units(change: dict[str, Any], tmp_path: Path) -> None:
    path = make(tmp_path / "x.edf", [{"label": "Pleth", **change}], integers(*range(8)))
    recording = read(path)
    assert "uncalibrated" in notes(recording)
    np.testing.assert_array_equal(recording.signals[0].samples, range(8))
    assert recording.signals[0].unit == "a.u."
    assert refused(path, strict=True) == "malformed"


def test_a_decimal_comma_is_read_and_noted(tmp_path: Path) -> None:
    recording = read(make(tmp_path / "x.edf", [{"label": "Pleth", "pmax": "1,0"}], integers(*range(8)), duration="0,5"))
    assert recording.signals[0].rate == 8.0
    assert "decimal_comma" in notes(recording)


def test_a_rate_is_taken_where_the_file_has_none_and_only_there(tmp_path: Path) -> None:
    path = make(tmp_path / "x.edf", [{"label": "Pleth"}], integers(*range(8)), duration="0")
    signal = read(path, rate=50.0).signals[0]
    assert (signal.rate, signal.rate_source) == (50.0, "option")
    path = make(tmp_path / "x.edf", [{"label": "Pleth"}], integers(*range(8)))
    assert read(path, rate=50.0).signals[0].rate == 4.0
    assert "rate_kept" in notes(read(path, rate=50.0))


@pytest.mark.parametrize(("cut", "valid"), [(1, [8, 3]), (4, [8, 2]), (6, [7, 2]), (13, [4, 1])])
def test_what_is_whole_of_a_shortened_file_is_read(cut: int, valid: list[int], tmp_path: Path) -> None:
    signals = [{"label": "Pleth"}, {"label": "ABP", "samples": 2}]
    path = make(tmp_path / "x.edf", signals, integers(*range(1, 13))[:-cut])
    recording = read(path)
    assert [int(s.valid.sum()) for s in recording.signals] == valid
    assert [len(s.samples) for s in recording.signals] == [8, 4]
    assert "truncated" in notes(recording)
    assert refused(path, strict=True) == "truncated"


def test_a_recording_that_was_never_finished_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    recording = read(make(tmp_path / "x.edf", [{"label": "Pleth"}], integers(*range(12)), records=-1))
    assert len(recording.signals[0].samples) == 12
    assert "still_recording" in notes(recording)
    assert "trailing" in notes(read(make(tmp_path / "y.edf", [{"label": "Pleth"}], integers(*range(12)), records=2)))


def test_bdf_has_24_bits(tmp_path: Path) -> None:
    values = np.array([-8388608, -1, 0, 8388607], "<i4")
    raw = values.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    signal = {"label": "Pleth", "dmin": -8388608, "dmax": 8388607, "pmin": -8388608, "pmax": 8388607}
    path = make(tmp_path / "x.bdf", [signal], raw, records=1, version=b"\xffBIOSEMI")
    np.testing.assert_allclose(read(path).signals[0].samples, values)


def test_gaps_of_an_interrupted_recording(tmp_path: Path) -> None:
    signals = [{"label": "Pleth"}, {"label": ANNOTATIONS, "samples": 16}]
    first = integers(*range(4)) + tal("+10\x14\x14\0+10.5\x152\x14moved\x14\0")
    path = make(tmp_path / "x.edf", signals, first + integers(*range(4)) + tal("+12.5\x14\x14\0"), kind="EDF+D")
    recording = read(path)
    signal = recording.signals[0]
    assert (signal.start, len(signal.samples)) == (10.0, 14)
    assert signal.runs().tolist() == [[0, 4], [10, 14]]
    assert recording.events == (Event(10.5, "mark", "moved", 2.0),)
    data = first + integers(*range(4))
    assert refused(make(path, signals, data + tal("+10.5\x14\x14\0"), kind="EDF+D")) == "time_order"
    assert refused(make(path, signals, data + tal("nonsense"), kind="EDF+D")) == "malformed"
    assert refused(make(path, signals, data + tal("+99999999\x14\x14\0"), kind="EDF+D")) == "too_large"
    recording = read(make(path, signals, data + tal("nonsense"), kind="EDF+C"))
    assert (len(recording.signals[0].samples), recording.signals[0].start) == (8, 10.0)
    assert "damaged_annotation" in notes(recording)


def test_names_are_dropped_and_facts_kept_on_request_only(tmp_path: Path) -> None:
    path = make(
        tmp_path / "x.edf",
        [{"label": "Pleth"}],
        integers(*range(8)),
        kind="EDF+C",
        patient="MCH-1 F 02-MAY-1951 Haagse_Harry",
        recording="Startdate 02-MAR-2002 EMG561 BK/JOP Sony",
        date="02.03.02",
        time="14.05.30",
    )
    recording = read(path)
    text = repr(recording)
    assert not any(word in text for word in ("MCH", "Harry", "1951", "BK/JOP", "Sony", "EMG561"))
    assert recording.provenance.dropped == ("patient field", "recording field")
    assert recording.demographics == {} and recording.start_utc is None and "local_time" in notes(recording)
    assert recording.person == read(path).person != ""
    kept = read(path, keep_ids=True, zone="Europe/Amsterdam")
    assert kept.demographics == {"sex": "female", "age": 51.0}
    assert kept.start_utc == datetime(2002, 3, 2, 13, 5, 30, tzinfo=UTC)


# -- writing ------------------------------------------------------------------------------------------------


def example() -> Recording:
    generator = np.random.default_rng(7)
    valid = np.ones(640, dtype=bool)
    valid[100:150] = False
    return Recording(
        "x",
        (
            Signal("red light", "ppg", "a.u.", 64.0, generator.normal(1e5, 10, 640), valid),
            Signal("ECG II", "ecg", "mV", 128.0, generator.normal(0, 0.4, 1280), start=2.0),
            Signal("temp", "temp", "°C", 4.0, np.full(40, 36.6)),
        ),
        person="p1",
        events=(Event(2.5, "beat", "N"), Event(3.0, "rhythm", "(AFIB", 9.0), Event(9000.0, "mark", "loud, émigré")),
        references=(
            Reference("glucose", 90.5, "mg/dL", time=3.0, flag="censored_low"),
            Reference("sbp", 120.0, "mmHg"),
            Reference("rhythm", "AF", "", time=1.0),
        ),
        demographics={"age": 50.0},
        synthetic=True,
    )


@pytest.mark.parametrize(("suffix", "steps"), [(".edf", 65_534), (".bdf", 16_777_214)])
def test_a_recording_comes_back_to_one_step(suffix: str, steps: int, tmp_path: Path) -> None:
    before, path = example(), tmp_path / f"out{suffix}"
    left = ours.write(before, path)
    assert [note.message for note in left] == ["EDF has no place for demographics; not written"]
    after = read(path, strict=True)
    for a, b in zip(before.signals, after.signals, strict=True):
        assert (a.name, a.kind, a.unit, a.rate) == (b.name, b.kind, b.unit, b.rate)
        first = round((a.start - b.start) * a.rate)
        samples, valid = b.samples[first:][: len(a.samples)], b.valid[first:][: len(a.samples)]
        np.testing.assert_array_equal(a.valid, valid)
        assert a.valid.sum() == b.valid.sum(), "nothing valid beyond the signal"
        step = max(np.ptp(a.samples[a.valid]) * 1.001 / steps, 2.0**-23 * abs(a.samples).max())
        np.testing.assert_allclose(samples[valid], a.samples[a.valid], atol=1.01 * step)
    assert set(after.references) == set(before.references)
    assert (after.synthetic, after.person, after.provenance.dropped) == (True, "p1", ())
    assert [(e.time, e.kind, e.text, e.duration) for e in after.events] == [
        (e.time, e.kind, e.text, e.duration) for e in before.events
    ]


def test_the_library_reads_what_we_write(tmp_path: Path) -> None:
    edfio = pytest.importorskip("edfio")
    before = example()
    ours.write(before, tmp_path / "out.edf")
    theirs = edfio.read_edf(tmp_path / "out.edf")
    np.testing.assert_allclose(theirs.signals[1].data[256:1536], before.signals[1].samples, atol=1e-4)
    texts = {a.text for a in theirs.annotations}
    assert {"beat: N", "rhythm: (AFIB", "loud, émigré", "not valid@@red light"} <= texts


@pytest.mark.parametrize("rate", [25.0, 62.5, 2175.0, 63.9817, 0.5, 1000 / 3])
def test_rates_come_back(rate: float, tmp_path: Path) -> None:
    samples = np.sin(np.arange(1000) / 7)
    for kind in (".edf", ".bdf"):
        ours.write(Recording("x", (Signal("a", "ppg", "a.u.", rate, samples),)), tmp_path / f"x{kind}")
        signal = read(tmp_path / f"x{kind}").signals[0]
        assert signal.rate == pytest.approx(rate, rel=1e-6)
        assert int(signal.valid.sum()) == 1000


@pytest.mark.parametrize("scale", [1e-7, 1e-3, 1.0, 1e4, 1e7, 1e12])
@pytest.mark.parametrize("offset", [0.0, 3.0, -50.0])
def test_ranges_fit_eight_characters(scale: float, offset: float, tmp_path: Path) -> None:
    samples = ((np.sin(np.arange(200) / 7) + offset) * scale).astype(np.float32)
    ours.write(Recording("x", (Signal("a", "ppg", "a.u.", 50.0, samples),)), tmp_path / "x.edf")
    back = read(tmp_path / "x.edf").signals[0].samples
    np.testing.assert_allclose(back, samples, atol=2e-3 * scale * max(1, abs(offset) / 10))


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="named"):
        ours.write(example(), tmp_path / "x.txt")
    with pytest.raises(InputError, match="no signal"):
        ours.write(Recording("x", ()), tmp_path / "x.edf")
    assert list(tmp_path.iterdir()) == []


def test_sniffing(tmp_path: Path) -> None:
    ours.write(example(), tmp_path / "x.edf")
    found = ours.sniff((tmp_path / "x.edf").read_bytes()[:4096], "anything")
    assert found is not None and found.score == 1.0
    assert ours.sniff(b"a,b\n1,2\n", "x.csv") is None
