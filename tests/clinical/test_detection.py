"""Detection figures against scikit-learn, published counts, and their own invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsewise.clinical import detection
from pulsewise.core.errors import InputError

ORIGINAL = detection.Confusion(tn=4273, fp=44, fn=96, tp=150)


def test_the_original_hypoglycaemia_table() -> None:
    c = ORIGINAL
    figures = (
        c.accuracy,
        c.majority_accuracy,
        c.precision,
        c.sensitivity,
        c.f1,
        c.macro_f1,
        c.balanced_accuracy,
        c.mcc,
    )
    wanted = (0.969, 0.946, 0.773, 0.610, 0.682, 0.833, 0.800, 0.671)
    assert [round(f, 3) if f is not None else f for f in figures] == list(wanted)
    assert round(c.negative_predictive_value or 0, 3) == 0.978  # published as "precision > 98 %" of class 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=60))
def test_areas_agree_with_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    y, s = np.array([r[0] for r in rows], int), np.array([r[1] for r in rows], float)
    if len(set(y)) < 2:
        assert detection.auroc(y, s) is None
        return
    assert detection.auroc(y, s) == pytest.approx(metrics.roc_auc_score(y, s))
    assert detection.auprc(y, s) == pytest.approx(metrics.average_precision_score(y, s))


def test_figures_without_meaning_are_none() -> None:
    nothing = detection.confusion([0, 0, 0], [0, 0, 0])
    assert (nothing.sensitivity, nothing.precision, nothing.f1, nothing.mcc) == (None, None, None, None)
    assert nothing.accuracy == 1.0 == nothing.majority_accuracy
    assert detection.auprc([0, 0], [0.1, 0.2]) is None
    assert detection.wilson(0, 0) is None


def test_a_calibrated_probability_is_reliable_and_a_shifted_one_is_not() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(50_000)
    y = (rng.random(50_000) < p).astype(int)
    good, bad = detection.reliability(y, p), detection.reliability(y, p**2)
    assert good is not None and bad is not None
    assert good.expected_calibration_error < 0.01
    assert bad.expected_calibration_error > 0.1
    assert detection.brier(y, p) == pytest.approx(1 / 6, abs=0.005)


def test_decision_curve() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(20_000)
    y = (rng.random(20_000) < p).astype(int)
    curve = detection.net_benefit(y, p, [0.2, 0.5, 0.8])
    assert (curve["model"] >= np.maximum(curve["all"], 0) - 1e-3).all()
    same = detection.net_benefit(y, np.full(20_000, 0.9), [0.2])
    assert same["model"][0] == pytest.approx(same["all"][0])


def test_threshold_maximises_f1() -> None:
    y, s = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    threshold = detection.best_threshold(y, s)
    assert threshold is not None
    f1 = {t: detection.confusion(y, np.array(s) >= t).f1 for t in s}
    assert f1[threshold] == max(v for v in f1.values() if v is not None)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="0 or 1"):
        detection.auroc([0, 2], [0.1, 0.2])
    with pytest.raises(InputError, match="1 scores are missing"):
        detection.auroc([0, 1], [0.1, np.nan])
