"""Bias and limits of agreement of an evaluation, with their intervals and the components of the spread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pulsewise.clinical.limits import Bounds, limits
from pulsewise.clinical.pressure_continuous import independent_n
from pulsewise.clinical.resample import FEW_PEOPLE
from pulsewise.judge.number import Number
from pulsewise.judge.result import Agreement
from pulsewise.judge.rows import Columns
from pulsewise.judge.tally import AGREEMENT, Tally

METHOD = (
    "limits: bias ± 1.96 SD, SD = sqrt(between + within people) by one-way analysis of variance (Bland & Altman 1999); "
    "intervals of limits and SD by variance estimates recovery (MOVER, Zou 2013), the others by resampling people"
)


def agreement(tally: Tally, readings: Columns, level: float) -> Agreement:
    """Limits of agreement of the block `readings` of a tally, with the intervals of `clinical.limits`.

    Where people are unknown there are no intervals and no components.
    """
    found = tally.numbers("readings", AGREEMENT)
    bias, lower, upper, reference, error = (found[name] for name in AGREEMENT)
    plain = Agreement(bias, lower, upper, reference, error, METHOD)
    if not tally.known or found["bias"].people < 2:
        return plain
    errors = np.asarray(readings["estimate"], np.float64) - np.asarray(readings["reference"], np.float64)
    more = limits(errors, np.unique(readings["person"].astype(str), return_inverse=True)[1], level=level)
    n, people = found["bias"].n, found["bias"].people

    def number(value: float | None, ends: Bounds | None = None) -> Number:
        if value is None:
            return Number(None, n=n, people=people, reason="no_repeats")
        low, high = (None, None) if ends is None else ends
        return Number(value, low, high, n, people)

    of = more.of
    effect = None if of.icc is None else independent_n(n, people, of.icc)[1]
    sd = of.sd if of.reason == "no_repeats" else of.sd_corrected
    return replace(
        plain,
        lower=_with(found["lower"], more.lower),
        upper=_with(found["upper"], more.upper),
        sd_between=number(None if of.between is None else of.between**0.5),
        sd_within=number(None if of.within is None else of.within**0.5),
        sd_corrected=number(sd, more.sd),
        icc=number(of.icc, more.icc),
        independent=number(effect),
        warning=f"with fewer than {FEW_PEOPLE} people the intervals by resampling are rough"
        if people < FEW_PEOPLE
        else "",
    )


def _with(number: Number, ends: Bounds | None) -> Number:
    return number if ends is None or number.value is None else replace(number, low=ends[0], high=ends[1], reason="")
