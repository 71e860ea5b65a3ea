"""Faults and bad input, row by row of the list in the specification of reliability; rows are kept apart.

Every row: a documented code, nothing invented, nothing lost, nothing half-written. Which test shows which row is in
`faults.toml` beside this file: `pytest -m row_17` runs those of row 17, `-m "row_17 and soak"` its full counts.
"""

from __future__ import annotations

import csv as stdlib_csv
import gzip
import re
import stat
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording

_SEEN: list[tuple[str, str]] | None = None


def test_every_row_names_the_tests_that_show_it() -> None:
    here = Path(__file__).parent
    rows = tomllib.loads((here / "faults.toml").read_text())
    assert [int(number) for number in rows] == list(range(1, 41))
    texts = {path.relative_to(here.parent).as_posix(): path.read_text() for path in here.rglob("test_*.py")}
    for number, row in rows.items():
        for file, _, name in (test.partition("::") for test in row["tests"]):
            assert re.search(rf"^def {name}\(", texts[file], re.MULTILINE), (number, name)


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if _SEEN is not None and (event == "open" or event.startswith("socket.")):
        _SEEN.append((event, str(arguments[0]) if arguments else ""))


sys.addaudithook(_listen)  # stays for good; silent unless `audited` is open


@contextmanager
def audited() -> Iterator[list[tuple[str, str]]]:
    """Every file opened and every socket made by this process meanwhile."""
    global _SEEN
    seen: list[tuple[str, str]] = []
    _SEEN = seen
    try:
        yield seen
    finally:
        _SEEN = None


# -- rows 3 to 8 for WFDB: what a header promises, and where it points ------------------------------------------


def wfdb_code(path: Path, **options: bool) -> str:
    from pulsewise.formats import wfdb

    with pytest.raises(PulsewiseError) as caught:
        wfdb.read(path, ReadOptions(**options))  # type: ignore[arg-type]  # strict only
    assert str(path.parent) not in str(caught.value), "no path in a message"
    return caught.value.code


def wfdb_record(folder: Path, text: str, dat: bytes = bytes(200)) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "r.hea").write_text(text)
    (folder / "r.dat").write_bytes(dat)
    return folder / "r.hea"


GREEDY = {
    "many samples": "r 1 100 99999999999\nr.dat 16 1\n",
    "just within the limits": f"r 4 100 {2**28}\n" + "r.dat 16 1\n" * 4,
    "many samples per frame": "r 1 0.000001 100\nr.dat 16x1000000000 1\n",
    "a long skew": "r 1 100 100\nr.dat 16:999999999 1\n",
    "far into the file": "r 1 100 100000000\nr.dat 16+999999999 1\n",
    "many segments": "r/2 1 100 99999999999\na 50000000000\nb 49999999999\n",
    "a long gap": f"r/3 1 100 {2**28}\na 1\n~ {2**28 - 2}\na 1\n",
    "FLAC": "r 1 100 99999999999\nr.dat 516 1\n",
}


