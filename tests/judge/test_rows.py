"""One reading counts once, however many windows carry its label."""

import numpy as np
import pyarrow as pa
import pytest

from pulsewise.core.errors import InputError
from pulsewise.judge.rows import columns_of, per_reading, reading_codes


def codes(**columns):
    n = len(columns["reference"])
    table = pa.table({"estimate": np.zeros(n), "person": ["a"] * n, **columns})
    return reading_codes(columns_of(table)).tolist()


def same(found):
    """The partition, independent of the numbers."""
    return [found.index(x) for x in found]


def test_a_constant_label_is_one_reading_per_recording_or_sitting():
    assert same(codes(reference=[100.0, 100.0, 90.0], record=["r1", "r1", "r2"])) == [0, 0, 2]
    assert same(codes(reference=[100.0] * 3, record=["r1", "r2", "r3"], session=["s"] * 3)) == [0, 0, 0]
    assert same(codes(reference=[100.0] * 2, record=["r", "r"], person=["a", "b"])) == [0, 1]


def test_labels_of_one_recording_are_told_apart_by_the_moment_they_point_to():
    start = np.array([0.0, 10, 20, 30, 40, 50])
    nearest = np.array([0.0, 0, 0, 50, 50, 50])
    columns = {"start": start, "record": ["r"] * 6, "label_age": np.abs(start - nearest)}
    assert same(codes(reference=[100.0, 100, 100, 120, 120, 120], **columns)) == [0, 0, 0, 3, 3, 3]
    interpolated = 100 + start / 50 * 20
    assert same(codes(reference=interpolated, **columns)) == [0, 0, 0, 3, 3, 3]


def test_without_ages_equal_neighbours_are_one_reading():
    assert same(codes(reference=[1.0, 1, 2, 1], record=["r"] * 4, start=[0.0, 1, 2, 3])) == [0, 0, 2, 3]


def test_a_reading_column_decides():
    assert same(codes(reference=[1.0, 2.0, 1.0], record=["r"] * 3, reading=["x", "x", "y"])) == [0, 0, 2]


def test_per_reading_is_the_mean_over_the_kept_windows():
    table = pa.table({"reference": [1.0, 1, 2], "estimate": [1.0, 3, None], "person": ["a", "a", "b"]})
    columns = columns_of(table)
    found = per_reading(columns, np.array([0, 0, 1]), np.array([True, True, True]))
    assert found["estimate"][0] == 2.0
    assert np.isnan(found["estimate"][1])
    assert found["windows"].tolist() == [2, 1]


def test_what_is_not_a_number_is_said():
    with pytest.raises(InputError, match="reference"):
        columns_of(pa.table({"estimate": [1.0]}))
    with pytest.raises(InputError, match="numbers are needed"):
        columns_of(pa.table({"estimate": ["1"], "reference": [1.0]}))
    infinite = columns_of(pa.table({"estimate": [float("inf")], "reference": [1.0]}))
    assert np.isnan(infinite["estimate"]).all()
