"""From the errors of validation people to the half-widths of every later interval (`clinical.conformal`).

A model that says how sure it is of each answer (a forest's trees, the spread of a Gaussian head, the members of an
ensemble) gets conformalised quantile regression: the normal interval of its own spread, widened, or narrowed, by one
number for all. Any other model gets one half-width for all. Either way every person weighs the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from pulsewise.clinical import conformal

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Margin:
    """What makes an interval: `value` ± max(`factor` · spread + `margin`, 0); `factor` is 0 without a spread.

    Parameters
    ----------
    margin : float
        In the unit of the target; may be negative where the model's own spread is too wide.
    """

    margin: float
    factor: float = 0.0

    def half(self, spread: Floats | None, count: int) -> Floats:
        """Half-widths, shape (N,), for answers with this spread (N,)."""
        if spread is None or not self.factor:
            return np.full(count, max(self.margin, 0.0))
        return np.maximum(self.factor * spread + self.margin, 0.0)


def calibrate(residual: Floats, spread: Floats | None, people: NDArray[np.str_], level: float) -> Margin | None:
    """The margin from residuals (N,) of people the model was not fitted on; None with too few of them.

    Parameters
    ----------
    residual : ndarray, shape (N,)
        Answer less reference; rows with NaN are left out.
    spread : ndarray, shape (N,), optional
        The model's own standard deviation of each answer; not used where any is missing or none differs.
    """
    there = np.isfinite(residual)
    errors, who = np.abs(residual[there]), people[there]
    if spread is None or not np.isfinite(spread[there]).all() or not len(errors) or np.ptp(spread[there]) <= 0:
        half = conformal.quantile(errors, who, level)
        return None if half is None else Margin(half)
    factor = float(norm.ppf((1 + level) / 2))
    own = factor * spread[there]
    margin = conformal.quantile(conformal.quantile_scores(errors, -own, own), who, level)
    return None if margin is None else Margin(margin, factor)
