"""Episodes and alarms on readings where the answer can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.clinical.hypoglycemia import episodes, judge_alarms, pool
from pulsewise.core.errors import InputError

FIVE_MINUTES = 300.0


def readings(values: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(values)) * FIVE_MINUTES, np.array(values, float)


def test_an_episode_lasts_at_least_fifteen_minutes() -> None:
    assert len(episodes(*readings([90, 60, 60, 90, 90, 90, 90]))) == 0
    found = episodes(*readings([90, 60, 60, 60, 90, 90, 90]))
    assert (found.start.tolist(), found.end.tolist()) == ([300.0], [1200.0])


def test_a_short_recovery_does_not_end_an_episode() -> None:
    assert len(episodes(*readings([60, 60, 60, 75, 75, 60, 60, 60, 90]))) == 1
    assert len(episodes(*readings([60, 60, 60, 75, 75, 75, 60, 60, 60, 90]))) == 2


def test_nothing_is_known_over_a_gap() -> None:
    time = np.array([0, 300, 600, 20000, 20300, 20600.0])
    found = episodes(time, np.full(6, 60.0))
    assert len(found) == 2
    assert found.observed_s == 900 + 900
    lone = episodes(np.array([0.0, 300.0, 10000.0]), np.array([90.0, 90.0, 60.0]))
    assert len(lone) == 0  # one reading of five minutes


def test_alarms() -> None:
    found = episodes(*readings([90] * 12 + [60] * 6 + [90] * 270))
    assert (found.start[0], found.end[0], found.observed_s) == (3600, 5400, 86_400)
    result = judge_alarms(found, [3000, 3100, 40_000, 60_000])
    assert (result.episodes, result.caught, result.lead.tolist()) == (1, 1, [600])
    assert (result.alarms, result.false_alarms, result.false_alarms_per_day) == (3, 2, pytest.approx(2.0))
    late = judge_alarms(found, [4000])
    assert late.lead.tolist() == [-400]
    both = pool([result, late])
    assert (both.episodes, both.caught, both.sensitivity, both.alarms_per_day) == (2, 2, 1.0, pytest.approx(2.0))


def test_no_episodes_gives_no_sensitivity() -> None:
    result = judge_alarms(episodes(*readings([90.0] * 10)), [])
    assert (result.sensitivity, result.false_alarms_per_day) == (None, 0.0)
    with pytest.raises(InputError, match="rising times"):
        episodes([0, 0], [60, 60])
