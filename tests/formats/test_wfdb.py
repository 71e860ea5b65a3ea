"""WFDB against the library `wfdb` as an independent witness, and its corner cases as small files made here."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pulsewise.core.errors import InputError, PulsewiseError, UsageError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Event, Recording, Reference, Signal
from pulsewise.formats import _wfdb_annotations as annotations
from pulsewise.formats import wfdb as ours


def read(path: Path, **options: Any) -> Recording:
    (recording,) = ours.read(path, ReadOptions(**options))
    assert isinstance(recording, Recording)
    return recording


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(PulsewiseError) as caught:
        ours.read(path, ReadOptions(**options))
    return caught.value.code


def notes(recording: Recording) -> dict[str, int]:
    return {note.code: note.count for note in recording.provenance.notes}


def record(folder: Path, header: str, **files: NDArray[Any] | bytes) -> Path:
    """`r.hea` with the given text, and signal files by suffix."""
    (folder / "r.hea").write_text(header)
    for suffix, content in files.items():
        data = content if isinstance(content, bytes) else np.asarray(content, "<i2").tobytes()
        (folder / f"r.{suffix}").write_bytes(data)
    return folder / "r.hea"


RAMP = np.arange(100) - 50


# -- the same numbers as the library -----------------------------------------------------------------


SINGLE = """
    100 100-no-len 100_3chan 100skew 03700181 3000003_0003 310derive 310derive_2 310derive_3 311derive 311derive_2
    311derive_3 311derive_4 a103l a103l-no-len binformats flacformats mixedsignals p10143 s0010_re test01_00s
    test01_00s_frame test01_00s_skew test01_00s_skewframe test_generator_2 v102s multi-segment/041s/041s
    multi-segment/fixed1/v102s multi-segment/s25047/s25047-2704-05-04-10-44
    multi-segment/s25047/s25047-2704-05-04-10-44n multi-segment/s00001/s00001-2896-10-10-00-31n
