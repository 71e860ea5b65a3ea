import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from pulsewise.core.errors import InputError, PulsewiseError
from pulsewise.core.recording import Reference
from pulsewise.core.windows import Windows
from pulsewise.data.align import Config, label


def windows(*starts: float, length: int = 10, record: str = "r") -> Windows:
    columns = {"start": np.array(starts, float), "record": np.array([record] * len(starts))}
    return Windows(np.zeros((len(starts), 1, length)), 1.0, ("ppg",), columns)


def glucose(*pairs: tuple[float | None, float], flag: str = "ok", unit: str = "mg/dL") -> list[Reference]:
    return [Reference("glucose", value, unit, time, flag=flag) for time, value in pairs]


def labels(found: Windows, quantity: str = "glucose") -> list[float]:
    return found.columns[f"label_{quantity}"].tolist()


def test_interpolates_between_readings_and_never_beyond_them() -> None:
    times, values = [100.0, 400.0, 700.0], [90.0, 150.0, 120.0]
    starts = np.arange(0, 800, 13.0)
    found = label(windows(*starts), glucose(*zip(times, values, strict=True)), Config(), ["glucose"])
    centre = starts + 5
    inside = (centre >= 100) & (centre <= 700)
    assert_allclose(found.label("glucose")[inside], np.interp(centre[inside], times, values))
    assert np.isnan(found.label("glucose")[~inside]).all()
    assert (found.columns["label_flag_glucose"][~inside] == "").all()


def test_interpolation_needs_both_neighbours_within_the_tolerance() -> None:
    found = label(windows(100), glucose((0, 90), (5000, 100)), Config(tolerance_s=1800), ["glucose"])
    assert np.isnan(labels(found)[0])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=8, unique=True),
    st.lists(st.integers(-500, 5500), min_size=1, max_size=8),
    st.integers(0, 2000),
    st.integers(-600, 900),
)
def test_nearest_and_last_equal_a_search_by_hand(times: list[int], starts: list[int], tolerance: int, lag: int) -> None:
    readings = glucose(*[(float(t), 80.0 + i) for i, t in enumerate(times)])
    cut = windows(*[float(s) for s in starts])
    nearest = label(cut, readings, Config("nearest", tolerance_s=tolerance, lag_s=lag), ["glucose"])
    last = label(cut, readings, Config("last", tolerance_s=1, max_age_s=tolerance, lag_s=lag), ["glucose"])
    for i, start in enumerate(starts):
        distances = [(abs(t - lag - start - 5), t - lag, 80.0 + k) for k, t in enumerate(times)]
        distance, _, value = min(distances)
        assert labels(nearest)[i] == value if distance <= tolerance else np.isnan(labels(nearest)[i])
        past = [d for d in distances if d[1] <= start + 5 and d[0] <= tolerance]
        assert labels(last)[i] == min(past)[2] if past else np.isnan(labels(last)[i])
        if past:
            assert last.columns["label_age_glucose"][i] == min(past)[0]


def test_last_never_looks_into_the_future() -> None:
    found = label(windows(0), glucose((6, 100)), Config("last"), ["glucose"])
    assert np.isnan(labels(found)[0])


def test_the_lag_places_a_reading_earlier() -> None:
    found = label(windows(0), glucose((605, 100)), Config("nearest", tolerance_s=0, lag_s=600), ["glucose"])
    assert labels(found) == [100.0]


def test_a_reference_without_time_holds_for_the_whole_recording() -> None:
    for how in ("interpolate", "nearest", "last", "constant"):
        found = label(windows(0, 1e5), glucose((None, 111)), Config(how), ["glucose"])
        assert labels(found) == [111.0, 111.0]
        assert np.isnan(found.columns["label_age_glucose"]).all()


def test_constant_takes_the_mean_of_double_readings() -> None:
    readings = [Reference("sbp", v, "mmHg", t) for t, v in ((0.0, 120.0), (60.0, 124.0))]
    found = label(windows(0, 55), readings, Config("constant"), ["sbp", "dbp"])
    assert labels(found, "sbp") == [122.0, 122.0]
    assert found.columns["label_age_sbp"].tolist() == [5.0, 0.0]
    assert np.isnan(labels(found, "dbp")).all()


def test_readings_of_one_moment_are_averaged() -> None:
    found = label(windows(95), glucose((100, 90), (100, 100)), Config("nearest"), ["glucose"])
    assert labels(found) == [95.0]


