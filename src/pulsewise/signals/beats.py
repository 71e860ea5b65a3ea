"""Find heart beats in PPG and ECG: 30 to 220 bpm, 25 to 1000 Hz, either polarity, two seconds to days.

Every stretch without a gap is searched for itself, on a work signal of fixed rate, so the answer does not depend on how
long the recording is or on the rate it was made with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal as _scipy

from pulsewise.core.errors import UsageError
from pulsewise.signals import filters, front, pulses, rpeaks
from pulsewise.signals.front import Stretch

Array = NDArray[np.float64]
Index = NDArray[np.int64]

METHODS = {
    "ppg": ("auto", "msptd", "derivative", "refractory-800ms"),
    "ecg": ("auto",),
}
"""Names for `find_beats(method=)`; `auto` is `msptd` for PPG."""


@dataclass(frozen=True)
class Beats:
    """Where the heart beat.

    Parameters
    ----------
    index : ndarray of int64, shape (B,)
        Nearest sample: the systolic peak in PPG, the R peak in ECG.
    time : ndarray of float64, shape (B,)
        Seconds from the first sample, between samples where the peak lies there.
    polarity : int
        1, or -1 where the pulse (the R wave) points down.
    segment : ndarray of int64, shape (B,)
        Number of the gapless stretch each beat is in; an interval between two segments is none.
    """

    index: Index
    time: Array
    polarity: int = 1
    segment: Index = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if len(self.segment) != len(self.index):
            object.__setattr__(self, "segment", np.zeros(len(self.index), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.index)

    def intervals(self) -> Array:
        """Seconds from each beat to the next, shape (B - 1,); NaN across a gap."""
        seconds = np.diff(self.time)
        return np.where(np.diff(self.segment) == 0, seconds, np.nan)

    def between(self, start: float, end: float) -> Beats:
        """The beats with start <= time < end (s)."""
        a, b = np.searchsorted(self.time, (start, end))
        return Beats(self.index[a:b], self.time[a:b], self.polarity, self.segment[a:b])


def find_beats(
    samples: ArrayLike,
    rate: float,
    kind: Literal["ppg", "ecg"] | str = "ppg",
    *,
    valid: ArrayLike | None = None,
    method: str = "auto",
    polarity: int | None = None,
) -> Beats:
    """The beats of one channel.

    Parameters
    ----------
    samples : array_like, shape (T,)
        Raw or conditioned, in any unit.
    rate : float
        Hz, at least 20.
    kind : {"ppg", "ecg"}
    valid : array_like of bool, shape (T,), optional
        False where a sample is missing; samples that are not finite are missing too. No beat is reported in a gap.
    method : str
        PPG: `msptd` (multi-scale peaks, see `scales`), `derivative` (the steepest rise of each pulse, then the peak
        after it: steadier under strong baseline, and independent of `msptd`), `refractory-800ms` (the glucose
        original: highest peaks at least 0.8 s apart, which halves every rate above 75 bpm; for comparison only).
        ECG: R peaks by the energy of the QRS band (see `rpeaks`).
    polarity : {1, -1}, optional
        Taken as given; found from the shape of the waves where None.

    Returns
    -------
    Beats
        Empty where nothing can be searched (all missing, flat, or shorter than a second). That beats are found does
        not mean that there is a pulse: `quality.assess` says that.

    Raises
    ------
    InputError
        `shape`, `sampling_rate`, `rate` (below 20 Hz), `modality` (a kind without beats).
    UsageError
        `unknown_name`: no such method.

    Examples
    --------
    >>> t = np.arange(1000) / 100
    >>> pulse = np.exp(3 * np.cos(2 * np.pi * 1.2 * t - 1.0 - 0.3 * np.sin(2 * np.pi * 1.2 * t)))
    >>> beats = find_beats(pulse, 100)
    >>> len(beats), round(float(np.median(beats.intervals())), 1)
    (12, 0.8)
    """
    if kind in METHODS and method not in METHODS[kind]:
        raise UsageError(
            "unknown_name", f"no beat method {method!r} for {kind}", fix=f"known: {', '.join(METHODS[kind])}"
        )
    x, mask = front.samples_and_mask(samples, valid)
    parts = list(front.stretches(x, mask, rate, kind))
    if kind == "ecg":
        found, sign = rpeaks.find(x, rate, parts, polarity)
    else:
        sign = polarity or pulses.polarity_of([part.samples for part in parts], front.WORK_RATE["ppg"])
        if method == "refractory-800ms":
            found = [_refractory(np.asarray(x[p.first : p.last], dtype=np.float64) * sign, rate) for p in parts]
        else:
            search = pulses.by_slope if method == "derivative" else pulses.by_scale
            found = [search(part.samples * sign, part.rate) * (rate / part.rate) for part in parts]
    return collect(found, parts, mask, rate, sign)


def collect(found: list[Array], parts: list[Stretch], mask: NDArray[np.bool_], rate: float, sign: int) -> Beats:
    """Beats from places in each stretch (input samples from its first); those in a gap are left out."""
    place = [positions + part.first for positions, part in zip(found, parts, strict=True)]
    position = np.concatenate([*place, np.empty(0)])
    segment = np.repeat(np.arange(len(place)), [len(p) for p in place])
    index = np.clip(np.rint(position).astype(np.int64), 0, max(len(mask) - 1, 0))
    keep = mask[index] if len(mask) else np.zeros(0, dtype=bool)
    return Beats(index[keep], position[keep] / rate, sign, segment[keep].astype(np.int64))


def _refractory(x: Array, rate: float) -> Array:
    """The glucose original's rule on one stretch (T,): peaks of the 0.5-10 Hz band above its mean, 0.8 s apart."""
    high = min(10.0, 0.45 * rate)
    y = filters.bandpass(filters.remove_mean(x), rate, (0.5, high), family="butterworth")
    peaks, _ = _scipy.find_peaks(y, height=0.0, distance=max(round(0.8 * rate), 1))
    return np.asarray(peaks, dtype=np.float64)
