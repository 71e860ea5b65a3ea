"""The tables of the glucose project are told apart by their columns, read, and written as they were."""

from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows
from pulsewise.data.open import detect, expand, open_file
from pulsewise.formats import glucose_labels, glucose_peaks, glucose_windows

RATE = ReadOptions(rate=100.0)
RNG = np.random.default_rng(3)


def some_windows(count: int = 4, length: int = 25) -> Windows:
    samples = RNG.normal(size=(count, 1, length)).astype(np.float32)
    return Windows(samples, 100.0, ("ppg",), {"window": np.arange(count) * 2 + 5, "person": ["=1+1"] * count})


@pytest.mark.parametrize("form", ["long", "wide"])
def test_windows_are_written_and_read_again(tmp_path: Path, form: str) -> None:
    before = some_windows()
    path = getattr(glucose_windows, f"write_{form}")(before, tmp_path / "ppg_windows.csv")
    found = detect(path)
    assert (found.format, found.why) == ("glucose_windows", f"a {form} table of windows")
    (after,) = glucose_windows.read(path, RATE)
    np.testing.assert_array_equal(after.samples, before.samples)
    assert after.columns["window"].tolist() == [5, 7, 9, 11]
    if form == "wide":
        assert set(after.columns["person"]) == {"'=1+1"}, "no spreadsheet computes a name"


def test_windows_need_a_rate(tmp_path: Path) -> None:
    path = glucose_windows.write_long(some_windows(), tmp_path / "a.csv")
    with pytest.raises(PulsewiseError, match="sampling_rate"):
        glucose_windows.read(path)


def test_long_rows_may_stand_in_any_order_but_none_may_be_missing(tmp_path: Path) -> None:
    path = glucose_windows.write_long(some_windows(), tmp_path / "a.csv")
    head, *rows = path.read_text().splitlines()
    shuffled = [rows[i] for i in RNG.permutation(len(rows))]
    (tmp_path / "b.csv").write_text("\n".join([head, *shuffled]) + "\n")
    (a,), (b,) = glucose_windows.read(path, RATE), glucose_windows.read(tmp_path / "b.csv", RATE)
    order = np.argsort(b.columns["window"])
    np.testing.assert_array_equal(a.samples, b.samples[order])
    for broken, message in ((rows[:-1], "is missing"), ([*rows, rows[3]], "there twice")):
        path.write_text("\n".join([head, *broken]) + "\n")
        with pytest.raises(PulsewiseError, match=message):
            glucose_windows.read(path, RATE)


@pytest.mark.parametrize("cell", ["nan", "1_000", "x", ""])
def test_a_sample_that_is_no_number_is_refused(tmp_path: Path, cell: str) -> None:
    (tmp_path / "a.csv").write_text(f"window_index,sample_index,amplitude\n0,0,1\n0,1,{cell}\n")
    with pytest.raises(PulsewiseError, match="malformed"):
        glucose_windows.read(tmp_path / "a.csv", RATE)


def test_wide_columns_in_any_order_with_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "window_index,case_id,window_id,glucose_mg_dl,amplitude_sample_1,amplitude_sample_0\n7,3,0,99,2,1\n8,4,1,0,4,3\n"
    )
    (windows,) = glucose_windows.read(path, RATE)
    assert windows.samples[:, 0].tolist() == [[1, 2], [3, 4]]
    assert windows.columns["person"].tolist() == ["3", "4"]
    np.testing.assert_array_equal(windows.label("glucose"), [99, np.nan])
    path.write_text(path.read_text().replace("amplitude_sample_1", "amplitude_sample_2"))
    with pytest.raises(PulsewiseError, match="amplitude_sample_0 to _1"):
        glucose_windows.read(path, RATE)


@pytest.mark.parametrize(
    ("header", "row", "value"),
    [
        ("window_index,glucose_mg_dl", "4,99.5", 99.5),
        ("window_index,glucose_mmol_l", "4,5.5", 5.5 * 18.0156),
        ("window_index,case_id,glucose_mg_dl,glucose_dt", "4,12,120,3600", 120),
        ("window_number;glucose_mg_dl", "4;99.5", 99.5),
    ],
)
def test_labels_of_windows(tmp_path: Path, header: str, row: str, value: float) -> None:
    path = tmp_path / "glucose_labels.csv"
    path.write_text(f"{header}\n{row}\n")
    assert detect(path).format == "glucose_labels"
    (recording,) = glucose_labels.read(path)
    (reference,) = recording.references
    assert reference.value == pytest.approx(value) and reference.unit == "mg/dL" and reference.window == 4
    assert reference.flag == "ok" and reference.time == (3600 if "dt" in header else None)
    assert recording.person == ("12" if "case_id" in header else "")


