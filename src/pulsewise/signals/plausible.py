"""What a recording says of itself against what a heart can do: which way up it is, its unit, its sampling rate.

Volts called millivolts, or 40 Hz called 125, give numbers that look like numbers. What gives them away are the sizes
nobody chooses: the height of a QRS complex, its duration, the time a pulse takes to rise, the heart rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.signals import front
from pulsewise.signals.beats import Beats, find_beats
from pulsewise.signals.order import median, medians

Array = NDArray[np.float64]

RATES_HZ = (25, 30, 32, 40, 50, 60, 64, 75, 80, 100, 125, 128, 130, 200, 240, 250, 256, 300, 360, 400, 500, 512, 1000)
"""Sampling rates devices have, among which the true one is looked for."""

_HEART_BPM = (28.0, 230.0)
_USUAL_BPM = (45.0, 130.0)
_FAST_BPM = 150.0
_RISE_S = {"ppg": (0.05, 0.60), "ecg": (0.022, 0.14)}
_USUAL_RISE_S = {"ppg": (0.09, 0.30), "ecg": (0.028, 0.085)}
_QRS_MV = (0.08, 15.0)
_UNITS = {"V": 1000.0, "mV": 1.0, "µV": 1e-3, "uV": 1e-3, "nV": 1e-6}
_LEAST_BEATS = 5


@dataclass(frozen=True)
class Doubt:
    """One thing that cannot be as stated.

    Parameters
    ----------
    code : {"polarity", "unit", "rate"}
    message : str
        What was found, in one sentence.
    likely : tuple of str
        What would fit: `-1`, a unit, or sampling rates in Hz; empty where nothing does.
    """

    code: str
    message: str
    likely: tuple[str, ...] = ()


def doubts(
    samples: ArrayLike,
    rate: float,
    kind: str = "ppg",
    *,
    unit: str = "",
    beats: Beats | None = None,
    valid: ArrayLike | None = None,
) -> tuple[Doubt, ...]:
    """What cannot be as stated of one channel of PPG or ECG.

    Parameters
    ----------
    samples : array_like, shape (T,)
    rate : float
        Hz, as stated; at least 20.
    kind : {"ppg", "ecg"}
    unit : str
        As stated: `V`, `mV`, `µV` or `nV` of an ECG are held against the height of its QRS complexes.
    beats : Beats, optional
        Those of these samples, where they are known.
    valid : array_like of bool, shape (T,), optional

    Returns
    -------
    tuple of Doubt
        Empty where all is plausible, and where fewer than five beats are found: then nothing can be said. Whether there
        is a pulse at all is for `quality.assess`.

    Raises
    ------
    InputError
        As `find_beats`.

    Examples
    --------
    >>> t = np.arange(1250) / 40
    >>> pulse = np.exp(3 * np.cos(2 * np.pi * 1.2 * t - 1.0 + 0.4 * np.sin(2 * np.pi * 1.2 * t)))
    >>> doubts(pulse, 40), [(d.code, "40" in d.likely) for d in doubts(pulse, 125)]
    ((), [('rate', True)])
    """
    x, mask = front.samples_and_mask(samples, valid)
    if beats is None:
        beats = find_beats(x, rate, kind, valid=mask)
    if len(beats) < _LEAST_BEATS:
        return ()
    found = []
    if beats.polarity < 0:
        what = "R wave points" if kind == "ecg" else "pulse points"
        found.append(Doubt("polarity", f"the {what} down", ("-1",)))
    height, rise_s = _sizes(x, mask, rate, kind, beats)
    found += _unit(height, unit) if kind == "ecg" and unit in _UNITS else []
    seconds = beats.intervals()
    seconds = seconds[np.isfinite(seconds)]
    return (*found, *(_rate(60 / median(seconds), rise_s, rate, kind) if len(seconds) else ()))


def _sizes(x: front.Samples, mask: NDArray[np.bool_], rate: float, kind: str, beats: Beats) -> tuple[float, float]:
    """Median height of the beats (unit of x) and the seconds they take: twice the R wave's width, or the rise."""
    reach = (0.14, 0.1) if kind == "ecg" else (0.7, 0.1)
    before = min(reach[0], 0.8 * median(beats.time[1:] - beats.time[:-1]))
    offsets = np.arange(-max(round(before * rate), 2), max(round(reach[1] * rate), 1) + 1)
    index = beats.index[(beats.index + offsets[0] >= 0) & (beats.index + offsets[-1] < len(x))]
    if len(index) < 3:
        return float("nan"), float("nan")
    index = index[:: max(len(index) // 200, 1)]
    places = index[:, None] + offsets
    rows = np.asarray(x[places], dtype=np.float64)
    if not mask.all():
        rows = rows[mask[places].all(axis=1)]
    if len(rows) < 3:
        return float("nan"), float("nan")
    rows -= medians(rows)[:, None]
    beat = medians(rows, axis=0) * beats.polarity
    height = median(rows.max(axis=1) - rows.min(axis=1))
    top = -int(offsets[0])
    if kind == "ecg":  # width of the R wave at half its height, from foot to foot about twice that
        level = beat[top] - 0.5 * (beat[top] - median(beat))
        return height, 2 * _above(beat, top, level) / rate
    rise = beat[: top + 1] - beat[: top + 1].min()
    below = [np.flatnonzero(rise < share * rise[top]) for share in (0.2, 0.8)]
    if not all(len(part) for part in below):
        return height, float("nan")
    low, high = (
        _crossing(rise, int(part[-1]), s * float(rise[top])) for part, s in zip(below, (0.2, 0.8), strict=True)
    )
    return height, (high - low) / 0.6 / rate


def _crossing(y: Array, low: int, level: float) -> float:
    """Where y passes a level after sample `low`, by a straight line."""
    return float(low + (level - y[low]) / max(y[low + 1] - y[low], 1e-300))


def _above(y: Array, place: int, level: float) -> float:
    """Samples around a place over which y stays above a level, between samples by straight lines."""
    low = high = place
    while low > 0 and y[low - 1] > level:
        low -= 1
    while high < len(y) - 1 and y[high + 1] > level:
        high += 1
    left = (y[low] - level) / max(y[low] - y[low - 1], 1e-300) if low > 0 else 0.5
    right = (y[high] - level) / max(y[high] - y[high + 1], 1e-300) if high < len(y) - 1 else 0.5
    return float(high - low + min(left, 1.0) + min(right, 1.0))


def _unit(height: float, unit: str) -> list[Doubt]:
    stated = height * _UNITS[unit]
    if not height > 0 or _QRS_MV[0] <= stated <= _QRS_MV[1]:
        return []
    fits = [name for name in ("V", "mV", "µV", "nV") if 0.2 <= height * _UNITS[name] <= 5.0]
    message = f"QRS complexes of {height:.3g} {unit} are not of a heart"
    return [Doubt("unit", message, tuple(fits))]


def _rate(bpm: float, rise_s: float, rate: float, kind: str) -> list[Doubt]:
    low, high = _RISE_S[kind]
    low *= 1.25 if bpm > _FAST_BPM else 1.0
    odd = []
    if not _HEART_BPM[0] <= bpm <= _HEART_BPM[1]:
        odd.append(f"a heart rate of {bpm:.0f} bpm")
    if np.isfinite(rise_s) and not low <= rise_s <= high and rise_s * rate > 2.5:
        what = "QRS complexes that last" if kind == "ecg" else "pulses that rise in"
        odd.append(f"{what} {1000 * rise_s:.0f} ms")
    if not odd:
        return []
    short, long = _USUAL_RISE_S[kind]
    fits = [
        f"{hz:g}"
        for hz in RATES_HZ
        if abs(hz / rate - 1) > 0.2
        and _USUAL_BPM[0] <= bpm * hz / rate <= _USUAL_BPM[1]
        and (not np.isfinite(rise_s) or short <= rise_s * rate / hz <= long)
    ]
    return [Doubt("rate", f"at {rate:g} Hz there would be {' and '.join(odd)}", tuple(fits))]