def test_row_3_a_header_that_promises_too_much_is_refused_before_memory_is_asked_for(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import ReadOptions
from pulsewise.formats import wfdb
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        wfdb.read(Path(path), ReadOptions())
    except InputError as error:
        print(error.code)
    else:
        print("read")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    paths = []
    for i, text in enumerate(GREEDY.values()):
        paths.append(wfdb_record(tmp_path / str(i), text))
        (tmp_path / str(i) / "a.hea").write_text("a 1 100 1\nr.dat 16 1 16 0 0 0 0 II\n")
    done = subprocess.run([sys.executable, "-c", script, *map(str, paths)], capture_output=True, text=True, check=True)
    *codes, growth = done.stdout.split()
    assert set(codes) <= {"too_large", "truncated", "sampling_rate", "malformed"}, dict(zip(GREEDY, codes, strict=True))
    assert int(growth) < 50 * 1024


@pytest.mark.parametrize("cut", [1, 3, 100, 199])
def test_row_4_a_shortened_signal_file_is_read_as_far_as_it_is_whole(cut: int, tmp_path: Path) -> None:
    from pulsewise.formats import wfdb

    values = np.arange(1, 101, dtype="<i2")
    path = wfdb_record(tmp_path, "r 1 100 100\nr.dat 16 1/mV 16 0 0 0 0 II\n", values.tobytes()[:-cut])
    (recording,) = wfdb.read(path, ReadOptions())
    signal, whole = recording.signals[0], (200 - cut) // 2  # type: ignore[union-attr]
    np.testing.assert_array_equal(signal.samples[:whole], values[:whole])
    assert signal.valid.tolist() == [True] * whole + [False] * (100 - whole)
    assert any(note.code == "truncated" for note in recording.provenance.notes)  # type: ignore[union-attr]
    assert wfdb_code(path, strict=True) == "truncated"


def test_row_5_a_wrong_wfdb_checksum(tmp_path: Path) -> None:
    from pulsewise.formats import wfdb

    path = wfdb_record(tmp_path, "r 1 100 100\nr.dat 16 1/mV 16 0 0 77 0 II\n")
    (recording,) = wfdb.read(path, ReadOptions())
    assert recording.provenance.integrity is False  # type: ignore[union-attr]
    assert any(note.code == "checksum" for note in recording.provenance.notes)  # type: ignore[union-attr]
    assert wfdb_code(path, strict=True) == "checksum"


def test_row_6_segments_that_refer_to_themselves_or_nest_too_deep(tmp_path: Path) -> None:
    def nested(*names: str) -> Path:
        for name, below in zip(names, (*names[1:], "end"), strict=True):
            (tmp_path / f"{name}.hea").write_text(f"{name}/1 1 100 100\n{below} 100\n")
        return tmp_path / f"{names[0]}.hea"

    wfdb_record(tmp_path, "r 1 100 100\nr.dat 16 1\n")
    (tmp_path / "end.hea").write_text("end 1 100 100\nr.dat 16 1/mV 16 0 0 0 0 II\n")
    assert wfdb_code(wfdb_record(tmp_path, "r/1 1 100 100\nr 100\n")) == "header_cycle"
    nested("a", "b")
    (tmp_path / "b.hea").write_text("b/1 1 100 100\na 100\n")
    assert wfdb_code(tmp_path / "a.hea") == "header_cycle"
    assert wfdb_code(nested(*"cdefghijk")) == "header_cycle"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.dat",
        "/etc/passwd",
        "..",
        "a/../../secret.dat",
        "\\\\host\\share\\x.dat",
        "C:\\x.dat",
        "C:x.dat",
        "link.dat",
        "loop.dat",
        "folder/secret.dat",
        "s3://bucket/x.dat",
        "http://169.254.169.254/x.dat",
        "file:///etc/passwd",
    ],
)
@pytest.mark.parametrize("form", ["r 1 100 100\n{} 16 1\n", "r/1 1 100 100\n{} 100\n"])
def test_rows_7_and_8_nothing_outside_the_folder_is_opened_and_no_socket_is_made(
    name: str, form: str, tmp_path: Path
) -> None:
    inside = tmp_path / "inside"
    path = wfdb_record(inside, form.format(name.replace(".dat", "") if "/1" in form else name))
    for outside in (tmp_path / "secret.dat", tmp_path / "secret.hea"):
        outside.write_bytes(bytes(200))
    for link in ("link.dat", "link.hea"):
        (inside / link).symlink_to(tmp_path / link.replace("link", "secret"))
    for loop in ("loop.dat", "loop.hea"):
        (inside / loop).symlink_to(inside / loop)
    (inside / "folder").symlink_to(tmp_path)
    with audited() as seen:
        assert wfdb_code(path) == "unsafe_path"
    assert [file for event, file in seen if event == "open"] == [str(path)]
    assert not [event for event, _ in seen if event.startswith("socket.")]


@pytest.mark.parametrize("name", ["s3://bucket/record.hea", "http://169.254.169.254/record.hea", "gs://b/r.hea"])
def test_row_8_an_address_is_no_record(name: str) -> None:
    with audited() as seen:
        assert wfdb_code(Path(name)) == "unsafe_path"
    assert seen == []


# -- end of rows 3 to 8 for WFDB ----------------------------------------------------------------------------------


# -- rows 1, 2, 4, 12 to 17, 26 and 39 for tables: numbers, time, units ------------------------------------------