def test_predictions_are_written_and_read_as_estimates(tmp_path: Path) -> None:
    path = glucose_labels.write_predictions(
        [3, 4, 9], [101.25, None, float("nan")], tmp_path / "x_glucose_predictions.csv"
    )
    assert path.read_text() == "window_index,glucose_mg_dl\n3,101.25\n4,\n9,\n"
    (recording,) = glucose_labels.read(path)
    assert [(r.window, r.value, r.flag) for r in recording.references] == [(3, 101.25, "estimated")]


def test_laboratory_values(tmp_path: Path) -> None:
    path = tmp_path / "labs.csv"
    path.write_text("caseid,dt,name,result\n1,594470,alb,2.9\n1,399575,gluc,134\n2,-100,gluc,88\n2,5,gluc,Low\n")
    assert detect(path).format == "glucose_labels"
    first, second = glucose_labels.read(path)
    assert [(r.value, r.time) for r in first.references] == [(134, 399575)]
    assert [(r.value, r.flag) for r in second.references] == [(88, "ok"), (40, "censored_low")]
    assert first.person == "1" and {note.code for note in first.provenance.notes} == {"other_value"}


def test_peaks_are_written_and_read_again(tmp_path: Path) -> None:
    path = glucose_peaks.write_peaks([6, 133], [0.012, 0.266], [100, 101.5], [-1.5, 2], tmp_path / "a_peaks.csv")
    assert path.read_text().startswith(
        "peak_index,time,amplitude_original,amplitude_preprocessed\n6,0.012,100.0,-1.5\n"
    )
    assert detect(path).format == "glucose_peaks"
    (recording,) = glucose_peaks.read(path)
    assert [(e.time, e.kind, e.text) for e in recording.events] == [
        (0.012, "beat", "sample 6"),
        (0.266, "beat", "sample 133"),
    ]


def test_statistics_of_kept_windows_name_the_beat(tmp_path: Path) -> None:
    path = tmp_path / "a_filtered_windows.csv"
    path.write_text(
        "window_index,peak_index,window_length,similarity_score,window_mean,window_std,window_min,window_max\n"
        "0,512,500,0.97,0,1,-2,2\n"
    )
    with pytest.raises(PulsewiseError, match="sampling_rate"):
        glucose_peaks.read(path)
    (event,) = glucose_peaks.read(path, ReadOptions(rate=500.0))[0].events
    assert event.time == 1.024 and "sample 512" in event.text


def test_every_csv_of_the_web_app(real_data: Path) -> None:
    folder = real_data / "device-webapp/raw"
    seen: dict[str, int] = {}
    for path in sorted(folder.rglob("*.csv")):
        found = detect(path)
        seen[found.format] = seen.get(found.format, 0) + 1
        try:
            read = open_file(path, RATE if found.format != "csv" else ReadOptions())
        except PulsewiseError as error:
            assert error.code in ("time_order", "sampling_rate"), path
            assert "template" in path.name.casefold()  # a curve without time, and the file with a broken clock
            continue
        for item in read:
            assert isinstance(item, Windows) or item.signals or item.events
    assert seen == {"csv": 18, "glucose_peaks": 3, "glucose_windows": 10}


def test_the_merged_training_data(real_data: Path) -> None:
    parts = [w for w in open_file(real_data / "device-webapp/raw/training_data.csv", RATE) if isinstance(w, Windows)]
    assert sum(len(part) for part in parts) == 41 and {part.length for part in parts} == {100}
    assert [part.channels for part in parts] == [("force",), ("ppg",), ("ppg",), ("ppg",)]
    for part in parts:
        assert (
            set(part.label("glucose")) == {123} and set(part.label("sbp")) == {140} and set(part.label("dbp")) == {91}
        )


def test_windows_of_a_step_equal_the_merged_ones(real_data: Path) -> None:
    folder = real_data / "device-webapp/raw/Multi-channel/multi-channel-training-data/force-GLUC123-SYS140-DIA91"
    (long,) = glucose_windows.read(folder / "force-GLUC123-SYS140-DIA91-06-windows.csv", RATE)
    (wide,) = glucose_windows.read(folder / "force-GLUC123-SYS140-DIA91-output.csv", RATE)
    np.testing.assert_array_equal(long.samples, wide.samples)


def test_label_files_of_the_mendeley_set(real_data: Path) -> None:
    files = [path for path in expand([real_data / "ppg-glucose-mendeley/raw/Labels"]) if path.stem != "Total"]
    assert len(files) == 67
    values = []
    for path in files:
        (recording,) = open_file(path)
        assert isinstance(recording, Recording) and recording.demographics["sex"] in ("male", "female")
        values += [float(r.value) for r in recording.references]
    assert (min(values), max(values), len(values)) == (88, 183, 67)