""".split()  # noqa: SIM905  # reads better than a list of 32


@pytest.mark.real_data
@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.filterwarnings("ignore")
def test_records_equal_those_of_the_library(name: str, real_data: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    path = real_data / "wfdb-samples" / "raw" / f"{name}.hea"
    recording = read(path)
    assert recording.provenance.integrity is True
    theirs = wfdb.rdrecord(str(path.with_suffix("")), smooth_frames=False, m2s=True)
    values = theirs.e_p_signal or [theirs.p_signal[:, i] for i in range(theirs.n_sig)]
    assert [s.name for s in recording.signals] == theirs.sig_name
    for signal, all_of_it in zip(recording.signals, values, strict=True):
        first = round(signal.start * signal.rate)
        outside = np.r_[all_of_it[:first], all_of_it[first + len(signal.samples) :]]
        assert np.isnan(outside).all(), "only gaps are left out"
        expected = all_of_it[first : first + len(signal.samples)]
        np.testing.assert_array_equal(signal.valid, np.isfinite(expected))
        factor = 1e-3 if theirs.units[theirs.sig_name.index(signal.name)] == "uV" and signal.unit == "mV" else 1.0
        np.testing.assert_allclose(signal.samples[signal.valid], expected[signal.valid] * factor, rtol=3e-7)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["wfdb-samples/raw/100", "ecg-af-cpsc2021-sample/raw/data_84_3"])
@pytest.mark.filterwarnings("ignore")
def test_annotations_equal_those_of_the_library(name: str, real_data: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    recording = read(real_data / f"{name}.hea")
    theirs = wfdb.rdann(str(real_data / name), "atr")
    np.testing.assert_allclose([e.time for e in recording.events], theirs.sample / recording.signals[0].rate)
    for event, symbol, text in zip(recording.events, theirs.symbol, theirs.aux_note, strict=True):
        assert (event.text == symbol) if event.kind == "beat" else (event.text in (text.rstrip("\0"), symbol))
    table = wfdb.io.annotation.ann_label_table
    assert dict(zip(table.label_store, table.symbol, strict=True)).items() >= annotations.SYMBOLS.items()


@pytest.mark.real_data
def test_real_records_of_atrial_fibrillation(real_data: Path) -> None:
    for path in sorted((real_data / "ecg-af-cpsc2021-sample" / "raw").glob("*.hea")):
        recording = read(path)
        assert [s.kind for s in recording.signals] == ["ecg", "ecg"]
        assert recording.provenance.integrity is True
        assert recording.provenance.dropped == ("header comments",)
        assert recording.demographics == {}
        rhythms = [e for e in recording.events if e.kind == "rhythm"]
        assert {e.text for e in rhythms} <= {"(AFIB", "(N", "(AFL"}
        assert sum(e.kind == "beat" for e in recording.events) > 50


@pytest.mark.real_data
def test_a_long_record_with_most_segments_missing(real_data: Path) -> None:
    folder = real_data / "wfdb-samples" / "raw" / "multi-segment"
    recording = read(folder / "p000878" / "p000878-2137-10-26-16-57.hea")
    assert notes(recording)["missing_segment"] == 30
    pleth, second = recording.signal("PLETH"), recording.signal("II")
    assert (pleth.start, len(pleth.samples)) == (30.0, 3750)
    assert (second.start, len(second.samples)) == (46.0, 1750)
    later = read(folder / "s00001" / "s00001-2896-10-10-00-31.hea")
    assert notes(later)["missing_segment"] == 3
    gaps = later.signal("II")
    assert len(gaps.samples) > 14e6 and 0.0 < gaps.valid.mean() < 0.1
    assert refused(folder / "s00001" / "s00001-2896-10-09-01-56.hea") == "empty_recording"
    assert refused(folder / "s00001" / "3975656_0009.hea") == "not_found"


@pytest.mark.real_data
def test_demographics_only_where_names_may_be_kept(real_data: Path) -> None:
    folder = real_data / "wfdb-samples" / "raw"
    for name, age, sex in (("100", 69, "male"), ("s0010_re", 81, "female"), ("test01_00s", 25, "male")):
        assert read(folder / f"{name}.hea").demographics == {}
        assert read(folder / f"{name}.hea", keep_ids=True).demographics == {"age": age, "sex": sex}


# -- what a header can say -----------------------------------------------------------------------------


def test_physical_values_units_and_kinds(tmp_path: Path) -> None:
    path = record(tmp_path, "r 2 100 50\nr.dat 16 2(10)/uV 16 0 0 0 0 II\nr.dat 16 4/mmHg 16 0 0 0 0 ABP\n", dat=RAMP)
    ecg, abp = read(path).signals
    assert (ecg.kind, ecg.unit, abp.kind, abp.unit) == ("ecg", "mV", "abp", "mmHg")
    np.testing.assert_allclose(ecg.samples, (RAMP[::2] - 10) / 2 / 1000, rtol=1e-6)
    np.testing.assert_allclose(abp.samples, RAMP[1::2] / 4)


def test_a_unit_is_taken_where_the_header_has_none(tmp_path: Path) -> None:
    path = record(tmp_path, "r 2 100 50\nr.dat 16 1 16 0 0 0 0 II\nr.dat 16 1/mmHg 16 0 0 0 0 ABP\n", dat=RAMP)
    assert [s.unit for s in read(path).signals] == ["mV", "mmHg"]
    volts, pressure = read(path, unit="V").signals
    assert (volts.unit, pressure.unit) == ("mV", "mmHg")
    np.testing.assert_allclose(volts.samples, RAMP[::2] * 1000.0)


def test_the_signal_file_finds_its_header(tmp_path: Path) -> None:
    record(tmp_path, "r 1 100 100\nr.dat 16 1 16 0 0 0 0 II\n", dat=RAMP)
    assert len(read(tmp_path / "r.dat").signals[0].samples) == 100
    (tmp_path / "alone.dat").write_bytes(b"12")
    assert refused(tmp_path / "alone.dat") == "not_found"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "empty_recording"),
        ("\n# only a comment\n", "empty_recording"),
        ("r 0 100 100\n", "empty_recording"),
        ("r 1 0 100\nr.dat 16 1\n", "sampling_rate"),
        ("r 1 nan 100\nr.dat 16 1\n", "sampling_rate"),
        ("r 1 -5 100\nr.dat 16 1\n", "sampling_rate"),
        ("r 1 1e9 100\nr.dat 16 1\n", "sampling_rate"),
        ("r 1\nr.dat 16 1\n", "sampling_rate"),
        ("r 1 100 99999999999\nr.dat 16 1\n", "too_large"),
        ("r 1 0.001 100\nr.dat 16x1000000000 1\n", "sampling_rate"),
        ("r 65 100 100\n" + "r.dat 16 1\n" * 65, "too_large"),
        ("r 3 100 100\nr.dat 16 1\n", "malformed"),
        ("r 1 100 -100\nr.dat 16 1\n", "malformed"),
        ("r 1 100 100\nr.dat 17 1\n", "malformed"),
        ("r 1 100 100\nr.dat 16 nan\n", "malformed"),
        ("r 1 100 100\nr.dat 16x0 1\n", "malformed"),
        ("r 1 100 100\nr.dat\n", "malformed"),
        ("r 2 100 50\nr.dat 16 1\nr.dat 212 1\n", "malformed"),
        ("hello\n", "malformed"),
        ("r 1 100 100\nmissing.dat 16 1\n", "not_found"),
        ("r 1 100 100000000\nr.dat 16 1\n", "truncated"),
        ("r/2 1 100 100\na 50\n", "malformed"),
        ("r/2 1 100 100\na 50\nb 40\n", "malformed"),
        ("r/1 1 100 99999999999\na 99999999999\n", "too_large"),
    ],
)
def test_headers_that_are_refused(header: str, code: str, tmp_path: Path) -> None:
    assert refused(record(tmp_path, header, dat=RAMP)) == code


def test_a_header_without_rate_takes_the_one_given_and_no_other(tmp_path: Path) -> None:
    path = record(tmp_path, "r 1\nr.dat 16 1 16 0 0 0 0 II\n", dat=RAMP)
    signal = read(path, rate=50.0).signals[0]
    assert (signal.rate, signal.rate_source, len(signal.samples)) == (50.0, "option", 100)
    path = record(tmp_path, "r 1 100\nr.dat 16 1 16 0 0 0 0 II\n")
    recording = read(path, rate=50.0)
    assert recording.signals[0].rate == 100.0
    assert "rate_kept" in notes(recording)


def test_a_gain_of_zero_is_noted_and_refused_when_strict(tmp_path: Path) -> None:
    path = record(tmp_path, "r 1 100 100\nr.dat 16 0 16 0 0 -50 0 II\n", dat=RAMP)
    recording = read(path)
    assert notes(recording)["uncalibrated"] == 1
    np.testing.assert_allclose(recording.signals[0].samples, RAMP / 200)
    assert refused(path, strict=True) == "malformed"


def test_rates_per_signal_skew_offset_and_missing_samples(tmp_path: Path) -> None:
    frames = np.arange(60).reshape(20, 3)
    frames[3, 2] = -32768
    data = b"head" + frames.astype("<i2").tobytes()
    path = record(tmp_path, "r 2 10 20\nr.dat 16x2+4 1/mV 16 0 0 0 0 II\nr.dat 16:5+4 1/mV 16 0 0 0 0 V\n", dat=data)
    fast, late = read(path).signals
    assert (fast.rate, late.rate) == (20.0, 10.0)
    np.testing.assert_array_equal(fast.samples, frames[:, :2].reshape(-1))
    np.testing.assert_array_equal(late.samples[:15], frames[5:, 2])
    assert late.valid.tolist() == [True] * 15 + [False] * 5
    straight = read(record(tmp_path, "r 2 10 20\nr.dat 16x2+4 1 16 0 0 0 0 I\nr.dat 16+4 1 16 0 0 0 0 V\n")).signals[1]
    assert np.flatnonzero(~straight.valid).tolist() == [3]


@pytest.mark.parametrize(("cut", "whole"), [(1, 99), (2, 99), (99, 50), (199, 0)])
def test_what_is_whole_of_a_shortened_file_is_read(cut: int, whole: int, tmp_path: Path) -> None:
    path = record(tmp_path, "r 1 100 100\nr.dat 16 1 16 0 0 0 0 II\n", dat=RAMP.astype("<i2").tobytes()[:-cut])
    recording = read(path)
    signal = recording.signals[0]
    assert signal.valid.tolist() == [True] * whole + [False] * (100 - whole)
    np.testing.assert_array_equal(signal.samples[:whole], RAMP[:whole])
    assert notes(recording)["truncated"] == 1
    assert recording.provenance.integrity is None
    assert refused(path, strict=True) == "truncated"


def test_a_wrong_checksum_is_noted_and_refused_when_strict(tmp_path: Path) -> None:
    right = int(RAMP.sum()) % 65536 - 65536
    path = record(tmp_path, f"r 1 100 100\nr.dat 16 1 16 0 0 {right} 0 II\n", dat=RAMP)
    assert read(path, strict=True).provenance.integrity is True
    path = record(tmp_path, f"r 1 100 100\nr.dat 16 1 16 0 0 {right + 1} 0 II\n")
    recording = read(path)
    assert (recording.provenance.integrity, notes(recording)["checksum"]) == (False, 1)
    assert refused(path, strict=True) == "checksum"


def test_times_without_a_zone_are_left_out(tmp_path: Path) -> None:
    text = "r 1 100 100 {} {}\nr.dat 16 1 16 0 0 0 0 II\n"
    path = record(tmp_path, text.format("10:11:12.5", "26/10/2026"), dat=RAMP)
    assert read(path).start_utc is None
    assert "local_time" in notes(read(path))
    assert read(path, zone="Europe/Berlin").start_utc == datetime(2026, 10, 26, 9, 11, 12, 500_000, UTC)
    for time, date in (("2:30:00", "29/03/2026"), ("2:30:00", "25/10/2026")):
        record(tmp_path, text.format(time, date))
        assert refused(path, zone="Europe/Berlin") == "local_time"
    assert refused(path, zone="Mars/Olympus") == "usage"
    assert refused(record(tmp_path, text.format("10:00:00", "31/02/2026")), zone="Europe/Berlin") == "malformed"


def test_one_channel_and_its_kind(tmp_path: Path) -> None:
    path = record(tmp_path, "r 2 100 50\nr.dat 16 1 16 0 0 0 0 II\nr.dat 16 1/NU 16 0 0 0 0 x\n", dat=RAMP)
    assert [s.kind for s in read(path).signals] == ["ecg", "other"]
    assert [(s.name, s.kind) for s in read(path, channel="x", kind="ppg").signals] == [("x", "ppg")]
    assert [s.kind for s in read(path, columns={"x": "force"}).signals] == ["ecg", "force"]
    assert [s.name for s in read(path, columns={"x": "ignore"}).signals] == ["II"]
    assert refused(path, channel="y") == "modality"


# -- segments ---------------------------------------------------------------------------------------------


def segments(folder: Path) -> Path:
    (folder / "a.hea").write_text("a 1 100 100\na.dat 16 1/mV 16 0 0 -50 0 II\n")
    (folder / "a.dat").write_bytes(RAMP.astype("<i2").tobytes())
    (folder / "b.hea").write_text("b 2 100 50\nb.dat 16 2/mV 16 0 0 -50 0 II\nb.dat 16 1/NU 16 0 0 0 0 PLETH\n")
    (folder / "b.dat").write_bytes(RAMP.astype("<i2").tobytes())
    return record(folder, "r/5 2 100 290\nlayout 0\na 100\n~ 30\ngone 110\nb 50\n")


def test_segments_are_put_in_their_places(tmp_path: Path) -> None:
    recording = read(segments(tmp_path))
    second, pleth = recording.signals
    assert (second.name, second.start, len(second.samples)) == ("II", 0.0, 290)
    assert second.runs().tolist() == [[0, 100], [240, 290]]
    np.testing.assert_array_equal(second.samples[240:], RAMP[::2] / 2)
    assert (pleth.name, pleth.start, len(pleth.samples)) == ("PLETH", 2.4, 50)
    assert notes(recording)["missing_segment"] == 2  # the layout and `gone`
    assert refused(tmp_path / "r.hea", strict=True) == "truncated"


def test_nested_and_cyclic_segments(tmp_path: Path) -> None:
    def nest(names: str) -> None:
        for name, below in pairwise(names):
            (tmp_path / f"{name}.hea").write_text(f"{name}/1 1 100 100\n{below} 100\n")

    segments(tmp_path)
    nest("edcba")
    assert len(read(tmp_path / "e.hea").signals[0].samples) == 100
    nest("zyxwvutsba")
    assert refused(tmp_path / "z.hea") == "header_cycle"
    nest("pqp")
    assert refused(tmp_path / "p.hea") == "header_cycle"
    (tmp_path / "self.hea").write_text("self/1 1 100 100\nself 100\n")
    assert refused(tmp_path / "self.hea") == "header_cycle"


# -- writing ------------------------------------------------------------------------------------------------


def example() -> Recording:
    generator = np.random.default_rng(7)
    valid = np.ones(640, dtype=bool)
    valid[100:150] = False
    return Recording(
        "x",
        (
            Signal("red light", "ppg", "a.u.", 64.0, generator.normal(1e5, 10, 640), valid),
            Signal("II", "ecg", "mV", 128.0, generator.integers(-2000, 2000, 1280) / 200, start=2.0),
            Signal("temp", "temp", "°C", 4.0, np.full(40, 36.6)),
        ),
        events=(Event(2.5, "beat", "N"), Event(3.0, "rhythm", "(AFIB", 9.0), Event(9000.0, "mark", "! loud")),
        person="p1",
        start_utc=datetime(2026, 1, 1, tzinfo=UTC),
        references=(Reference("glucose", 90.0, "mg/dL", time=3.0, flag="censored_low"),),
        demographics={"age": 50.0},
        synthetic=True,
    )


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    before = example()
    assert ours.write(before, tmp_path / "out-1.hea") == ()
    after = read(tmp_path / "out-1.hea", strict=True)
    for a, b in zip(before.signals, after.signals, strict=True):
        assert (a.name, a.kind, a.unit, a.rate) == (b.name, b.kind, b.unit, b.rate)
        first = round((a.start - b.start) * a.rate)
        samples, valid = b.samples[first:][: len(a.samples)], b.valid[first:][: len(a.samples)]
        np.testing.assert_array_equal(a.valid, valid)
        assert a.valid.sum() == b.valid.sum()
        np.testing.assert_allclose(samples[valid], a.samples[a.valid], rtol=1e-7)
    assert [(e.kind, e.text) for e in after.events] == [(e.kind, e.text) for e in before.events]
    np.testing.assert_allclose([e.time for e in after.events], [e.time for e in before.events], atol=5e-4)
    for name in ("person", "start_utc", "references", "demographics", "synthetic"):
        assert getattr(after, name) == getattr(before, name), name
    assert after.provenance.dropped == ()


def test_kinds_that_names_do_not_say_come_back(tmp_path: Path) -> None:
    ours.write(Recording("x", (Signal("a b", "force", "a.u.", 50.0, np.ones(50)),)), tmp_path / "x.hea")
    assert [(s.name, s.kind) for s in read(tmp_path / "x.hea").signals] == [("a b", "force")]
    many = tuple(Reference("glucose", 90.0 + i, "mg/dL", time=float(i)) for i in range(2000))
    left = ours.write(
        Recording("x", (Signal("a", "ppg", "a.u.", 50.0, np.ones(50)),), references=many), tmp_path / "x.hea"
    )
    assert [(note.code, note.count) for note in left] == [("left_out", 2000)]


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"person": 5, "nothing": 1}', '{"kinds": {"a": "b"}}', '{"references": 5}']
)
def test_a_damaged_comment_is_left_out(text: str, tmp_path: Path) -> None:
    path = record(tmp_path, f"r 1 100 100\nr.dat 16 1 16 0 0 -50 0 II\n# pulsewise {text}\n", dat=RAMP)
    assert "damaged_comment" in notes(read(path))


@pytest.mark.filterwarnings("ignore")
def test_the_library_reads_what_we_write(tmp_path: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    before = example()
    ours.write(before, tmp_path / "out.hea")
    theirs = wfdb.rdrecord(str(tmp_path / "out"), smooth_frames=False)
    np.testing.assert_allclose(theirs.e_p_signal[1][256:1536], before.signals[1].samples, rtol=1e-6)
    assert wfdb.rdann(str(tmp_path / "out"), "atr").symbol == ["N", "+", "!"]


def test_samples_of_a_converter_are_kept_exactly_in_16_bits(tmp_path: Path) -> None:
    counts = np.random.default_rng(1).integers(-2048, 2047, 500)
    for gain, offset in ((200.0, 0), (2963.77, 1605), (12.84, -900_000), (0.0024, 0)):
        samples = ((counts - offset) / gain).astype(np.float32)
        ours.write(Recording("x", (Signal("II", "ecg", "mV", 100.0, samples),)), tmp_path / "x.hea")
        assert (tmp_path / "x.dat").stat().st_size == 1000
        np.testing.assert_array_equal(read(tmp_path / "x.hea").signals[0].samples, samples)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="letters, digits"):
        ours.write(example(), tmp_path / "two words.hea")
    with pytest.raises(InputError, match="no signal"):
        ours.write(Recording("x", ()), tmp_path / "x.hea")
    odd = tuple(Signal(n, "ppg", "a.u.", rate, np.ones(9)) for n, rate in (("a", 63.9817), ("b", 31.4159)))
    with pytest.raises(InputError, match="no common frame"):
        ours.write(Recording("x", odd), tmp_path / "x.hea")
    assert list(tmp_path.iterdir()) == []
    ours.write(Recording("x", odd[:1]), tmp_path / "x.hea")
    assert read(tmp_path / "x.hea").signals[0].rate == 63.9817


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.write(example(), tmp_path / "x.hea")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def broken(handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(PulsewiseError, match="disk"):
        ours.write(Recording("y", example().signals[:1]), tmp_path / "x.hea")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_marks_of_another_recording_never_stay(tmp_path: Path) -> None:
    ours.write(example(), tmp_path / "x.hea")
    ours.write(Recording("y", example().signals[:1]), tmp_path / "x.hea")
    assert read(tmp_path / "x.hea").events == ()


def test_sniffing() -> None:
    assert ours.sniff(b"100 2 360 650000\n100.dat 212 200\n100.dat 212 200\n", "100.hea").score == 1.0  # type: ignore[union-attr]
    assert ours.sniff(b"a,b\n1,2\n", "x.csv") is None
    found = ours.sniff(b"what is this", "x.hea")
    assert found is not None and found.score < 1