def table(folder: Path, content: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def opened(path: Path, **options: object) -> list[Recording]:
    from pulsewise.data.open import open_recordings

    return open_recordings(path, ReadOptions(**options))  # type: ignore[arg-type]  # any option by name


def refused(path: Path | str, **options: object) -> str:
    with pytest.raises(PulsewiseError) as caught:
        opened(path, **options)  # type: ignore[arg-type]  # an address is no path
    assert caught.value.exit_status == 3 and "/tmp" not in str(caught.value)
    return caught.value.code


def notes(recording: Recording) -> dict[str, int]:
    return {note.code: note.count for note in recording.provenance.notes}


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\n\n", b"t_s,ppg\n"])
def test_row_1_nothing_in_the_file(tmp_path: Path, content: bytes) -> None:
    assert refused(table(tmp_path, content)) == "empty_recording"


@pytest.mark.parametrize("rate", [None, 0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_row_2_no_rate_or_an_impossible_one(tmp_path: Path, rate: float | None) -> None:
    path = table(tmp_path, "ppg\n1\n2\n3\n")
    assert refused(path, rate=rate) == "sampling_rate"
    with pytest.raises(PulsewiseError, match="--rate"):
        opened(path, rate=rate)


def test_row_4_a_table_that_breaks_off(tmp_path: Path) -> None:
    path = table(tmp_path, "t_s,ppg,ecg\n" + "".join(f"{i / 10},{i}.5,7\n" for i in range(50)) + "5.0,1")
    (recording,) = opened(path)
    assert "truncated" in notes(recording) and len(recording.signals[0].samples) == 50
    assert refused(path, strict=True) == "truncated"


@pytest.mark.parametrize("name", ["../a.csv", "/etc/a.csv", "..\\a.csv", "link"])
def test_row_7_archives_that_point_outside(tmp_path: Path, name: str) -> None:
    path = tmp_path / "e4.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("BVP.csv", "1644226061\n64\n1\n")
        info = zipfile.ZipInfo("ACC.csv" if name == "link" else name)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16 if name == "link" else 0
        archive.writestr(info, "/etc/passwd")
    with audited() as seen:
        assert refused(path) == "unsafe_path"
    assert not [name for kind, name in seen if kind == "open" and ("passwd" in name or name.endswith("/ACC.csv"))]


@pytest.mark.parametrize("address", ["s3://bucket/a.csv", "http://169.254.169.254/x", "gs://a/b", "file:///etc/passwd",
                                     "//host/share/a.csv", "\\\\host\\share\\a.csv"])  # fmt: skip
def test_row_8_addresses_open_no_socket(address: str) -> None:
    from pulsewise.data.open import expand

    with audited() as seen:
        assert refused(address) == "unsafe_path"
        with pytest.raises(PulsewiseError):
            expand([address])
    assert not [event for event in seen if event[0].startswith("socket.")]


def test_row_9_bombs(tmp_path: Path) -> None:
    bomb = tmp_path / "e4.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BVP.csv", b"1644226061\n64\n" + b"0\n" * 50_000_000)
    packed = table(tmp_path, gzip.compress(b"1,2\n" * 50_000_000, 1), "a.csv.gz")
    started = time.monotonic()
    assert refused(bomb) == "expands_too_much"
    assert refused(packed, rate=1.0) == "expands_too_much"
    assert time.monotonic() - started < 2 * 2


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("word", ["inf", "-Infinity", "1e400", "nan"])
def test_row_18_values_that_are_no_numbers_end_with_4_not_3(tmp_path: Path, share: float, word: str) -> None:
    rows = [word if (i * 7919) % 100 < 100 * share else f"{np.sin(i / 10):.3f}" for i in range(1250)]
    (recording,) = opened(table(tmp_path, "ppg\n" + "\n".join(rows) + "\n"), rate=125.0)
    assert abs(int((~recording.signals[0].valid).sum()) / 1250 - share) < 0.02
    assert {"invalid_cell", "missing_cell"} & set(notes(recording))


@pytest.mark.parametrize("cell", ["1_000", "١٢", "0x1A", "1e400", "inf", "NaN", "1 000", "٣.٥", "1__0", "infinity"])
def test_row_13_what_is_no_number_becomes_none(tmp_path: Path, cell: str) -> None:
    rows = "".join(f"{i / 10},{cell if i == 5 else i}\n" for i in range(20))
    (recording,) = opened(table(tmp_path, "t_s,ppg\n" + rows))
    (signal,) = recording.signals
    assert np.flatnonzero(~signal.valid).tolist() == [5] and signal.samples[5] == 0
    assert notes(recording).get("invalid_cell", 0) + notes(recording).get("missing_cell", 0) == 1


def clocked(folder: Path, stamps: NDArray[np.float64], digits: int = 4, **options: object) -> list[Recording]:
    values = np.sin(np.arange(len(stamps)) / 9)
    rows = "".join(f"{t:.{digits}f},{v:.5f}\n" for t, v in zip(stamps, values, strict=True))
    return opened(table(folder, "time[s],ppg\n" + rows), **options)


def test_row_14_times_that_repeat_or_run_backwards(tmp_path: Path) -> None:
    stamps = np.arange(5000) / 100
    (plain,) = clocked(tmp_path, stamps)
    text = (tmp_path / "a.csv").read_text().splitlines()
    again = [line for i, line in enumerate(text) for _ in range(1 + (i % 50 == 7))]
    (deduped,) = opened(table(tmp_path, "\n".join(again)))
    np.testing.assert_array_equal(deduped.signals[0].samples, plain.signals[0].samples)
    assert notes(deduped)["duplicate_row"] == 100
    block = [*text[:2000], *text[1500:]]  # a block sent twice
    (once,) = opened(table(tmp_path, "\n".join(block)))
    np.testing.assert_array_equal(once.signals[0].samples, plain.signals[0].samples)
    rng = np.random.default_rng(0)
    assert refused(table(tmp_path, "\n".join([text[0], *rng.permutation(text[1:])]))) == "time_order"
    first, second = clocked(tmp_path, np.concatenate((stamps, stamps + 0.005)))  # the clock was set back once
    assert [len(r.signals[0].samples) for r in (first, second)] == [5000, 5000]
    assert "time_order" in notes(first) and first.id != second.id


@pytest.mark.parametrize("gap_s", [0.01, 0.02, 0.1, 1.0, 60.0, 7200.0])
def test_row_15_gaps_stay_gaps_under_jitter(tmp_path: Path, gap_s: float) -> None:
    rng = np.random.default_rng(1)
    rate, count = 250.0, 5000
    true = np.arange(count) / rate + np.where(np.arange(count) >= 2000, gap_s, 0.0)
    (recording,) = clocked(tmp_path, true + rng.uniform(-0.2, 0.2, count) / rate, digits=6)
    (signal,) = recording.signals
    lost = round(gap_s * rate)
    assert signal.rate == pytest.approx(rate, rel=2e-5)
    assert int(signal.valid.sum()) == count
    (start, stop), (begin, end) = signal.runs().tolist()
    assert (start, stop, end - begin) == (0, 2000, 3000) and abs(begin - stop - lost) <= max(1, 2e-5 * lost)
    assert notes(recording)["gap"] == begin - stop


@pytest.mark.parametrize("ppm", [-300.0, 300.0])
def test_row_16_drift_over_eight_hours(ppm: float) -> None:
    from pulsewise.formats._clock import compare, fit

    rng = np.random.default_rng(2)
    rate = 25.0 * (1 + ppm * 1e-6)
    count = 8 * 3600 * 25
    stamps = np.round((np.arange(count) + rng.uniform(-0.2, 0.2, count)) / rate, 3)
    lost = rng.random(count) < 0.0005
    grid = fit(stamps[~lost])
    assert abs(grid.rate / rate - 1) < 5e-6
    drift, said = compare(grid.rate, 25.0)
    assert drift == pytest.approx(ppm, abs=5) and not said
    assert compare(25.0 * 1.0006, 25.0)[1][0].code == "clock_drift"
    assert abs(60 * grid.rate / rate - 60) < 0.1, "a heart rate counted in samples"


def test_row_16_a_stated_rate_more_than_a_percent_off(tmp_path: Path) -> None:
    stamps = np.arange(1000) / 100
    assert clocked(tmp_path, stamps, rate=99.95)[0].signals[0].drift_ppm == pytest.approx(500, abs=1)
    with pytest.raises(PulsewiseError) as caught:
        clocked(tmp_path, stamps, rate=98.0)
    assert caught.value.code == "clock_drift"


def local(start: str, count: int, step_s: int = 60) -> str:
    begin = datetime.fromisoformat(start)
    rows = "".join(f"{begin + timedelta(seconds=step_s * i)},{90 + i % 7}\n" for i in range(count))
    return "timestamp,glucose (mg/dL)\n" + rows


def test_row_17_local_times(tmp_path: Path) -> None:
    zone = {"zone": "Europe/Berlin"}
    assert refused(table(tmp_path, local("2026-03-29 02:30", 5)), **zone) == "local_time"  # does not exist
    assert refused(table(tmp_path, local("2026-10-25 02:30", 5)), **zone) == "local_time"  # exists twice, alone
    spring = opened(
        table(tmp_path, local("2026-03-29 01:30", 30) + local("2026-03-29 03:00", 9).partition("\n")[2]), **zone
    )
    assert spring[0].references[30].time == 30 * 60, "the skipped hour takes no time"
    twice = local("2026-10-25 01:50", 70) + local("2026-10-25 02:00", 90).partition("\n")[2]
    (autumn,) = opened(table(tmp_path, twice), **zone)
    assert [r.time for r in autumn.references] == [60 * i for i in range(160)], "the repeated hour is counted twice"
    (once,) = opened(table(tmp_path, local("2026-10-25 01:50", 30)), **zone)
    assert once.references[-1].time == 29 * 60 and once.start_utc is not None and once.start_utc.hour == 23
    assert refused(table(tmp_path, local("2026-03-29 00:30", 9, 3600))) == "local_time"  # no zone, an hour may hide
    (short,) = opened(table(tmp_path, local("2026-03-29 00:30", 9)))
    assert short.start_utc is None and "no_zone" in notes(short)


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (["03/04/2026 10:00", "03/05/2026 10:00"], "ambiguous_date"),
        (["03-04-2026 10:00 AM", "04-05-2026 10:05 PM"], "ambiguous_date"),
        (["13/04/26 10:00", "14/04/26 10:00"], "ambiguous_date"),
        (["13/04/2026 10:00", "04/13/2026 10:00"], "ambiguous_date"),
    ],
)
def test_row_17_dates_in_two_ways(tmp_path: Path, cells: list[str], code: str) -> None:
    text = "Timestamp,Glucose (mg/dL)\n" + "".join(f"{cell},99\n" for cell in cells)
    assert refused(table(tmp_path, text), zone="UTC") == code


