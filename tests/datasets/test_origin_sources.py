"""VitalDB, D1NAMO with its ECG, and the flat ECG table: made files of their layout."""

from __future__ import annotations

import gzip
import pickle
import struct
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.units import MGDL_PER_MMOLL
from pulsewise.datasets import d1namo, ecg_table, vitaldb

# -- VitalDB -----------------------------------------------------------------------------------------------------

PLETH = (1000 + 500 * np.sin(np.arange(2000) / 16)).astype("<f4")
ART = (90 + 20 * np.sin(np.arange(1000) / 8)).astype("<f4")


def vital_file(path: Path, begin: float = 1_600_000_000.0) -> None:
    def text(value: str) -> bytes:
        return struct.pack("<I", len(value)) + value.encode()

    def packet(kind: int, content: bytes) -> bytes:
        return struct.pack("<BI", kind, len(content)) + content

    def track(number: int, kind: int, name: str, unit: str, rate: float = 0.0) -> bytes:
        content = struct.pack("<HBB", number, kind, 1) + text(name) + text(unit)
        content += struct.pack("<ffIfddBI", 0, 100, 0, rate, 1, 0, 0, 1) + struct.pack("<Idd", 0, begin, begin + 20)
        return packet(0, content)

    def wave(number: int, second: int, values: np.ndarray) -> bytes:  # type: ignore[type-arg]  # any
        return packet(1, struct.pack("<HdHI", 10, begin + second, number, len(values)) + values.tobytes())

    parts = [b"VITA" + struct.pack("<IHhIIddB", 3, 27, -540, 0, 0, begin, begin + 20, 0)]
    parts += [packet(9, struct.pack("<I", 1) + text("SNUADC") + text("SNUADC") + text("COM1"))]
    parts += [track(1, 1, "PLETH", "", 100.0), track(2, 1, "ART", "mmHg", 50.0), track(3, 2, "ART_SBP", "mmHg")]
    parts += [wave(1, s, PLETH[100 * s : 100 * s + 100]) for s in range(20) if s != 7]
    parts += [wave(2, s, ART[50 * s : 50 * s + 50]) for s in range(20)]
    parts += [packet(1, struct.pack("<HdHf", 10, begin + s, 3, 118.0 + s)) for s in (2, 4)]
    path.write_bytes(gzip.compress(b"".join(parts)))


LABS = "caseid,dt,name,result\n1,-3600,glu,101\n1,10,glu,132\n1,10,hb,11.2\n1,12,glu,<2\n2,5,glu,99\n"
CASES = "\ufeffcaseid,subjectid,casestart,age,sex,height,weight,bmi\n1,5955,0,77.0,M,160.2,67.5,26.3\n2,5956,0,,F,,,\n"


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    folder = tmp_path / "vitaldb"
    folder.mkdir()
    vital_file(folder / "1.vital")
    (folder / "labs.csv").write_text(LABS)
    (folder / "cases.csv").write_text(CASES)
    return tmp_path


def test_a_vitaldb_case_has_waves_pressures_and_laboratory_glucose(cases: Path) -> None:
    dataset = pickle.loads(pickle.dumps(vitaldb.build(vitaldb.Config(str(cases)))))
    assert dataset.ids() == ["1"]
    case = dataset.read("1")
    assert (case.person, case.session, case.start_utc) == ("5955", "1", None)
    assert case.demographics == {"age": 77, "height": 160.2, "weight": 67.5, "bmi": 26.3, "sex": "male"}
    assert [(s.kind, s.rate, len(s.samples)) for s in case.signals] == [("ppg", 100, 2000), ("abp", 50, 1000)]
    assert np.flatnonzero(~case.signals[0].valid).tolist() == list(range(700, 800))
    assert [(r.kind, r.value, r.time, r.method) for r in case.references] == [
        ("sbp", 118 + 2, 2, "arterial line"), ("sbp", 118 + 4, 4, "arterial line"),
        ("glucose", 101, -3600, "laboratory"), ("glucose", 132, 10, "laboratory"),
    ]  # fmt: skip
    before = dataset.fingerprint("1")
    (cases / "vitaldb" / "labs.csv").write_text(LABS.replace("132", "133"))
    assert vitaldb.build(vitaldb.Config(str(cases))).fingerprint("1") != before
    only = vitaldb.build(vitaldb.Config(str(cases), channels=("abp",))).read("1")
    assert [s.kind for s in only.signals] == ["abp"]
    with pytest.raises(PulsewiseError, match="not_found"):
        dataset.read("3")


