"""The `fir` family as one fused filter: everything before, the change of rate, everything after.

A band-pass with a low edge of 0.5 Hz is seconds long. Where the rate goes down, a short filter first takes out what
would fold back, only the samples that stay are computed, and the long filter runs at the low rate: the response
is that of one long filter at the high rate, at a fraction of the work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import UsageError
from pulsewise.signals import design
from pulsewise.signals.convolve import Array, Resampler, convolve_valid, stretch
from pulsewise.signals.design import Taps

_BLOCK = 1 << 17


@dataclass(frozen=True, eq=False)
class Chain:
    """A linear-phase filter with an optional change of rate, of which any stretch of outputs can be computed alone.

    Parameters
    ----------
    rate_in, rate_out : float
        Hz.
    before, after : ndarray
        Symmetric taps at `rate_in` and at `rate_out`.
    resampler : Resampler, optional
        None where the rate stays.
    """

    rate_in: float
    rate_out: float
    before: Taps
    after: Taps
    resampler: Resampler | None = None

    @property
    def margin(self) -> int:
        """Input samples on each side that an output depends on."""
        margin = len(self.before) // 2 + int(np.ceil(len(self.after) // 2 * self.rate_in / self.rate_out))
        return margin + (self.resampler.half + 1 if self.resampler else 0)

    @property
    def delay_s(self) -> float:
        """Seconds between a moment and the first sample after which its output is known."""
        return self.margin / self.rate_in

    def first_output(self, sample: int) -> int:
        """First output at or after an input sample; a stretch a..b of inputs has outputs f(a)..f(b)."""
        if self.resampler is None:
            return sample
        up, down = self.resampler.ratio
        if up:
            return -(-sample * up // down)
        return int(np.ceil(sample * self.rate_out / self.rate_in - 1e-9))

    def last_input(self, k: int) -> int:
        """Last input sample output k depends on, where the signal goes on."""
        return int(self._position(k)) + self.margin

    def first_input(self, k: int) -> int:
        """First input sample output k depends on, where the signal goes back."""
        return int(self._position(k)) - self.margin

    def _position(self, k: int) -> float:
        return self.resampler.position(k) if self.resampler else k

    def compute(self, x: Array, first: int, start: int, stop: int) -> Array:
        """Outputs `start` to `stop` (not included) from samples (..., T) that begin with input `first`.

        The samples must reach `margin` beyond the outputs on both sides.
        """
        reach = len(self.after) // 2
        low, high = start - reach, stop + reach
        half = len(self.before) // 2
        if self.resampler is None:
            x = x[..., low - half - first : high + half - first]
            return convolve_valid(convolve_valid(x, self.before), self.after)
        need = self.resampler.half
        begin = int(np.floor(self._position(low))) - need
        end = int(np.ceil(self._position(high - 1))) + need + 1
        x = convolve_valid(x[..., begin - half - first : end + half - first], self.before)
        return convolve_valid(self.resampler.apply(x, begin, low, high), self.after)

    def run(self, x: Array | NDArray[np.float32], first: int = 0) -> Array:
        """All outputs of one gapless stretch of samples (..., T) whose first has index `first`; block by block."""
        length = x.shape[-1]
        start, stop = self.first_output(first), self.first_output(first + length)
        y = np.empty((*x.shape[:-1], stop - start))
        for k in range(start, stop, _BLOCK):
            end = min(k + _BLOCK, stop)
            low = max(self.first_input(k) - 1, first - self.margin)
            high = min(self.last_input(end - 1) + 2, first + length + self.margin)
            part = stretch(x, low - first, high - first, self.margin)
            y[..., k - start : end - start] = self.compute(part, low, k, end)
        return y


def plan(
    rate: float,
    *,
    band: tuple[float, float] | None = None,
    notch: float | None = None,
    savgol_s: float | None = None,
    rate_out: float | None = None,
) -> Chain:
    """The chain for a signal at `rate` (Hz): smoother, band, notch and change of rate in the cheapest order.

    Without a band a lower output rate keeps what is below 0.8 of its Nyquist frequency and stops at it. With a band,
    what folds back lands only where the band filter stops. Raises `config` and `rate` for impossible edges.
    """
    out = rate if rate_out is None else float(rate_out)
    if out <= 0:
        raise UsageError("config", f"an output rate above 0 Hz is needed, {out:g} came", where="rate")
    smooth = [design.savgol_taps(savgol_s, rate)] if savgol_s else []
    low, high = (0.0, np.inf) if band is None else design.check_band(band, rate)
    if out >= rate:
        before = [*smooth, design.band_taps(low, high, rate)] if band else smooth
        before += [design.notch_taps(notch, rate)] if notch else []
        resampler = None if out == rate else Resampler(rate, out, rate / 2, 0.2 * rate / 2)
        return Chain(rate, out, design.convolve_taps(*before), np.ones(1), resampler)
    nyquist = out / 2
    after: list[NDArray[np.float64]] = []
    if np.isfinite(high) and high >= nyquist:
        raise UsageError(
            "config",
            f"a band up to {high:g} Hz does not fit an output rate of {out:g} Hz",
            where="rate",
            fix=f"give a rate above {2.5 * high:g} Hz",
        )
    if band is not None:
        after.append(design.band_taps(low, high, out))
    if np.isfinite(high):
        keep = min(high + design.transition(high, out, low=False) / 2, nyquist)
        keep, stop = (keep, out - keep) if keep < 0.9 * nyquist else (0.8 * nyquist, nyquist)
    else:
        keep, stop = 0.8 * nyquist, nyquist
    if notch is not None and notch < keep:
        after.append(design.notch_taps(notch, out))
    resampler = Resampler(rate, out, (keep + stop) / 2, stop - keep)
    return Chain(rate, out, design.convolve_taps(*smooth), design.convolve_taps(*after), resampler)
