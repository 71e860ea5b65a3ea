"""Yes and no from references: limits, censored readings, names of rhythms, and what is not known."""

import numpy as np
import pytest

from pulsewise.core.plugin import Rule, Target
from pulsewise.core.truth import truth, truths
from pulsewise.tasks import fibrillation, hypertension

NAN = float("nan")


def test_a_number_is_its_label_and_missing_where_it_is_missing() -> None:
    target = Target("sbp", "mmHg", 50, 280)
    assert np.array_equal(truth(target, {"label_sbp": np.array([120.0, np.inf])}, 2), [120.0, NAN], equal_nan=True)
    assert np.isnan(truth(target, {}, 3)).all()


@pytest.mark.parametrize(
    ("sbp", "dbp", "wanted"),
    [
        (119, 79, (0, 0, 0)),
        (120, 79, (1, 0, 0)),
        (118, 80, (1, 0, 0)),
        (140, 70, (1, 1, 0)),
        (130, 101, (1, 1, 1)),
        (165, NAN, (1, 1, 1)),
        (145, NAN, (1, 1, NAN)),
        (NAN, NAN, (NAN, NAN, NAN)),
    ],
)
def test_stages_of_hypertension(sbp: float, dbp: float, wanted: tuple[float, ...]) -> None:
    task = hypertension.build(hypertension.Config())
    found = truths(task, {"label_sbp": np.array([sbp]), "label_dbp": np.array([dbp])}, 1)
    assert np.array_equal(found[0], wanted, equal_nan=True)


def test_a_rhythm_is_told_by_its_name_however_it_is_written() -> None:
    names = np.array(["(AFIB", "af", "Sinus", "(AFL", "", "afl"])
    for flutter, wanted in ((False, [1, 1, 0, 0, NAN, 0]), (True, [1, 1, 0, 1, NAN, 1])):
        target = fibrillation.build(fibrillation.Config(flutter=flutter)).targets[0]
        assert np.array_equal(truth(target, {"label_rhythm": names}, 6), wanted, equal_nan=True)


def test_a_reading_above_the_meter_is_not_low() -> None:
    columns = {"label_glucose": np.full(2, NAN), "label_flag_glucose": np.array(["censored_high", "censored_low"])}
    low, high = (Target("x", "", 0, 1, (rule,)) for rule in (Rule("glucose", below=70), Rule("glucose", at_least=250)))
    assert truth(low, columns, 2).tolist() == [0.0, 1.0]
    assert truth(high, columns, 2).tolist() == [1.0, 0.0]
