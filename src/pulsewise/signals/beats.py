"""Find heart beats in PPG and ECG: 30 to 220 bpm, 25 to 1000 Hz, either polarity, two seconds to days.

Every stretch without a gap is searched for itself, on a work signal of fixed rate, so the answer does not depend on how
long the recording is or on the rate it was made with. Windows are cut from a `Search` of the whole recording: nothing
is filtered or searched twice, and no beat is lost at an edge that the recording does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal as _scipy

from pulsewise.core.errors import UsageError
from pulsewise.signals import filters, front, pulses, rpeaks
from pulsewise.signals.front import Samples, Stretch

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
        seconds = self.time[1:] - self.time[:-1]
        seconds[self.segment[1:] != self.segment[:-1]] = np.nan
        return seconds

    def between(self, start: float, end: float) -> Beats:
        """The beats with start <= time < end (s)."""
        a, b = self.time.searchsorted((start, end))
        return Beats(self.index[a:b], self.time[a:b], self.polarity, self.segment[a:b])

    def within(self, a: int, b: int, rate: float) -> Beats:
        """Those of samples a to b (not included) at `rate` (Hz), counted from a."""
        part = self.between(a / rate, b / rate)
        return Beats(part.index - a, part.time - a / rate, part.polarity, part.segment)


@dataclass(frozen=True)
class Search:
    """What a search for beats saw of one channel.

    Parameters
    ----------
    parts : tuple of Stretch
        Work signals, upright.
    places : tuple of ndarray, each (B,)
        Beats of each stretch, in its work samples.
    rises : tuple of ndarray, each (R,)
        PPG: pulses as their rises show them (`pulses.by_slope`), a second opinion.
    beats : Beats
        Those of `places` that lie in no gap.
    """

    parts: tuple[Stretch, ...]
    places: tuple[Array, ...]
    rises: tuple[Array, ...]
    beats: Beats

    def cut(self, a: int, b: int, rate: float) -> Search:
        """The search of samples a to b (not included) at `rate` (Hz), counted from a.

        Stretches of which less than a second is inside are left out, as in a recording of these samples alone.
        """
        parts, places, rises = [], [], []
        for part, found, risen in zip(self.parts, self.places, self.rises, strict=True):
            inside = part.cut(a, b, rate)
            if inside is None:
                continue
            one, low = inside
            parts.append(one)
            places.append(_between(found, low, low + len(one.samples)))
            rises.append(_between(risen, low, low + len(one.samples)))
        return Search(tuple(parts), tuple(places), tuple(rises), self.beats.within(a, b, rate))


def _between(places: Array, low: int, high: int) -> Array:
    """The places from low to high (not included), counted from low."""
    a, b = places.searchsorted((low, high))
    return places[a:b] - low


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
    if method in ("auto", "msptd"):
        return search(x, mask, rate, kind, polarity, rises=False).beats
    parts = list(front.stretches(x, mask, rate, kind))
    sign = polarity or pulses.polarity_of([part.samples for part in parts], front.WORK_RATE["ppg"])
    if method == "refractory-800ms":
        found = [_refractory(np.asarray(x[p.first : p.last], dtype=np.float64) * sign, rate) for p in parts]
    else:
        found = [pulses.by_slope(part.samples * sign, part.rate) * (rate / part.rate) for part in parts]
    return _collect(found, parts, mask, rate, sign)


def search(
    x: Samples,
    mask: NDArray[np.bool_],
    rate: float,
    kind: str,
    polarity: int | None = None,
    *,
    rises: bool = True,
) -> Search:
    """The search for beats in samples (T,), of which those in `mask` are there; errors as `find_beats`.

    Without `rises` those are left empty, which saves a sixth of the time.
    """
    parts = tuple(front.stretches(x, mask, rate, kind))
    if kind == "ecg":
        found, sign = rpeaks.find(x, rate, parts, polarity)
        places = tuple(at * (part.rate / rate) for at, part in zip(found, parts, strict=True))
        risen: tuple[Array, ...] = (np.empty(0),) * len(parts)
    else:
        sign = polarity or pulses.polarity_of([part.samples for part in parts], front.WORK_RATE["ppg"])
        parts = tuple(part if sign > 0 else replace(part, samples=-part.samples) for part in parts)
        both = [pulses.by_scale_and_slope(part.samples, part.rate, rises=rises) for part in parts]
        places, risen = tuple(one for one, _ in both), tuple(other for _, other in both)
        found = [at * (rate / part.rate) for at, part in zip(places, parts, strict=True)]
    return Search(parts, places, risen, _collect(found, parts, mask, rate, sign))


def _collect(
    found: Sequence[Array], parts: Sequence[Stretch], mask: NDArray[np.bool_], rate: float, sign: int
) -> Beats:
    """Beats from places in each stretch (input samples from its first); those in a gap are left out."""
    place = [positions + part.first for positions, part in zip(found, parts, strict=True)]
    position = np.concatenate([*place, np.empty(0)])
    segment = np.repeat(np.arange(len(place)), [len(p) for p in place])
    index = np.minimum(np.maximum(np.rint(position).astype(np.int64), 0), max(len(mask) - 1, 0))
    keep = mask[index] if len(mask) else np.zeros(0, dtype=bool)
    return Beats(index[keep], position[keep] / rate, sign, segment[keep].astype(np.int64))


def _refractory(x: Array, rate: float) -> Array:
    """The glucose original's rule on one stretch (T,): peaks of the 0.5-10 Hz band above its mean, 0.8 s apart."""
    high = min(10.0, 0.45 * rate)
    y = filters.bandpass(filters.remove_mean(x), rate, (0.5, high), family="butterworth")
    peaks, _ = _scipy.find_peaks(y, height=0.0, distance=max(round(0.8 * rate), 1))
    return np.asarray(peaks, dtype=np.float64)
