"""Condition signals: take out what is not pulse, bring them to one rate, and keep every gap a gap.

`condition` works on a whole `Signal`, `Stream` on pieces of one and gives the same numbers; the single steps are
functions on arrays (..., T). Recipes choose by `[condition]`, which is a `Config`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError, NoSignalError, UsageError
from pulsewise.core.limits import check_rate
from pulsewise.core.recording import Signal
from pulsewise.signals import filters
from pulsewise.signals.chain import Chain, plan
from pulsewise.signals.filters import (
    bandpass,
    detrend,
    highpass,
    lowpass,
    minmax,
    notch,
    remove_mean,
    resample,
    savitzky_golay,
    zscore,
)
from pulsewise.signals.stream import ChainStream

__all__ = [
    "PRESETS",
    "Config",
    "Stream",
    "bandpass",
    "chain_of",
    "condition",
    "detrend",
    "highpass",
    "lowpass",
    "minmax",
    "notch",
    "remove_mean",
    "resample",
    "savitzky_golay",
    "zscore",
]


@dataclass(frozen=True)
class Config:
    """How to condition a signal: `[condition]` of a recipe.

    Parameters
    ----------
    preset : str
        A name in `PRESETS`; fields given beside it win over it.
    family : {"fir", "butterworth"}
        `fir` (linear phase, streams) unless a preset says otherwise.
    remove_mean, detrend : bool
        Per stretch without a gap. In the `fir` family a band whose low edge is above 0 Hz does both by itself.
    band : (float, float), optional
        Hz, with a gain of one half at both edges; 0 as the low edge makes a low-pass, infinity as the high edge a
        high-pass.
    order : int
        Of the Butterworth; 4 unless given.
    notch : float, optional
        Hz of a line to take out.
    savgol_s : float, optional
        Length of the Savitzky-Golay smoother (order 3) in seconds.
    rate : float, optional
        Hz of the result; the signal's own where None.

    Examples
    --------
    >>> Config(preset="glucose-original", rate=125).band
    (0.5, 10.0)
    """

    preset: str = ""
    family: Literal["", "fir", "butterworth"] = ""
    remove_mean: bool | None = None
    detrend: bool | None = None
    band: tuple[float, float] | None = None
    order: int | None = None
    notch: float | None = None
    savgol_s: float | None = None
    rate: float | None = None

    def __post_init__(self) -> None:
        base: dict[str, Any] = {"family": "fir", "remove_mean": False, "detrend": False, "order": 4}
        if self.preset:
            if self.preset not in PRESETS:
                raise UsageError(
                    "unknown_name", f"no conditioning preset {self.preset!r}", fix=f"known: {', '.join(PRESETS)}"
                )
            base |= {f.name: getattr(PRESETS[self.preset], f.name) for f in fields(self) if f.name != "preset"}
        for name, value in base.items():
            if getattr(self, name) in (None, ""):
                object.__setattr__(self, name, value)
        if self.family not in ("fir", "butterworth"):
            raise UsageError("config", f"a family is fir or butterworth; {self.family!r} came", where="family")
        if self.order is not None and not 1 <= self.order <= 10:
            raise UsageError("config", f"an order from 1 to 10 is needed, {self.order} came", where="order")
        if self.savgol_s is not None and not 0 < self.savgol_s <= 10:
            raise UsageError("config", f"a smoother lasts up to 10 s, {self.savgol_s:g} came", where="savgol_s")
        if self.rate is not None:
            check_rate(self.rate, where="condition.rate")

    @property
    def changes(self) -> bool:
        """Whether anything at all is done to a signal."""
        steps = (self.remove_mean, self.detrend, self.band, self.notch, self.savgol_s, self.rate)
        return any(step not in (None, False) for step in steps)


PRESETS: dict[str, Config] = {}
"""Named configurations; see docs/howto for where each comes from."""

PRESETS |= {
    "none": Config(),
    # GLUCOSE.md: what the original code ran, and what its description says
    "glucose-original": Config(family="butterworth", remove_mean=True, band=(0.5, 10.0), savgol_s=0.05),
    "glucose-description": Config(family="butterworth", remove_mean=True, band=(0.5, 8.0), savgol_s=0.05),
    # PRESSURE.md: PulseDB comes filtered 0.5-8 Hz at 125 Hz; this does the same to any other recording
    "pressure": Config(band=(0.5, 8.0), rate=125.0),
    # SIAMQUALITY.md: 240 Hz to 40 Hz
    "siamquality": Config(rate=40.0),
    # HYPOGLYCEMIA.md: 10 s of ECG at 250 Hz
    "hypoglycemia": Config(band=(0.5, 40.0), rate=250.0),
    "ppg": Config(band=(0.5, 8.0)),
    "ecg": Config(band=(0.5, 40.0)),
}


def condition(signal: Signal, config: Config) -> Signal:
    """The signal conditioned, for every later stage: same start, gaps where they were, delay taken out.

    Each stretch without a gap is conditioned for itself. A stretch shorter than the filter is continued by
    its own trend and its own waves, mirrored as often as needed (`convolve.extend`). With a new rate, output k lies
    k / rate after the start and is valid where the input sample before it is.

    Raises
    ------
    NoSignalError
        `no_usable_signal`: not one valid sample, or the result is not finite.
    InputError, UsageError
        `rate`, `config`: the band does not fit the rate.
    """
    if not signal.valid.any():
        raise NoSignalError("no_usable_signal", "no valid sample to condition", where=signal.name)
    if not config.changes:
        return signal
    chain = chain_of(signal.rate, config)
    length = chain.first_output(len(signal.samples))
    samples = np.zeros(length, dtype=np.float32)
    valid = np.zeros(length, dtype=bool)
    for a, b in signal.runs():
        start, stop = chain.first_output(int(a)), chain.first_output(int(b))
        if stop == start:  # a stretch so short that no output falls into it
            continue
        samples[start:stop] = _stretch(signal.samples[a:b], int(a), signal.rate, config, chain)
        valid[start:stop] = True
    if not valid.any() or not np.isfinite(samples).all():
        raise NoSignalError("no_usable_signal", "conditioning left no finite sample", where=signal.name)
    if chain.rate_out == signal.rate:
        return replace(signal, samples=samples, valid=valid)
    return replace(
        signal,
        samples=samples,
        valid=valid,
        rate=chain.rate_out,
        rate_source="resampled",
        rate_stated=None,
        drift_ppm=None,
        clocks={},
    )


def chain_of(rate: float, config: Config) -> Chain:
    """What runs as a fused FIR at `rate` (Hz): everything in the `fir` family, only the change of rate in the other."""
    if config.family == "butterworth":
        return plan(rate, rate_out=config.rate)
    return plan(rate, band=config.band, notch=config.notch, savgol_s=config.savgol_s, rate_out=config.rate)


def _stretch(part: NDArray[Any], first: int, rate: float, config: Config, chain: Chain) -> NDArray[np.float64]:
    """One stretch without a gap, whose first sample has index `first`."""
    if config.family == "fir" and (_takes_out_trend(config) or not (config.detrend or config.remove_mean)):
        return chain.run(part, first)
    x = part.astype(np.float64)
    if config.detrend:
        x = filters.detrend(x)
    elif config.remove_mean:
        x = filters.remove_mean(x)
    if config.family == "butterworth":
        if config.band is not None:
            x = filters.bandpass(x, rate, config.band, family="butterworth", order=config.order or 4)
        if config.notch is not None:
            x = filters.notch(x, rate, config.notch, family="butterworth")
        if config.savgol_s is not None:
            x = filters.savitzky_golay(x, rate, config.savgol_s, family="butterworth")
        if config.rate is None:
            return x
    return chain.run(x, first)


def _takes_out_trend(config: Config) -> bool:
    """Whether the band does it: a symmetric filter without gain at 0 Hz has none for a straight line either."""
    return config.band is not None and config.band[0] > 0


class Stream:
    """`condition` for samples that arrive piece by piece: the same numbers, for any cutting into pieces.

    Parameters
    ----------
    config : Config
        Of the `fir` family. A mean or a trend can only be taken out where a band's low edge above 0 Hz does it anyway.
    rate : float
        Hz of what is pushed.

    Raises
    ------
    UsageError
        `config`: the configuration needs the whole recording.

    Examples
    --------
    >>> stream = Stream(Config(band=(0.5, 8.0), rate=25), 100)
    >>> first, _ = stream.push(np.ones(50))
    >>> last, valid = stream.flush()
    >>> len(first), len(last), round(stream.delay_s, 2)
    (0, 13, 3.97)
    """

    def __init__(self, config: Config, rate: float) -> None:
        if config.family == "butterworth":
            raise UsageError(
                "config",
                "the zero-phase Butterworth family runs backward over the whole recording and cannot stream",
                where="family",
                fix='set family = "fir"',
            )
        if (config.remove_mean or config.detrend) and not _takes_out_trend(config):
            raise UsageError(
                "config",
                "the mean or trend of a whole recording is not known while it streams",
                where="remove_mean" if config.remove_mean else "detrend",
                fix="give a band with a low edge above 0 Hz instead",
            )
        self.rate_in = check_rate(rate)
        chain = chain_of(self.rate_in, config)
        self.rate = chain.rate_out
        self._inner = ChainStream(chain)

    @property
    def delay_s(self) -> float:
        """Seconds by which an output comes later than its moment (its time is right nevertheless)."""
        return self._inner.delay_s

    def push(self, samples: ArrayLike, valid: ArrayLike | None = None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Take the next samples (T,) and give the conditioned ones that are now certain, with their mask.

        Output k of the stream, counted over all calls, lies at k / rate seconds. Not finite is not valid.
        """
        return self._inner.push(samples, valid)

    def flush(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """What was held back for the future, with the end padded as for a whole recording; then all begins anew."""
        return self._inner.flush()


def conditioned(samples: ArrayLike, rate: float, config: Config) -> NDArray[np.float64]:
    """Arrays (..., T) without gaps through a `Config`; shape (..., U). Raises as `condition` and the filters do."""
    x = np.asarray(samples, dtype=np.float64)
    if x.ndim == 0 or not x.shape[-1] or not np.isfinite(x).all():
        raise InputError("shape", "finite samples (..., T) with T > 0 are needed", fix="give a Signal to condition")
    return _stretch(x, 0, check_rate(rate), config, chain_of(rate, config)) if config.changes else x
