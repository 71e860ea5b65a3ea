"""QT interval of an ECG and QT corrected for the heart rate, by a named formula; or the reasons for having none.

QT runs from the beginning of the QRS complex to where the tangent at the steepest descent of the T wave meets the
level before the QRS complex. Each beat is corrected by the interval before it, and the median of the steady beats is
given: after an odd interval the T wave has not yet followed the rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import UsageError
from pulsewise.signals.beats import Beats, find_beats
from pulsewise.signals.delineate import Waves, delineate

Array = NDArray[np.float64]

FORMULAS: dict[str, Callable[[Array, Array], Array]] = {
    "bazett": lambda qt, rr: qt / np.sqrt(rr),
    "fridericia": lambda qt, rr: qt / np.cbrt(rr),
    "framingham": lambda qt, rr: qt + 0.154 * (1 - rr),
    "hodges": lambda qt, rr: qt + 0.00175 * (60 / rr - 60),
}
"""QTc in seconds from QT and the RR interval in seconds: Bazett 1920, Fridericia 1920, Sagie (Framingham) 1992,
Hodges 1983. All leave QT as it is at 60 bpm."""

_LEAST_BEATS = 3
_STEADY = 0.15
_PLAUSIBLE_S = (0.20, 0.70)
_SPREAD_S = 0.06
_LEAST_SHARE = 0.4


@dataclass(frozen=True)
class Qt:
    """QT of a stretch, or the reasons for having none.

    Parameters
    ----------
    qt_s, qtc_s : float
        Seconds; NaN where there are reasons.
    low_s, high_s : float
        90 % interval of QTc from how the beats differ, and 5 ms for where a wave ends.
    formula : str
        Of QTc, a key of `FORMULAS`.
    rr_s : float
        Median interval (s) of the beats used.
    beats : int
        How many were used.
    reasons : tuple of str
        Keys of `core.estimate.REASONS`; empty exactly where there is a number.
    """

    qt_s: float
    qtc_s: float
    low_s: float
    high_s: float
    formula: str
    rr_s: float
    beats: int
    reasons: tuple[str, ...] = ()


def corrected(qt_s: ArrayLike, rr_s: ArrayLike, formula: str = "fridericia") -> Array:
    """QTc (s) from QT and RR (s, of the beat before), any shapes that go together.

    Raises `unknown_name` for a formula that is not in `FORMULAS`.

    Examples
    --------
    >>> {name: round(float(corrected(0.36, 0.64, name)), 3) for name in FORMULAS}
    {'bazett': 0.45, 'fridericia': 0.418, 'framingham': 0.415, 'hodges': 0.419}
    """
    if formula not in FORMULAS:
        raise UsageError("unknown_name", f"no QT correction {formula!r}", fix=f"known: {', '.join(FORMULAS)}")
    return np.asarray(FORMULAS[formula](np.asarray(qt_s, dtype=np.float64), np.asarray(rr_s, dtype=np.float64)))


def qt(
    samples: ArrayLike,
    rate: float,
    *,
    beats: Beats | None = None,
    waves: Waves | None = None,
    formula: str = "fridericia",
    valid: ArrayLike | None = None,
) -> Qt:
    """QT and QTc of one lead of ECG.

    Parameters
    ----------
    samples : array_like, shape (T,)
        Any unit.
    rate : float
        Hz, at least 80.
    beats : Beats, optional
        Those of these samples, where they are known or corrected.
    waves : Waves, optional
        As `delineate` found them at these beats.
    formula : {"bazett", "fridericia", "framingham", "hodges"}
    valid : array_like of bool, shape (T,), optional

    Returns
    -------
    Qt
        With the reasons `few_beats` (fewer than three steady beats of which both ends are seen) and `noise` (the ends
        differ by more than 60 ms between beats, too few beats show them, or QT is under 0.2 or over 0.7 s).

    Raises
    ------
    InputError
        `shape`, `sampling_rate`, `rate` (below 80 Hz).
    UsageError
        `unknown_name`: the formula.
    """
    corrected(0.4, 1.0, formula)
    if beats is None:
        beats = find_beats(samples, rate, "ecg", valid=valid)
    if waves is None:
        waves = delineate(samples, rate, beats.index, valid=valid)
    rr = np.concatenate(([np.nan], beats.intervals())) if len(beats) else np.empty(0)
    usual = float(np.nanmedian(rr)) if np.isfinite(rr).any() else float("nan")
    steady = np.abs(rr / usual - 1) < _STEADY
    seen = steady & (waves.qrs_onset >= 0) & (waves.t_offset >= 0)
    length = (waves.t_offset - waves.qrs_onset) / rate
    if seen.sum() < _LEAST_BEATS:
        return _none(("few_beats",), formula, int(seen.sum()))
    each = corrected(length[seen], rr[seen], formula)
    low, middle, high = (float(v) for v in np.percentile(each, (25, 50, 75)))
    qt_s = float(np.median(length[seen]))
    if seen.sum() < _LEAST_SHARE * steady.sum() or high - low > _SPREAD_S:
        return _none(("noise",), formula, int(seen.sum()))
    if not _PLAUSIBLE_S[0] <= qt_s <= _PLAUSIBLE_S[1]:
        return _none(("noise",), formula, int(seen.sum()))
    reach = 1.645 * float(np.hypot(1.2533 * (high - low) / 1.349 / np.sqrt(seen.sum()), 0.005))
    return Qt(qt_s, middle, middle - reach, middle + reach, formula, float(np.median(rr[seen])), int(seen.sum()))


def _none(reasons: tuple[str, ...], formula: str, beats: int) -> Qt:
    nan = float("nan")
    return Qt(nan, nan, nan, nan, formula, nan, beats, reasons)
