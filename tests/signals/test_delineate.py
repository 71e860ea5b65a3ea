"""Waves of the ECG against the closed form they were made from, at any rate, either way up, and where none are."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.core.errors import InputError, UsageError
from pulsewise.signals.beats import find_beats
from pulsewise.signals.delineate import POINTS, Waves, delineate
from pulsewise.signals.qt import FORMULAS, corrected, qt
from pulsewise.simulate import beats as made

QTC = 0.41


def ecg_of(bpm: float, rate: float, *, noise: float = 0.01, af: bool = False, qtc: float = QTC, seconds: float = 40.0):
    """Samples (T,) in mV of a simulated ECG with baseline wander, and its true points (s) per beat."""
    rng = np.random.default_rng(0)
    if af:
        train = made.fibrillating(-3, seconds + 3, bpm, rng)
    else:
        times = np.arange(-3, seconds + 3, 0.05)
        sway = 0.03 * np.sin(2 * np.pi * 0.25 * times)
        train = made.train(times, np.full(len(times), bpm), rng, variability=sway)
    one, t = np.ones(len(train.time)), np.arange(int(seconds * rate)) / rate
    shape = made.EcgShape(qtc * one, 0.3 * one, (0.0 if af else 0.12) * one, 1.1 * one, 0.22 * one, 0.045 * one)
    x = made.ecg(t, train, shape) + (made.f_waves(t, rng) if af else 0.0)
    x = x + noise * rng.normal(size=len(t)) + 0.3 * np.sin(2 * np.pi * 0.2 * t)
    root = np.sqrt(np.concatenate((train.interval[:1], train.interval[:-1])))
    small, r, width = np.minimum(root, 1.0), train.time, 0.045 * root
    top = r + qtc * root - 0.04 - 2 * width
    truth = {
        "p_onset": r - 0.214 * small, "p_peak": r - 0.17 * small, "p_offset": r - 0.126 * small,
        "qrs_onset": r - 0.044, "r_peak": r, "qrs_offset": r + 0.05,
        "t_onset": top - 2 * width, "t_peak": top, "t_offset": top + 2 * width,
    }  # fmt: skip
    return x, truth


def errors_ms(found: Waves, rate: float, truth: dict[str, np.ndarray], point: str) -> np.ndarray:
    """Found less true (ms) where the point was found."""
    nearest = np.abs(truth["r_peak"][:, None] - found.r_peak / rate).argmin(axis=0)
    places = getattr(found, point)
    return ((places / rate - truth[point][nearest]) * 1000)[places >= 0]


@pytest.mark.parametrize(("rate", "bpm"), [(100, 70), (250, 50), (250, 100), (360, 70), (1000, 60)])
def test_points_lie_where_the_formula_has_them(rate: float, bpm: float) -> None:
    x, truth = ecg_of(bpm, rate)
    found = delineate(x, rate, find_beats(x, rate, "ecg").index)
    for point in POINTS:
        off = errors_ms(found, rate, truth, point)
        assert len(off) >= 0.9 * len(found), point
        assert abs(np.median(off)) <= (3 if point.endswith("peak") else 9), point
        assert np.percentile(np.abs(off), 75) <= 18, point


def test_points_of_a_beat_are_in_order_and_do_not_depend_on_the_unit() -> None:
    x, _ = ecg_of(75, 250)
    peaks = find_beats(x, 250, "ecg").index
    found, other = delineate(x, 250, peaks), delineate(1e4 - 500 * x, 250, peaks)
    table = np.stack([getattr(found, point) for point in POINTS])
    complete = (table >= 0).all(axis=0)
    assert complete.mean() > 0.9 and (np.diff(table[:, complete], axis=0) > 0).all()
    for point in POINTS:
        assert np.mean(np.abs(getattr(found, point) - getattr(other, point)) <= 1) > 0.95


def test_fibrillation_has_no_p_waves() -> None:
    x, truth = ecg_of(90, 250, af=True)
    found = delineate(x, 250, find_beats(x, 250, "ecg").index)
    assert (found.p_peak >= 0).mean() < 0.25 and (found.t_peak >= 0).mean() > 0.9
    assert abs(np.median(errors_ms(found, 250, truth, "t_peak"))) < 5


def test_st_level_is_what_was_added() -> None:
    x, truth = ecg_of(60, 250, noise=0.002)
    t = np.arange(len(x)) / 250
    raised = x + sum(
        0.2 * np.clip(np.minimum((t - r - 0.03) / 0.02, (r + 0.25 - t) / 0.1), 0, 1) for r in truth["r_peak"]
    )
    peaks = find_beats(x, 250, "ecg").index
    more = delineate(raised, 250, peaks).st_level - delineate(x, 250, peaks).st_level
    assert np.nanmedian(more) == pytest.approx(0.2, abs=0.03)


def test_a_gap_has_no_points() -> None:
    x, _ = ecg_of(70, 250)
    peaks = find_beats(x, 250, "ecg").index
    middle = int(peaks[10])
    x[middle - 20 : middle + 100] = np.nan
    found = delineate(x, 250, peaks)
    assert found.t_peak[10] == found.qrs_onset[10] == -1 and found.t_peak[5] > 0
    assert (delineate(np.full(2500, np.nan), 250, [1000]).qrs_onset == -1).all()
    assert len(delineate(x, 250, [])) == 0


def test_long_recordings_are_the_same_beat_by_beat() -> None:
    x, _ = ecg_of(70, 250)
    peaks = find_beats(x, 250, "ecg").index
    many = np.tile(x, 16)
    every = np.concatenate([peaks + k * len(x) for k in range(16)])
    found = delineate(many, 250, every)
    again = found.t_offset[: len(peaks)]
    assert np.mean(np.abs(again - delineate(x, 250, peaks).t_offset) <= 2) > 0.9


def test_wrong_calls_say_what_is_wrong() -> None:
    with pytest.raises(InputError, match="80 Hz"):
        delineate(np.zeros(500), 50, [100])
    with pytest.raises(InputError, match="increasing"):
        delineate(np.zeros(500), 250, [200, 100])


@pytest.mark.parametrize("qtc", [0.36, 0.41, 0.50])
@pytest.mark.parametrize("bpm", [55.0, 95.0])
def test_qt_is_the_one_put_in(qtc: float, bpm: float) -> None:
    x, _ = ecg_of(bpm, 250, qtc=qtc)
    found = qt(x, 250, formula="bazett")
    assert not found.reasons and found.formula == "bazett" and found.low_s < found.qtc_s < found.high_s
    assert found.qtc_s == pytest.approx(qtc, abs=0.02)


def test_formulas_agree_at_sixty_and_with_worked_examples() -> None:
    assert [float(corrected(0.4, 1.0, name)) for name in FORMULAS] == pytest.approx([0.4] * 4)
    assert float(corrected(0.35, 0.75, "bazett")) == pytest.approx(0.4041, abs=1e-4)
    assert float(corrected(0.35, 0.75, "fridericia")) == pytest.approx(0.3852, abs=1e-4)
    assert float(corrected(0.35, 0.75, "framingham")) == pytest.approx(0.3885, abs=1e-4)
    assert float(corrected(0.35, 0.75, "hodges")) == pytest.approx(0.3850, abs=1e-4)
    with pytest.raises(UsageError, match="known: bazett"):
        corrected(0.4, 1.0, "own")


def test_qt_abstains_where_there_is_none() -> None:
    assert qt(np.zeros(5000), 250).reasons == ("few_beats",)
    noise = np.random.default_rng(0).normal(size=7500)
    assert qt(noise, 250).reasons
    x, _ = ecg_of(70, 250, noise=0.4)
    found = qt(x, 250)
    assert found.reasons or abs(found.qtc_s - 0.40) < 0.05
    with pytest.raises(UsageError):
        qt(x, 250, formula="own")
