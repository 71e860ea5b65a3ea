"""The tracker against chains whose truth is known, and what a track says of a stretch."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.signals.track import Moves, Track, advance, follow, moves, read, smooth

GRID = np.arange(30.0, 91.0)


def exact(score: np.ndarray, how: Moves) -> np.ndarray:
    """Marginals by summing over all paths of a short chain."""
    from itertools import product

    bins, out = score.shape[1], np.zeros(score.shape)
    states = list(product(range(len(how.drifts)), range(bins)))

    def to(before: tuple[int, int], after: tuple[int, int]) -> float:
        landed = before[1] + how.drifts[after[0]]
        return how.turns[before[0], after[0]] * how.steps[landed, after[1]] if 0 <= landed < bins else 0.0

    for path in product(states, repeat=len(score)):
        weight = sum(to(s, path[0]) for s in states) * np.exp(score[0, path[0][1]])
        for i in range(1, len(score)):
            weight *= to(path[i - 1], path[i]) * np.exp(score[i, path[i][1]])
        for i, (_, place) in enumerate(path):
            out[i, place] += weight
    return out / out.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("length", "bins", "drift"), [(4, 5, 0), (3, 4, 1)])
def test_smoothing_is_the_sum_over_all_paths(length: int, bins: int, drift: int) -> None:
    score = np.random.default_rng(0).normal(size=(length, bins))
    how = moves(np.arange(float(bins)), 1.0, 1e-2, drift)
    truth = exact(score, how)
    assert smooth(score, how) == pytest.approx(truth, rel=1e-5)
    assert follow(score, how)[-1] == pytest.approx(truth[-1], rel=1e-5)  # nothing comes after the last


@pytest.mark.parametrize("drift", [0, 2])
def test_following_in_pieces_is_following(drift: int) -> None:
    score = np.random.default_rng(1).normal(size=(30, len(GRID)))
    how = moves(GRID, 2.0, 1e-4, drift)
    parts = [advance(score[:11], how)]
    parts.append(advance(score[11:], how, start=parts[0][-1]))
    assert np.concatenate(parts).sum(axis=1) == pytest.approx(follow(score, how), abs=1e-6)


def test_a_drift_keeps_up_with_a_rate_that_rises() -> None:
    truth = np.linspace(40, 80, 21)  # 2 per step
    score = np.maximum(-0.5 * ((GRID - truth[:, None]) / 4) ** 2, -8.0)
    lag = [np.mean((truth - read(follow(score, moves(GRID, 1.0, 1e-5, d)), GRID, 5.0)[0])[5:]) for d in (0, 2)]
    assert lag[0] > 1.0 and abs(lag[1]) < 0.3 * lag[0]


def test_a_line_is_followed_past_a_rival() -> None:
    truth = np.linspace(50, 70, 40)
    rng = np.random.default_rng(2)
    score = -0.5 * ((GRID - truth[:, None]) / 2) ** 2 + rng.normal(size=(40, len(GRID))) * 0.2
    score[15:20] = -0.5 * ((GRID - 85) / 2) ** 2  # for ten seconds something else is all there is
    score = np.maximum(score, -2.0)
    value, spread, trust = read(smooth(score, moves(GRID, 1.5, 1e-5)), GRID, 5.0)
    assert np.abs(value - truth).max() < 2.5
    assert spread[17] > spread[5] and trust[17] < trust[5]


def test_no_evidence_is_no_trust() -> None:
    value, spread, trust = read(smooth(np.zeros((10, len(GRID))), moves(GRID, 2.0, 1e-5)), GRID, 5.0)
    assert trust.max() < 0.25 and spread.min() > 10 and np.isfinite(value).all()
    assert all(len(part) == 0 for part in read(np.empty((0, 3)), np.arange(3.0), 1.0))


def made(values: list[float]) -> Track:
    value = np.array(values)
    reasons = tuple(("motion",) if np.isnan(v) else () for v in values)
    return Track(4 + 2 * np.arange(len(values), dtype=float), value, value - 2, value + 2, reasons, value, value, 8.0)


def test_a_stretch_of_a_track() -> None:
    track = made([70, 72, np.nan, 76, 78])
    assert track.over(0, 8) == (70, 68, 72, ())
    assert track.over(2, 10).value == 72
    assert track.over(1.2, 9.2).value == 72  # the nearest
    assert track.over(0, 16).value == pytest.approx(74)
    assert track.over(4, 12).reasons == ("motion",)
    assert track.over(60, 68).reasons == ("too_short",) and made([]).over(0, 8).reasons == ("too_short",)