@pytest.mark.parametrize("how", ["interpolate", "nearest", "last", "constant"])
@pytest.mark.parametrize("value", [400.0, 0.0])
def test_a_censored_value_never_becomes_a_plain_number(how: str, value: float) -> None:
    flag = "censored_high" if value else "censored_low"
    for readings in (glucose((5, value), flag=flag), [*glucose((5, value), flag=flag), *glucose((6, 100))]):
        found = label(windows(0), readings, Config(how), ["glucose"])
        assert np.isnan(labels(found)[0])
        assert found.columns["label_flag_glucose"].tolist() == [flag]


def test_the_bound_is_taken_only_where_asked_for_and_stays_flagged() -> None:
    found = label(windows(0), glucose((5, 400), flag="censored_high"), Config("nearest", censored="bound"), ["glucose"])
    assert labels(found) == [400.0]
    assert found.columns["label_flag_glucose"].tolist() == ["censored_high"]


@pytest.mark.parametrize(("value", "flag"), [(0.0, "censored_low"), (1000.0, "censored_high")])
def test_what_no_meter_can_report_is_censored(value: float, flag: str) -> None:
    found = label(windows(0), glucose((5, value)), Config("nearest"), ["glucose"])
    assert np.isnan(labels(found)[0])
    assert found.columns["label_flag_glucose"].tolist() == [flag]
    pressure = label(windows(0), [Reference("sbp", 1000.0, "mmHg", 5)], Config("nearest"), ["sbp"])
    assert np.isnan(labels(pressure, "sbp")[0])
    assert pressure.columns["label_flag_sbp"].tolist() == ["impossible"]


def test_mmol_given_as_mg_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        label(windows(0), glucose((0, 5.5), (900, 7.2)), Config(), ["glucose"])
    assert caught.value.code == "unit"
    found = label(windows(0), glucose((5, 35.0)), Config("nearest", unit_guard=False), ["glucose"])
    assert labels(found) == [35.0]


def test_mmol_said_to_be_mmol_is_converted() -> None:
    found = label(windows(0), glucose((5, 5.5), unit="mmol/L"), Config("nearest"), ["glucose"])
    assert_allclose(labels(found), [5.5 * 18.0156])


def test_a_rhythm_is_matched_but_not_interpolated() -> None:
    readings = [Reference("rhythm", "AF", "", 5.0), Reference("rhythm", "SR", "", 500.0)]
    found = label(windows(0, 495, 9000), readings, Config("nearest"), ["rhythm"])
    assert labels(found, "rhythm") == ["AF", "SR", ""]
    with pytest.raises(PulsewiseError, match="cannot be interpolated"):
        label(windows(0), readings, Config("interpolate"), ["rhythm"])


def test_a_table_by_hand_goes_to_the_window_it_names_also_after_dropping(tmp_path) -> None:
    table = tmp_path / "glucose_labels.csv"
    table.write_text("\ufeffwindow_index,glucose_mg_dl\n0,90\n1,\n4,104\n")
    cut = windows(0, 10, 20, 30, 40)
    cut = Windows(cut.samples, 1.0, ("ppg",), {**cut.columns, "window": np.arange(5)})[np.array([1, 4])]
    found = label(cut, [], Config("manual", table=str(table)), ["glucose"])
    assert labels(found)[1] == 104.0
    assert np.isnan(labels(found)[0])


def test_a_table_for_several_recordings_names_them(tmp_path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("case_id,window_index,glucose_mmol_l\na,0,5\nb,0,6\n")
    config = Config("manual", table=str(table))
    assert_allclose(labels(label(windows(0, record="b"), [], config, ["glucose"])), [6 * 18.0156])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("window_index,glucose\n0,1_000\n", "line 2"),
        ("window_index,glucose\n0,١٢\n", "line 2"),
        ("window_index,glucose\n-1,100\n", "whole number"),
        ("window_index,glucose\n0,100\n0,101\n", "two values"),
        ("window_index,other\n0,100\n", "known quantity"),
        ("a,b\n0,100\n", "window_index"),
        ("window_index,glucose\n0\n", "cells"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path, text: str, message: str) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        label(windows(0), [], Config("manual", table=str(table)), ["glucose"])
    assert caught.value.code == "label"


def test_readings_that_the_file_gives_to_a_window_are_taken() -> None:
    readings = [Reference("glucose", 99, "mg/dL", window=1)]
    assert labels(label(windows(0, 10), readings, Config("manual"), ["glucose"]))[1] == 99.0


@pytest.mark.parametrize("how", ["interpolate", "nearest", "last", "constant", "manual"])
def test_no_reading_is_a_missing_label_and_no_window_no_error(how: str) -> None:
    assert np.isnan(labels(label(windows(0), [], Config(how), ["glucose"]))[0])
    assert labels(label(windows(), glucose((0, 100)), Config(how), ["glucose"])) == []