@pytest.mark.filterwarnings("ignore")  # the library's own
def test_the_publishers_reader_gives_the_same_values(cases: Path) -> None:
    pytest.importorskip("vitaldb")
    own = vitaldb.build(vitaldb.Config(str(cases))).read("1")
    theirs = vitaldb.build(vitaldb.Config(str(cases), reader="library")).read("1")
    for a, b in zip(own.signals, theirs.signals, strict=True):
        assert (a.name, a.rate, len(a.samples)) == (b.name, b.rate, len(b.samples))
        both = a.valid & b.valid
        assert both.mean() > 0.9 and (a.valid == b.valid).mean() > 0.99
        np.testing.assert_allclose(a.samples[both], b.samples[both], rtol=1e-6)


def test_vitaldb_without_tables_or_with_odd_ones(cases: Path) -> None:
    (cases / "vitaldb" / "labs.csv").write_text("a,b\n1,2\n")
    with pytest.raises(PulsewiseError, match="malformed"):
        vitaldb.build(vitaldb.Config(str(cases)))
    (cases / "vitaldb" / "labs.csv").unlink()
    (cases / "vitaldb" / "cases.csv").unlink()
    case = vitaldb.build(vitaldb.Config(str(cases))).read("1")
    assert case.person == "case-1" and case.demographics == {} and len(case.references) == 2


# -- D1NAMO ------------------------------------------------------------------------------------------------------

NAME = "2014_10_01-19_10_00"
BEGIN = datetime(2014, 10, 1, 19, 10)


def strap(folder: Path, form: str = "%d/%m/%Y %H:%M:%S", skip: range = range(500, 750), rate: float = 250.0) -> None:
    person = folder / "diabetes_subset" / "002"
    place = person / "sensor_data" / NAME
    place.mkdir(parents=True, exist_ok=True)
    lines = ["Time,EcgWaveform"]
    for i in range(2500):
        if i not in skip:
            moment = BEGIN + timedelta(seconds=i / rate)
            lines.append(f"{moment.strftime(form)}.{moment.microsecond // 1000:03d},{1900 + i % 100}")
    (place / f"{NAME}_ECG.csv").write_text("\n".join(lines) + "\n")
    (person / "glucose.csv").write_text(
        "date,time,glucose,type,comments\n2014-10-01,12:00:00,5.0,cgm,\n2014-10-01,19:09:00,3.8,cgm,\n"
        "2014-10-01,19:10:04,3.5,manual,jane canary\n"
    )


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S"])
def test_d1namo_has_ecg_with_gaps_and_glucose_in_time(tmp_path: Path, form: str) -> None:
    strap(tmp_path, form)
    dataset = pickle.loads(pickle.dumps(d1namo.build(d1namo.Config(str(tmp_path)))))
    assert dataset.ids() == [f"002/{NAME}"]
    recording = dataset.read(f"002/{NAME}")
    (ecg,) = recording.signals
    assert (recording.person, ecg.kind, ecg.rate, len(ecg.samples), ecg.start) == ("002", "ecg", 250, 2500, 0)
    assert np.flatnonzero(~ecg.valid).tolist() == list(range(500, 750))
    assert ecg.samples[750:760].tolist() == [1950 + i for i in range(10)]
    assert [(round(float(r.value) / MGDL_PER_MMOLL, 3), r.time, r.method) for r in recording.references] == [
        (3.8, -60, "cgm"), (3.5, 4, "finger"),
    ]  # fmt: skip  # that of noon is too long ago
    assert recording.start_utc is not None and recording.start_utc.isoformat() == "2014-10-01T17:10:00+00:00"
    assert "canary" not in str(recording) and recording.provenance.notes[0].count == 250


