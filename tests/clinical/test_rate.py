from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsewise.clinical.rate import risk_coverage, share_within
from pulsewise.core.errors import InputError


def test_no_estimate_is_not_within() -> None:
    assert share_within([60.0, 60.0], [60.0, np.nan], 5) == 0.5
    assert share_within([], [], 5) is None


def test_perfect_random_and_worst_trust() -> None:
    error = np.random.default_rng(0).exponential(3, 2000)
    perfect, worst = risk_coverage(error, -error), risk_coverage(error, error)
    flat = risk_coverage(error, np.zeros(2000))
    assert perfect.excess == pytest.approx(0)
    assert flat.area == pytest.approx(error.mean()) and flat.excess == pytest.approx(1)
    assert worst.area > flat.area > perfect.area
    assert perfect.risk[-1] == pytest.approx(error.mean())


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(0, 3)), min_size=2, max_size=40), st.randoms())
def test_the_order_of_rows_does_not_matter(rows: list[tuple[float, int]], random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    a, b = (risk_coverage([e for e, _ in r], [t for _, t in r]) for r in (rows, shuffled))
    assert a.area == pytest.approx(b.area)


def test_missing_errors_are_refused() -> None:
    with pytest.raises(InputError, match="numbers for every row"):
        risk_coverage([1.0, np.nan], [1.0, 2.0])
