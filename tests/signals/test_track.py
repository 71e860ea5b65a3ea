"""The tracker against chains whose truth is known, and what a track says of a stretch."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.signals.track import Track, follow, read, smooth, steps

GRID = np.arange(30.0, 91.0)


def exact(score: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Marginals by summing over all paths of a short chain."""
    from itertools import product

    out = np.zeros(score.shape)
    for path in product(range(score.shape[1]), repeat=len(score)):
        weight = np.exp(score[0, path[0]]) * moves[:, path[0]].mean()
        for i in range(1, len(score)):
            weight *= moves[path[i - 1], path[i]] * np.exp(score[i, path[i]])
        for i, state in enumerate(path):
            out[i, state] += weight
    return out / out.sum(axis=1, keepdims=True)


def test_smoothing_is_the_sum_over_all_paths() -> None:
    score = np.random.default_rng(0).normal(size=(4, 5))
    moves = steps(np.arange(5.0), 1.0, 1e-2)
    truth = exact(score, moves)
    assert smooth(score, moves) == pytest.approx(truth)
    assert follow(score, moves)[-1] == pytest.approx(truth[-1])  # nothing comes after the last


def test_following_in_pieces_is_following() -> None:
    score = np.random.default_rng(1).normal(size=(30, len(GRID)))
    moves = steps(GRID, 2.0, 1e-4)
    whole = follow(score, moves)
    parts = [follow(score[:11], moves)]
    parts.append(follow(score[11:], moves, start=parts[0][-1]))
    assert np.concatenate(parts) == pytest.approx(whole)


def test_a_line_is_followed_past_a_rival() -> None:
    truth = np.linspace(50, 70, 40)
    rng = np.random.default_rng(2)
    score = -0.5 * ((GRID - truth[:, None]) / 2) ** 2 + rng.normal(size=(40, len(GRID))) * 0.2
    score[15:20] = -0.5 * ((GRID - 85) / 2) ** 2  # for ten seconds something else is all there is
    score = np.maximum(score, -2.0)
    value, spread, trust = read(smooth(score, steps(GRID, 1.5, 1e-5)), GRID, 5.0)
    assert np.abs(value - truth).max() < 2.5
    assert spread[17] > spread[5] and trust[17] < trust[5]


def test_no_evidence_is_no_trust() -> None:
    value, spread, trust = read(smooth(np.zeros((10, len(GRID))), steps(GRID, 2.0, 1e-5)), GRID, 5.0)
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
