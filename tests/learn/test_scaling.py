"""Scaling against NumPy's moments, and fitted on nothing but the training rows."""

import numpy as np
import pytest

from pulsewise.core.errors import InputError
from pulsewise.learn import scaling


def test_moments_over_chunks_are_numpys(memory, make_waves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "CHUNK", 7)
    windows = make_waves(channels=2)
    windows.samples[:, 1] = windows.samples[:, 1] * 3 + 1000
    rows = np.arange(5, 90)
    targets = np.stack([windows.columns["label_glucose"], np.full(96, 7.0)], axis=1)[rows]
    targets[3] = np.nan
    found = scaling.fit(memory(windows), rows, targets, ("a", "b"))
    used = windows.samples[rows].astype(np.float64)
    assert found.input_mean == pytest.approx(used.mean(axis=(0, 2)))
    assert found.input_sd == pytest.approx(used.std(axis=(0, 2)))
    assert found.target_mean == pytest.approx(np.nanmean(targets, axis=0))
    assert found.target_sd == pytest.approx((np.nanstd(targets[:, 0]), 1.0))


def test_there_and_back() -> None:
    s = scaling.Scaling((1.0,), (2.0,), (100.0, 80.0), (15.0, 10.0))
    values = np.array([[120.0, np.nan], [90.0, 70.0]])
    assert np.allclose(s.outputs(s.targets(values)), values, equal_nan=True)
    assert s.inputs(np.full((1, 1, 3), 5, np.float32)).ravel().tolist() == [2, 2, 2]


def test_a_target_without_labels_is_named(store) -> None:
    with pytest.raises(InputError, match=r"no training window has a label for dbp .*\[label\]|dbp"):
        scaling.fit(store, np.arange(4), np.array([[1.0, np.nan]] * 4), ("sbp", "dbp"))


def test_samples_that_are_not_numbers_are_refused(memory, make_waves) -> None:
    windows = make_waves()
    windows.samples[3, 0, 5] = np.nan
    with pytest.raises(InputError, match="malformed"):
        scaling.fit(memory(windows), np.arange(8), np.ones((8, 1)), ("sbp",))


@pytest.mark.parametrize("wrong", [((0.0,), (0.0,), (0.0,), (1.0,)), ((0.0,), (1.0,), (np.nan,), (1.0,))])
def test_impossible_scaling_is_refused(wrong: tuple) -> None:
    with pytest.raises(ValueError, match="finite"):
        scaling.Scaling(*wrong)