def test_row_17_the_user_settles_the_date(tmp_path: Path) -> None:
    path = table(tmp_path, "Timestamp,Glucose (mg/dL)\n03/04/2026 10:00,99\n03/05/2026 10:00,98\n")
    (recording,) = opened(path, zone="UTC", date_format="%d/%m/%Y %H:%M")
    assert recording.start_utc is not None and recording.start_utc.isoformat() == "2026-04-03T10:00:00+00:00"
    path = table(tmp_path, "Timestamp,Glucose (mg/dL)\n13.04.2026 10:00,99\n01.05.2026 10:00,98\n")
    assert opened(path, zone="UTC")[0].references[1].time == 18 * 86_400


def readings(*values: object, header: str = "glucose (mg/dL)") -> str:
    return f"time[s],{header}\n" + "".join(f"{300 * i},{value}\n" for i, value in enumerate(values))


def test_row_26_glucose(tmp_path: Path) -> None:
    (recording,) = opened(table(tmp_path, readings("Low", 70, "High", 0, 1000, 180, "-5")))
    assert [(r.value, r.flag) for r in recording.references] == [
        (40, "censored_low"), (70, "ok"), (400, "censored_high"), (180, "ok"),
    ]  # fmt: skip
    assert notes(recording)["impossible_value"] == 3
    assert refused(table(tmp_path, readings(5.1, 7.8, 11.0))) == "unit"
    assert refused(table(tmp_path, readings(99, 120, header="glucose [mmol/L]"))) == "unit"
    assert refused(table(tmp_path, readings(25, 30, header="glucose"))) == "unit", "neither unit is certain"
    (converted,) = opened(table(tmp_path, readings(5.0, header="glucose (mmol/L)")))
    assert converted.references[0].value == pytest.approx(90.078)
    assert converted.references[0].source_unit == "mmol/L"


def test_row_39_names_are_no_formulas(tmp_path: Path) -> None:
    from pulsewise.core.recording import Signal
    from pulsewise.formats import csv

    bad = '=HYPERLINK("http://x")'
    signals = tuple(Signal(name, "ppg", "a.u.", 10.0, np.ones(3, np.float32)) for name in (bad, "+1", "@a", "-x\n=1"))
    csv.write(Recording("=1+1", signals, person="@evil"), tmp_path / "a.csv")
    header = next(line for line in (tmp_path / "a.csv").read_text().splitlines() if not line.startswith("#"))
    cells = next(iter(stdlib_csv.reader([header])))
    assert all(cell == "t_s" or cell.startswith("'") for cell in cells)
    assert [s.name for s in csv.read(tmp_path / "a.csv")[0].signals] == [bad, "+1", "@a", "-x\n=1"]
