"""What is written as CSV, NPZ or Parquet is read again as the same recording."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import KINDS, Event, Note, Provenance, Recording, Reference, Signal
from pulsewise.core.units import STORED
from pulsewise.data.open import detect
from pulsewise.formats import csv, npz, parquet

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def signals(draw: st.DrawFn) -> Signal:
    length = draw(st.integers(0, 40))
    kind = draw(st.sampled_from(KINDS))
    values = draw(arrays(np.float32, length, elements=FLOAT32))
    valid = draw(arrays(bool, length))
    clocks = (
        {"device": np.cumsum(draw(arrays(np.float64, length, elements=st.floats(0, 1))))} if draw(st.booleans()) else {}
    )
    return Signal(
        draw(TEXT),
        kind,
        draw(st.sampled_from([STORED[kind], "V", "", "=1+1"])),
        draw(st.floats(0.01, 10_000)),
        np.where(valid, values, np.float32(0)),
        valid,
        start=draw(st.floats(0, 1e6)),
        rate_source=draw(st.sampled_from(["header", "option"])),
        rate_stated=draw(st.none() | st.floats(1, 100)),
        drift_ppm=draw(st.none() | st.floats(-100, 100)),
        clocks=clocks,
    )


MOMENTS = st.integers(0, 10**15).map(lambda n: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(microseconds=n))
GLUCOSE = st.builds(Reference, st.just("glucose"), st.floats(10, 999), st.just("mg/dL"), st.none() | st.floats(0, 1e6))
RECORDINGS = st.builds(
    Recording,
    TEXT,
    st.lists(signals(), max_size=4).map(tuple),
    person=TEXT,
    session=TEXT,
    start_utc=st.none() | MOMENTS,
    zone=st.sampled_from(["", "Europe/Berlin"]),
    references=st.lists(GLUCOSE, max_size=3).map(tuple),
    events=st.lists(st.builds(Event, st.floats(0, 1e6), TEXT, TEXT), max_size=3).map(tuple),
    demographics=st.dictionaries(st.sampled_from(["age", "bmi"]), st.floats(1, 100)),
    conditions=st.dictionaries(st.sampled_from(["meal"]), TEXT),
    synthetic=st.booleans(),
    provenance=st.builds(Provenance, TEXT, notes=st.just((Note("a", "b", 3),)), integrity=st.none() | st.booleans()),
)  # fmt: skip


def same(a: Recording, b: Recording) -> None:
    assert vars(a) | {"signals": 0} == vars(b) | {"signals": 0}
    assert len(a.signals) == len(b.signals)
    for x, y in zip(a.signals, b.signals, strict=True):
        left, right = vars(x).copy(), vars(y).copy()
        for key in ("samples", "valid"):
            np.testing.assert_array_equal(left.pop(key), right.pop(key))
        clocks, others = left.pop("clocks"), right.pop("clocks")
        assert clocks.keys() == others.keys()
        for key in clocks:
            np.testing.assert_array_equal(clocks[key], others[key])
        assert left == right


@pytest.mark.parametrize("form", [csv, npz, parquet], ids=lambda form: form.__name__.rpartition(".")[2])
@given(recording=RECORDINGS)
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, form: ModuleType, recording: Recording
) -> None:
    path = tmp_path_factory.mktemp("own") / f"a{form.SUFFIX}"
    assert form.write(recording, path) == ()
    read = form.parse(path, ReadOptions()) if form is parquet else form.read(path)
    same(read[0], recording)


def example() -> Recording:
    rng = np.random.default_rng(0)
    return Recording(
        "r",
        (
            Signal("ppg", "ppg", "a.u.", 64.0, rng.normal(size=640).astype(np.float32)),
            Signal("acc", "acc", "g", 32.0, rng.normal(size=320).astype(np.float32), start=0.5),
            Signal("red", "ppg", "a.u.", 64.0, rng.normal(size=640).astype(np.float32)),
        ),
        person="p",
    )


@pytest.mark.parametrize("form", [csv, npz, parquet], ids=lambda form: form.__name__.rpartition(".")[2])
def test_files_are_recognised_and_channels_chosen(tmp_path: Path, form: ModuleType) -> None:
    path = tmp_path / f"a{form.SUFFIX}"
    form.write(example(), path)
    assert detect(path).format == form.__name__.rpartition(".")[2] and detect(path).score == 1
    same(form.read(path)[0], example())
    assert [s.name for s in form.read(path, ReadOptions(channel="acc"))[0].signals] == ["acc"]
    with pytest.raises(PulsewiseError, match="known: ppg, acc, red"):
        form.read(path, ReadOptions(channel="nose"))


def test_a_large_table_is_written_in_parts_and_read_fast(tmp_path: Path) -> None:
    signal = Signal("ppg", "ppg", "a.u.", 125.0, np.random.default_rng(0).normal(size=150_000).astype(np.float32))
    csv.write(Recording("r", (signal,)), tmp_path / "a.csv")
    np.testing.assert_array_equal(csv.read(tmp_path / "a.csv")[0].signals[0].samples, signal.samples)


def test_without_its_comment_the_table_is_still_a_table(tmp_path: Path) -> None:
    csv.write(example(), tmp_path / "a.csv")
    lines = [line for line in (tmp_path / "a.csv").read_text().splitlines() if not line.startswith("#")]
    (tmp_path / "b.csv").write_text("\n".join(lines) + "\n")
    (recording,) = csv.read(tmp_path / "b.csv")
    for name in ("ppg", "red", "acc"):
        found, wanted = recording.signal(name), example().signal(name)
        assert found.rate == pytest.approx(wanted.rate, rel=1e-9)
        np.testing.assert_array_equal(found.samples, wanted.samples)


def test_the_value_of_an_invalid_sample_is_lost_and_counted(tmp_path: Path) -> None:
    recording = Recording("r", (Signal("a", "ppg", "a.u.", 10.0, np.ones(5, np.float32), np.arange(5) > 1),))
    for form in (csv, parquet):
        assert [note.count for note in form.write(recording, tmp_path / f"a{form.SUFFIX}")] == [2]
    npz.write(recording, tmp_path / "a.npz")
    same(npz.read(tmp_path / "a.npz")[0], recording)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"lengths": [', '"lengths": [1, '),
        ('"schema_version": 1', '"schema_version": 99'),
        ('"kind": "ppg"', '"kind": "x"'),
        ('"rate": 64.0', '"rate": 0'),
        ('"signals"', '"signal"'),
        ("{", "{{"),
        ('"samples": 1', '"samples": 70'),
    ],
)
def test_a_changed_head_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    monkeypatch.setattr(csv, "COMMENT", 10_000)  # in one line, for the replacement below
    csv.write(example(), tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text()
    assert old in text
    (tmp_path / "a.csv").write_text(text.replace(old, new, 1))
    with pytest.raises(PulsewiseError) as caught:
        csv.read(tmp_path / "a.csv")
    assert caught.value.code in ("malformed", "sampling_rate", "modality", "artifact_version")


def test_a_table_that_lost_rows_is_refused(tmp_path: Path) -> None:
    csv.write(example(), tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    (tmp_path / "a.csv").write_text("\n".join(lines[:-5]) + "\n")
    with pytest.raises(PulsewiseError, match="not those the head describes"):
        csv.read(tmp_path / "a.csv")


# -- archives and tables others wrote -------------------------------------------------------------------------------


def test_plain_arrays(tmp_path: Path) -> None:
    wave = np.sin(np.arange(500) / 9)
    np.savez(tmp_path / "a.npz", ppg=wave, ecg=wave * 2, fs=125)
    recording = npz.read(tmp_path / "a.npz")[0]
    assert isinstance(recording, Recording)
    assert [(s.name, s.kind, s.rate, len(s.samples)) for s in recording.signals] == [
        ("ppg", "ppg", 125, 500),
        ("ecg", "ecg", 125, 500),
    ]
    np.savez_compressed(tmp_path / "b.npz", ppg=wave)
    with pytest.raises(PulsewiseError, match="sampling_rate"):
        npz.read(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", ppg=wave, t=np.arange(500) / 50)
    timed = npz.read(tmp_path / "c.npz")[0]
    assert isinstance(timed, Recording) and timed.signals[0].rate == 50


def test_no_object_is_ever_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", ppg=np.array([{"a": 1}], dtype=object), fs=100)
    with pytest.raises(PulsewiseError, match="malformed"):
        npz.read(tmp_path / "a.npz")


def test_an_array_that_promises_more_than_there_is(tmp_path: Path) -> None:
    import io
    import zipfile

    from numpy.lib import format as npy

    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": (10**11,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("ppg.npy", buffer.getvalue() + bytes(80))
    with pytest.raises(PulsewiseError, match="shorter than its header"):
        npz.read(tmp_path / "a.npz")


def test_parquet_of_others(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(milliseconds=20 * i) for i in range(200)]
    table = pa.table(
        {
            "timestamp": pa.array(moments, pa.timestamp("ms", "UTC")),
            "ppg": pa.array([float(i % 9) if i != 7 else None for i in range(200)]),
            "ecg[uV]": pa.array(range(200), pa.int32()),
            "Patient Name": ["Zebulon"] * 200,
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    recording = parquet.read(tmp_path / "a.parquet")[0]
    assert isinstance(recording, Recording) and "Zebulon" not in repr(recording)
    assert [(s.kind, s.unit, s.rate) for s in recording.signals] == [("ppg", "a.u.", 50), ("ecg", "mV", 50)]
    assert recording.start_utc == start and np.flatnonzero(~recording.signals[0].valid).tolist() == [7]
    assert recording.provenance.dropped == ("Patient Name",)


def test_a_parquet_file_that_unpacks_too_much(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(60_000_000, np.int8)), pa.array([1.0]))
    pq.write_table(pa.table({"t": column, "ppg": column}), tmp_path / "a.parquet")
    with pytest.raises(PulsewiseError) as caught:
        parquet.read(tmp_path / "a.parquet", ReadOptions(rate=1.0))
    assert caught.value.code == "expands_too_much"


@pytest.mark.parametrize("form", [npz, parquet], ids=lambda form: form.__name__.rpartition(".")[2])
def test_damage_has_a_documented_code(tmp_path: Path, form: ModuleType) -> None:
    path = tmp_path / f"a{form.SUFFIX}"
    form.write(example(), path)
    whole = path.read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(25):
        raw = bytearray(whole)
        for place in rng.integers(0, len(raw), rng.integers(1, 4)):
            raw[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(raw[: int(rng.integers(1, len(raw)))] if rng.random() < 0.2 else raw)
        try:
            form.read(path)
        except PulsewiseError as error:
            assert error.exit_status == 3, error


def test_the_head_is_json_that_others_can_read(tmp_path: Path) -> None:
    csv.write(example(), tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    head = json.loads("".join(line.removeprefix("# pulsewise ") for line in lines if line.startswith("# pulsewise ")))
    assert head["recording"]["person"] == "p"