def test_d1namo_refuses_what_is_not_its_layout(tmp_path: Path) -> None:
    strap(tmp_path, skip=range(0), rate=200.0)
    dataset = d1namo.build(d1namo.Config(str(tmp_path)))
    path = next(tmp_path.rglob("*_ECG.csv"))
    codes = []
    for content in (path.read_text(), "Time,EcgWaveform\n", "a,b\n1,2\n", "Time,EcgWaveform\nsoon,1\nlater,2\n",
                    "Time,EcgWaveform\n01/10/2014 19:10:01.0,1\n01/10/2014 19:10:00.0,2\n"):  # fmt: skip
        path.write_text(content)
        with pytest.raises(PulsewiseError) as caught:
            dataset.read(f"002/{NAME}")
        codes.append(caught.value.code)
    assert codes == ["sampling_rate", "empty_recording", "malformed", "local_time", "time_order"]
    next(tmp_path.rglob("glucose.csv")).unlink()
    with pytest.raises(PulsewiseError, match="not_found"):
        d1namo.build(d1namo.Config(str(tmp_path)))


# -- the flat table ------------------------------------------------------------------------------------------------

HEAD = ",".join([*map(str, range(2500)), "label,patient_id,day,count,glucose_values"])


def flat(folder: Path, rows: list[tuple[int, str, str, int, str]], samples: int = 2500) -> Path:
    lines = [HEAD]
    for k, tail in enumerate(rows):
        wave = np.round(np.sin(np.arange(samples) / 40 + k), 4)
        lines.append(",".join([*map(str, wave.tolist()), *map(str, tail)]))
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_flat_table_is_a_recording_per_person_and_day(tmp_path: Path) -> None:
    one_person = [(0, "1.0", "2", 1, "5.5"), (1, "1", "2", 0, "3.2")]
    flat(tmp_path, [*one_person, (0, "3", "1", 0, "8.0"), (0, "3", "1", 1, "3.0"), (0, "3", "1", 2, "")])
    dataset = pickle.loads(pickle.dumps(ecg_table.build(ecg_table.Config(str(tmp_path)))))
    assert dataset.ids() == ["1/2", "3/1"]
    one = dataset.read("1/2")
    ecg = one.signals[0]
    assert (one.person, ecg.rate, len(ecg.samples)) == ("1", 250, 2 * 2525)
    assert ecg.samples[0] == pytest.approx(np.sin(1.0), abs=1e-3)  # by count: the second row comes first
    assert np.flatnonzero(~ecg.valid).tolist() == [*range(2500, 2525), *range(5025, 5050)]
    assert [(round(float(r.value) / MGDL_PER_MMOLL, 3), r.time) for r in one.references] == [(3.2, 5.0), (5.5, 15.1)]
    three = dataset.read("3/1")
    assert len(three.references) == 2 and three.provenance.notes[0].count == 1  # 3.0 mmol/L is labelled 0
    assert not one.provenance.notes and dataset.fingerprint("1/2") != dataset.fingerprint("3/1")


def test_the_flat_table_makes_windows_that_no_pause_is_in(tmp_path: Path) -> None:
    from pulsewise.data import window

    flat(tmp_path, [(0, "1", "1", i, "5.5") for i in range(3)])
    recording = ecg_table.build(ecg_table.Config(str(tmp_path))).read("1/1")
    assert len(window.cut(recording, window.Config(channels=("ecg",), length_s=10.0)).samples) == 3


def test_a_flat_table_of_another_layout_is_refused(tmp_path: Path) -> None:
    path = flat(tmp_path, [(0, "1", "1", 0, "5.5")], samples=2400)
    with pytest.raises(PulsewiseError, match="a row has 2405 samples, 2500 are needed"):
        ecg_table.build(ecg_table.Config(str(tmp_path))).read("1/1")
    path.write_text(HEAD + "\n1,2,3\n")
    with pytest.raises(PulsewiseError, match="too short"):
        ecg_table.build(ecg_table.Config(str(tmp_path))).ids()
    path.write_text("a,b\n1,2\n")
    with pytest.raises(PulsewiseError, match="malformed"):
        ecg_table.build(ecg_table.Config(str(tmp_path)))


@pytest.mark.parametrize("module", [vitaldb, d1namo, ecg_table])
def test_a_folder_without_it(tmp_path: Path, module: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULSEWISE_DATA", raising=False)
    with pytest.raises(PulsewiseError) as caught:
        module.build(module.Config(str(tmp_path)))  # type: ignore[attr-defined]  # a module
    assert caught.value.code == "not_found"
