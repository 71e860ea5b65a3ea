"""Heart-rate variability from beats: time and frequency domain, with intervals, where rhythm and length allow it.

Sources: Task Force of the ESC and NASPE, Circulation 1996 (definitions, bands, shortest lengths); Shaffer and Ginsberg,
Front Public Health 2017 (what can be said of short stretches). From a PPG this is pulse-rate variability: the pulse's
way to the finger adds a few milliseconds that an ECG does not have. We differ: intervals over missed or misplaced beats
are left out and not interpolated, except for the spectrum; every value has an interval from the batches of its stretch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals.beats import Beats
from pulsewise.signals.measured import Value, abstain
from pulsewise.signals.order import mean
from pulsewise.signals.rate import usual_mask

Array = NDArray[np.float64]

SHORTEST_S = {"mean_nn": 10.0, "rmssd": 25.0, "sdnn": 55.0, "pnn50": 55.0, "sd1": 25.0, "sd2": 55.0, "hf": 55.0,
              "lf": 115.0, "lf_hf": 115.0}  # fmt: skip
"""Seconds below which a quantity is not given."""

UNITS = {"mean_nn": "ms", "rmssd": "ms", "sdnn": "ms", "pnn50": "%", "sd1": "ms", "sd2": "ms", "hf": "ms2", "lf": "ms2",
         "lf_hf": ""}  # fmt: skip

LEAST_USUAL = 0.8
"""Share of the intervals that must be one usual beat each."""

_BATCHES = 6
_T = 2.015  # Student's t, 0.95, 5 degrees of freedom
_BANDS = {"lf": (0.04, 0.15), "hf": (0.15, 0.4)}
_RESAMPLED_HZ = 4.0


def hrv(beats: Beats, rhythm: str = "") -> dict[str, Value]:
    """Variability of the intervals between beats of one stretch.

    Parameters
    ----------
    beats : Beats
        Those of the stretch; intervals across a gap do not count.
    rhythm : str
        `af` or `ectopy`: variability of the sinus node cannot be said, reason `not_sinus`.

    Returns
    -------
    dict of str to Value
        `SHORTEST_S` has the names; ms, %, ms². Reasons: `too_short`, `few_beats`, `noise` (over a fifth of the
        intervals are not one usual beat), `not_sinus`.

    Examples
    --------
    >>> beats = Beats(np.arange(80), np.arange(80) * 0.8)
    >>> round(hrv(beats)["mean_nn"].value), round(hrv(beats)["rmssd"].value)
    (800, 0)
    """
    seconds = beats.intervals()
    usual = usual_mask(seconds)
    known = seconds[np.isfinite(seconds)]
    covered, count = float(np.add.reduce(known)), int(np.count_nonzero(usual))
    reasons: tuple[str, ...] = ()
    if rhythm in ("af", "ectopy"):
        reasons = ("not_sinus",)
    elif count < 8:
        reasons = ("few_beats",)
    elif count < LEAST_USUAL * len(known):
        reasons = ("noise",)
    if reasons:
        return {name: abstain(*reasons) for name in SHORTEST_S}
    found = _time_domain(seconds * 1000, usual, covered)
    if covered >= SHORTEST_S["hf"]:
        found |= _spectrum(beats.time[1:], seconds * 1000, usual)
    return {
        name: _value(*found[name], UNITS[name]) if covered >= least and name in found else abstain("too_short")
        for name, least in SHORTEST_S.items()
    }


def _value(value: float, half: float, unit: str) -> Value:
    return Value(value, unit, max(value - half, 0.0), value + half)


def _time_domain(ms: Array, usual: NDArray[np.bool_], covered: float) -> dict[str, tuple[float, float]]:
    nn = ms[usual]
    found = {"mean_nn": (mean(nn), _half(nn))}
    if covered < SHORTEST_S["rmssd"]:
        return found
    pairs = usual[1:] & usual[:-1]
    change = np.diff(ms)[pairs]
    found["sdnn"] = _root(np.square(nn - nn.mean()), len(nn) / max(len(nn) - 1, 1))
    if len(change) < 6:
        return found
    found["rmssd"] = _root(np.square(change))
    found["pnn50"] = (100 * float((np.abs(change) > 50).mean()), 100 * _half((np.abs(change) > 50).astype(float)))
    found["sd1"] = (found["rmssd"][0] / np.sqrt(2), found["rmssd"][1] / np.sqrt(2))
    sd2 = 2 * found["sdnn"][0] ** 2 - found["sd1"][0] ** 2
    if sd2 > 0:
        root = float(np.sqrt(sd2))
        found["sd2"] = (root, 2 * found["sdnn"][0] * found["sdnn"][1] / root)
    return found


def _half(values: Array) -> float:
    """Half the 0.9 interval of a mean, from the means of six batches in order (neighbours are alike)."""
    short, longer = divmod(len(values), _BATCHES)
    lengths = np.array((*(short + 1,) * longer, *(short,) * (_BATCHES - longer)))
    total = np.concatenate(([0.0], np.add.accumulate(values)))
    ends = np.add.accumulate(lengths)
    means = (total[ends] - total[ends - lengths]) / lengths
    off = means - np.add.reduce(means) / _BATCHES
    return float(_T * np.sqrt(off @ off / (_BATCHES - 1) / _BATCHES))


def _root(squares: Array, factor: float = 1.0) -> tuple[float, float]:
    """Root of a mean square and half its interval, by the slope of the root."""
    mean = float(squares.mean()) * factor
    root = float(np.sqrt(mean))
    return root, _half(squares) * factor / (2 * root) if root > 0 else 0.0


def _spectrum(time: Array, ms: Array, usual: NDArray[np.bool_]) -> dict[str, tuple[float, float]]:
    """Power in the bands (ms²) of the intervals as a function of time: cubic at 4 Hz, Welch over up to 128 s."""
    from scipy.interpolate import CubicSpline
    from scipy.signal import welch

    t, y = time[usual], ms[usual]
    grid = np.arange(t[0], t[-1], 1 / _RESAMPLED_HZ)
    size = int(min(len(grid), 128 * _RESAMPLED_HZ))
    f, power = welch(CubicSpline(t, y)(grid), _RESAMPLED_HZ, nperseg=size, detrend="linear")
    pieces = max(1.0, 2 * len(grid) / size - 1)
    found: dict[str, tuple[float, float]] = {}
    for name, (low, high) in _BANDS.items():
        inside = (f >= low) & (f < high)
        total = float(power[inside].sum() * (f[1] - f[0]))
        free = max(float(np.square(power[inside].sum()) / np.square(power[inside]).sum()), 1.0) * pieces * 0.7
        found[name] = (total, 1.645 * total / float(np.sqrt(free)))
    if found["hf"][0] > 0:
        ratio = found["lf"][0] / found["hf"][0]
        relative = np.hypot(found["lf"][1] / max(found["lf"][0], 1e-12), found["hf"][1] / found["hf"][0])
        found["lf_hf"] = (ratio, float(ratio * relative))
    return found
