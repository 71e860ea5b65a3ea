"""Text tables: however they are written, the same numbers come out, and nothing that is no number becomes one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording, Signal
from pulsewise.formats import csv
from pulsewise.formats._cells import number, numbers

PLAIN = "t_s,ppg,acc_x[g]\n" + "".join(f"{i / 50:.2f},{100 + i % 7}.5,-{i % 3}.25\n" for i in range(300))


def only(path: Path, **options: object) -> Recording:
    (recording,) = csv.read(path, ReadOptions(**options))  # type: ignore[arg-type]  # any option by name
    return recording


def same(a: Recording, b: Recording) -> None:
    assert len(a.signals) == len(b.signals)
    for x, y in zip(a.signals, b.signals, strict=True):
        assert (x.name, x.kind, x.unit, x.rate, x.start) == (y.name, y.kind, y.unit, y.rate, y.start)
        np.testing.assert_array_equal(x.samples, y.samples)
        np.testing.assert_array_equal(x.valid, y.valid)
    assert (a.references, a.start_utc) == (b.references, b.start_utc)


def semicolons(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


DISGUISES = {
    "decimal comma": semicolons(PLAIN).encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "blanks": PLAIN.replace(",", "   ").encode(),
    "commas and blanks": PLAIN.replace(",", ", ").encode(),
    "byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "sep line": b"sep=,\r\n" + PLAIN.replace("\n", "\r\n").encode(),
    "quoted sep line": b'"sep=;"\n' + semicolons(PLAIN).encode(),
    "CRLF": PLAIN.replace("\n", "\r\n").encode(),
    "CR": PLAIN.replace("\n", "\r").encode(),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 without mark": PLAIN.encode("utf-16-le"),
    "UTF-16 BE": b"\xfe\xff" + semicolons(PLAIN).encode("utf-16-be"),
    "some cells quoted": PLAIN.replace("100.5", '"100.5"').replace("ppg", '"ppg"').encode(),
    "comment lines": ("# made by a device\n% second line\n\n" + PLAIN).encode(),
    "blank lines": PLAIN.replace("0.50,", "\n\n0.50,").encode(),
    "trailing separator": PLAIN.replace("\n", ",\n").encode(),
    "no newline at the end": PLAIN[:-1].encode(),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_a_table_reads_the_same_however_it_is_written(tmp_path: Path, name: str) -> None:
    plain, other = tmp_path / "plain.csv", tmp_path / "other.csv"
    plain.write_text(PLAIN)
    other.write_bytes(DISGUISES[name])
    same(only(plain), only(other))


def test_latin_1_is_read_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("t_s;EDA [µS];Gerät\n0,0;1,5;ä\n0,5;1,6;ö\n1,0;1,7;ü\n".encode("latin-1"))
    recording = only(path)
    assert recording.signals[0].unit == "µS"
    assert {note.code for note in recording.provenance.notes} >= {"encoding", "text_column"}


def test_decimal_commas_in_quotes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('t,ppg\n"0,00","1,5"\n"0,02","1,75"\n"0,04","2,5"\n')
    assert only(path).signals[0].samples.tolist() == [1.5, 1.75, 2.5]


@pytest.mark.parametrize(
    ("header", "factor"), [("t", 1), ("time[s]", 1), ("Time (ms)", 1e3), ("t_us", 1e6), ("timestamp [ns]", 1e9)]
)
def test_units_of_time(tmp_path: Path, header: str, factor: float) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{header},ppg\n" + "".join(f"{round(i * 0.01 * factor, 6)},{i}\n" for i in range(200)))
    assert only(path).signals[0].rate == pytest.approx(100, rel=1e-9)


@pytest.mark.parametrize(("factor", "digits"), [(1, 3), (1e3, 0), (1e6, 0), (1e9, 0)])
def test_unix_time_in_any_unit(tmp_path: Path, factor: float, digits: int) -> None:
    path = tmp_path / "a.csv"
    start = 1_700_000_000
    rows = "".join(f"{(start + i * 0.01) * factor:.{digits}f},{i}\n" for i in range(300))
    path.write_text("timestamp,ppg\n" + rows)
    recording = only(path)
    assert recording.signals[0].rate == pytest.approx(100, rel=1e-6)
    assert recording.start_utc is not None and recording.start_utc.timestamp() == pytest.approx(start, abs=1e-3)


def test_steps_that_fit_two_units_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,ppg\n" + "".join(f"{i},{i % 9}\n" for i in range(50)))
    with pytest.raises(PulsewiseError, match=r"time\[ms\].*sampling_rate"):
        csv.read(path)
    assert only(path, rate=1000.0).signals[0].rate == 1000  # the stated rate settles the unit


def test_one_column_and_one_line_need_a_rate(tmp_path: Path) -> None:
    column, line = tmp_path / "a.csv", tmp_path / "b.txt"
    column.write_text("".join(f"{i % 50}.5\n" for i in range(3000)))
    line.write_text("\t".join(f"{i % 50}.5" for i in range(30000)))
    for path in (column, line):
        with pytest.raises(PulsewiseError, match=r"--rate"):
            csv.read(path)
    a, b = only(column, rate=125.0, kind="ppg").signals[0], only(line, rate=125.0, kind="ppg").signals[0]
    assert (a.rate, a.rate_source, len(a.samples)) == (125, "option", 3000)
    np.testing.assert_array_equal(b.samples, np.tile(a.samples, 10))


@pytest.mark.parametrize(
    ("comment", "rate"),
    [
        ("Sampling rate: 125 Hz", 125),
        ("fs=250", 250),
        ('"sampling frequency (Hz)": 64.5,', 64.5),
        ("sample_rate = 1 kHz", 1000),
        ("heart rate: 70", None),
        ("rate 5", None),
        ("fs: 10 min", None),
        ("offs 10", None),
    ],
)
def test_a_rate_in_a_comment(tmp_path: Path, comment: str, rate: float | None) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"# {comment}\nppg\n1\n2\n3\n")
    if rate is None:
        with pytest.raises(PulsewiseError, match="sampling_rate"):
            csv.read(path)
    else:
        signal = only(path).signals[0]
        assert (signal.rate, signal.rate_source) == (rate, "header")


def test_a_blank_line_in_one_column_is_a_missing_sample(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1\n2\n\n4\n\n\n")
    assert only(path, rate=10.0).signals[0].valid.tolist() == [True, True, False, True]


def test_one_column_of_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("0,051\n0,049\n1,050\n")
    assert only(path, rate=10.0).signals[0].samples.tolist() == pytest.approx([0.051, 0.049, 1.05])


def test_names_and_birth_dates_never_leave_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "t_s,ppg,Patient Name,DOB,e-mail\n" + "".join(f"{i / 10},1.{i},Zebulon,1901-02-03,z@x\n" for i in range(9))
    )
    recording = only(path)
    assert recording.provenance.dropped == ("Patient Name", "DOB", "e-mail")
    assert "Zebulon" not in repr(recording) and "1901" not in repr(recording)
    assert [s.name for s in recording.signals] == ["ppg"]


def test_what_the_user_says_of_a_column_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,foo,bar\n" + "".join(f"{i / 10},{i},{i}\n" for i in range(9)))
    kinds = [s.kind for s in only(path, columns={"foo": "ppg", "bar": "ecg"}).signals]
    assert kinds == ["ppg", "ecg"]
    assert [s.name for s in only(path, channel="bar").signals] == ["bar"]
    with pytest.raises(PulsewiseError, match="no column named 'baz'"):
        csv.read(path, ReadOptions(columns={"baz": "ppg"}))


def test_units_are_converted_to_the_stored_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,ecg[uV],acc_x (mg),ppg (V)\n" + "".join(f"{i / 10},{i}000,500,0.5\n" for i in range(9)))
    ecg, acc, ppg = only(path).signals
    assert (ecg.unit, acc.unit, ppg.unit) == ("mV", "g", "V")
    assert ecg.samples[2] == 2 and acc.samples[0] == 0.5


CELLS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True, width=64).map(repr),
    st.integers(-(10**9), 10**9).map(str),
    st.sampled_from(
        ["1_000", "١٢", "0x1A", "1e400", "inf", "NaN", "", "NA", " 1.5 ", "1.", ".5", "+3", "1,5", "-", "1e5e"]
    ),
    st.text(alphabet="0123456789.eE+-_ ,x", max_size=8),
)


@given(st.lists(CELLS, min_size=1, max_size=30), st.sampled_from([".", ","]))
@settings(max_examples=200, deadline=None)
def test_cells_read_one_by_one_and_all_at_once_agree(cells: list[str], decimal: str) -> None:
    import pyarrow as pa

    slow, fast = numbers(cells, decimal), numbers(pa.array(cells, pa.string()), decimal)
    np.testing.assert_array_equal(slow[0], fast[0])
    assert slow[1:] == fast[1:]
    assert all(np.isnan(v) or abs(v) < 1e39 for v in slow[0])


@given(st.lists(st.tuples(CELLS, CELLS), min_size=3, max_size=60), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_the_fast_reader_and_the_plain_one_agree(
    tmp_path_factory: pytest.TempPathFactory, rows: list, kind: int
) -> None:
    path = tmp_path_factory.mktemp("fast") / "a.csv"
    separator = [",", ";", "\t", ";"][kind]
    text = f"ppg{separator}ecg\n" + "".join(f"{a}{separator}{b}\n" for a, b in rows)
    path.write_text(text, encoding="utf-8")
    answers = []
    for fast in (True, False):
        try:
            answers.append(csv.read(path, ReadOptions(rate=10.0), fast=fast)[0])
        except PulsewiseError as error:
            answers.append(str(error))
    if isinstance(answers[0], str) or isinstance(answers[1], str):
        assert answers[0] == answers[1]
    else:
        same(*answers)
        assert answers[0].provenance.notes == answers[1].provenance.notes


def test_strict_numbers() -> None:
    for cell in ("1_000", "١٢", "0x1A", "1e400", "inf", "-inf", "NaN", "1 000", "1e", "--1", "½", "3.5e38"):
        assert np.isnan(number(cell)), cell
    assert number("1e-400") == 0 and number("+.5") == 0.5


def test_a_large_file_takes_the_fast_way_and_gives_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rng = np.random.default_rng(1)
    values = rng.normal(size=60_000)
    rows = [f"{i / 250:.3f},{v:.5f},2026-01-01\n" for i, v in enumerate(values)]
    rows[70] = "0.280,1_000,2026-01-01\n"
    path.write_text("t_s,ppg,day\n" + "".join(rows))
    fast, slow = csv.read(path)[0], csv.read(path, fast=False)[0]
    same(fast, slow)
    assert fast.signals[0].rate == 250 and not fast.signals[0].valid[70]


# -- real files ---------------------------------------------------------------------------------------------------


def test_heartpy_files(real_data: Path) -> None:
    folder = real_data / "heartpy-samples/raw/heartpy/data"
    assert len(only(folder / "data.csv", rate=100.0, kind="ppg").signals[0].samples) == 2483
    timer = only(folder / "data2.csv", kind="ppg").signals[0]
    assert timer.rate == pytest.approx(116.98775, abs=1e-4) and len(timer.samples) == 15_000 and timer.kind == "ppg"
    stamped = only(folder / "data3.csv", zone="Europe/Amsterdam")
    assert stamped.signals[0].rate == pytest.approx(100.4, abs=0.1)
    assert stamped.start_utc is not None and stamped.start_utc.isoformat() == "2016-11-24T12:58:58.081000+00:00"
    assert {"coarse_clock"} <= {note.code for note in stamped.provenance.notes}


def test_bidmc_file_with_rounded_times(real_data: Path) -> None:
    recording = only(real_data / "bidmc-record01/raw/bidmc_01_Signals.csv")
    assert [(s.name, s.kind) for s in recording.signals] == [
        ("RESP", "resp"), ("PLETH", "ppg"), ("V", "ecg"), ("AVR", "ecg"), ("II", "ecg"),
    ]  # fmt: skip
    assert {(s.rate, len(s.samples), bool(s.valid.all())) for s in recording.signals} == {(125.0, 60_001, True)}


def test_the_same_signal_in_two_forms(real_data: Path) -> None:
    folder = real_data / "pyppg-samples/raw"
    a = only(folder / "Sample_PPG_CSV_125Hz.csv", rate=125.0).signals[0]
    b = only(folder / "Sample_PPG_TXT_125Hz.txt", rate=125.0).signals[0]
    assert len(a.samples) == len(b.samples) == 15_001
    np.testing.assert_allclose(a.samples, b.samples, atol=1e-6)


def test_neurokit_files(real_data: Path) -> None:
    kinds = [s.kind for s in only(real_data / "neurokit-samples/raw/bio_resting_5min_100hz.csv", rate=100.0).signals]
    assert kinds == ["ecg", "ppg", "resp"]


def test_phone_videos_are_gridded_with_a_note_or_keep_their_gaps(real_data: Path) -> None:
    regular = irregular = 0
    for path in sorted((real_data / "welltory-ppg/raw/data").glob("*/PPG.csv")):
        recording = only(path)
        codes = {note.code for note in recording.provenance.notes}
        rows = path.read_text().count("\n") - 1
        assert all(s.kind == "ppg" and 28 < s.rate < 31 for s in recording.signals)
        assert "time_unit" in codes
        if "resampled" in codes:
            irregular += 1
        else:
            regular += 1
            assert int(recording.signals[0].valid.sum()) >= rows - 1
    assert (regular, irregular) == (6, 5)


def test_mendeley_and_ppg_bp_signals(real_data: Path) -> None:
    signal = only(real_data / "ppg-glucose-mendeley/raw/RawData/signal_01_0001.csv", rate=2175.0, kind="ppg").signals[0]
    assert len(signal.samples) == 21_900
    line = only(next((real_data / "ppg-bp/raw/0_subject").glob("*_1.txt")), rate=1000.0, kind="ppg").signals[0]
    assert len(line.samples) == 2100 and line.valid.all()


def test_the_device_of_the_glucose_project(real_data: Path) -> None:
    folder = real_data / "device-webapp/raw"
    recording = only(folder / "Multi-channel/Multi-channel-input-data.csv")
    assert [s.kind for s in recording.signals] == ["cuff", "force", "ppg", "ppg", "ppg"]
    assert {(s.rate, len(s.samples)) for s in recording.signals} == {(1000.0, 38_040)}
    named = only(folder / "Multi-channel/multi-channel-input-files/force-GLUC123-SYS140-DIA91.csv")
    assert [(r.kind, r.value, r.unit) for r in named.references] == [
        ("glucose", 123, "mg/dL"), ("sbp", 140, "mmHg"), ("dbp", 91, "mmHg"),
    ]  # fmt: skip
    (broken,) = folder.glob("Template*.csv")
    with pytest.raises(PulsewiseError, match="9509 of 38040 timestamps run backwards"):
        csv.read(broken)
    saved = only(broken, rate=1000.0, columns={"Time-stamp": "ignore"})
    assert len(saved.signals) == 5 and len(saved.references) == 4


def test_glucose_in_mmoll_without_a_unit(real_data: Path) -> None:
    recording = only(real_data / "d1namo-glucose-only/raw/glucose.csv", zone="Europe/Zurich")
    assert len(recording.references) == 1438
    assert recording.references[0].value == pytest.approx(10.3 * 18.0156)
    assert {r.method for r in recording.references} == {"cgm", "manual"}


def test_a_signal_is_kept_as_float32(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,ppg\n0.0,0.1\n0.1,0.2\n0.2,0.3\n")
    signal = only(path).signals[0]
    assert isinstance(signal, Signal) and signal.samples.dtype == np.float32


@pytest.mark.soak
def test_ten_million_rows_in_less_than_a_gibibyte(tmp_path: Path) -> None:
    import subprocess
    import sys

    import pyarrow as pa
    import pyarrow.csv as pacsv

    count = 10_000_000
    columns = {"t_s": np.round(np.arange(count) / 250, 3), "ppg": np.tile(np.arange(1000) / 4, count // 1000)}
    pacsv.write_csv(pa.table(columns), tmp_path / "a.csv", pacsv.WriteOptions(quoting_style="none"))
    code = (
        "import pathlib, resource, sys; from pulsewise.formats import csv\n"
        "signal = csv.read(pathlib.Path(sys.argv[1]))[0].signals[0]\n"
        "print(len(signal.samples), signal.rate, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.csv")], capture_output=True, text=True, check=True
    )
    rows, rate, peak = (float(word) for word in done.stdout.split())
    assert (rows, rate) == (count, 250) and peak < 2**30
