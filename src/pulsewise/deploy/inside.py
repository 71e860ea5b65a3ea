"""Conditioning of one window of fixed rate as two convolutions, for graphs and devices that take raw samples.

A bundle whose conditioning is of the `fir` family computes each window from the raw samples of the window and a margin
on both sides. Where the device's rate is a whole multiple of the model's, that is: a filter that keeps every `stride`th
sample, a filter at the model's rate, and the window's own normalisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.recording import Signal
from pulsewise.core.windows import Windows
from pulsewise.data import window
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.estimating import at_rate, configs
from pulsewise.learn.facts import GRAPH_OUTPUTS
from pulsewise.signals import condition
from pulsewise.signals.chain import Chain

Taps = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Inside:
    """From raw samples of one rate to a conditioned window.

    Parameters
    ----------
    rate : float
        Hz of the raw samples.
    stride : int
        Raw samples from one sample of the window to the next.
    first, second : ndarray
        Symmetric taps: at the raw rate, of which every `stride`th output is kept, and at the model's rate.
    margin : int
        Raw samples that are needed before the first and after the last one of the window.
    samples : int
        Of the window.
    step : int
        Raw samples from the start of one window to the next; 0 where windows do not follow a fixed step.
    """

    rate: float
    stride: int
    first: Taps
    second: Taps
    margin: int
    samples: int
    step: int

    @property
    def length(self) -> int:
        """Raw samples of one window with its margins."""
        return (self.samples - 1) * self.stride + 1 + 2 * self.margin

    @property
    def lead(self) -> int:
        """Raw samples at either end that no tap of a window reaches."""
        return self.margin - len(self.second) // 2 * self.stride - len(self.first) // 2

    @property
    def gain(self) -> float:
        """What a constant is multiplied with: 0 for a band with a low edge, 1 without."""
        gain = float(self.first.sum() * self.second.sum())
        return 0.0 if abs(gain) < 1e-9 else gain

    @property
    def multiply_adds(self) -> int:
        """Of one window and channel."""
        between = self.samples + len(self.second) - 1
        return between * len(self.first) + (self.samples * len(self.second) if len(self.second) > 1 else 0)


def inside(bundle: Bundle, rate: float | None = None) -> Inside | str:
    """How the bundle's conditioning goes inside for raw samples at `rate` (Hz; the model's own where None).

    Returns why it cannot in words, where it cannot.
    """
    rate = bundle.facts.rate if rate is None else rate
    if bundle.facts.signals != bundle.facts.channels:
        return "it is given what is known of the person beside the signal"
    try:
        conditioning, cutting = configs(bundle)
        conditioning = at_rate(bundle, [rate], conditioning)
        if conditioning.changes:
            condition.Stream(conditioning, rate)  # says what cannot be known from a part of the recording
        chain = condition.chain_of(rate, conditioning)
    except PulsewiseError as error:
        return error.what
    if abs(chain.rate_out / bundle.facts.rate - 1) > 1e-6:
        return f"conditioning gives {chain.rate_out:g} Hz, the model takes {bundle.facts.rate:g} Hz"
    up, down = chain.resampler.ratio if chain.resampler else (1, 1)
    if up != 1:
        return f"{rate:g} Hz is not a whole multiple of the model's {bundle.facts.rate:g} Hz"
    step = (
        0 if cutting.centre == "beat" else max(1, round((cutting.step_s or cutting.length_s) * chain.rate_out)) * down
    )
    return _inside(chain, down, bundle.facts.length, step)


def _inside(chain: Chain, stride: int, samples: int, step: int) -> Inside:
    if chain.resampler is None:
        taps = np.convolve(chain.before, chain.after)
        return Inside(chain.rate_in, 1, taps, np.ones(1), chain.margin, samples, step)
    taps = np.convolve(chain.before, chain.resampler.kernel)
    return Inside(chain.rate_in, stride, taps, chain.after, chain.margin, samples, step)


def asked(bundle: Bundle, windows: Windows, force: bool) -> NDArray[np.float64]:
    """What a graph of the bundle has to answer: (N, K), or (N, 3 K) where the model states intervals."""
    value, down, up = bundle.stated(windows, force)
    return np.concatenate([value, down, up][: GRAPH_OUTPUTS[bundle.facts.answer]], axis=1)


def golden(bundle: Bundle, how: Inside, count: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Raw windows with their margins (N, C, L), and what the bundle answers to them (`asked`) where they lie in a file.

    Pulses of 50 to 110 a minute with breathing, drift and noise on a constant far above them, drawn with a fixed seed.
    """
    random = np.random.default_rng(0)
    conditioning, cutting = configs(bundle)
    conditioning = at_rate(bundle, [how.rate], conditioning)
    channels = bundle.facts.channels
    begin = -(-how.margin // how.stride) * how.stride
    time = np.arange(how.length + 2 * begin) / how.rate
    raw = np.array([[_pulse(time, random) for _ in channels] for _ in range(count)], np.float32)
    first = begin // how.stride
    pieces = np.zeros((count, len(channels), how.samples))
    for n in range(count):
        for c, name in enumerate(channels):
            done = condition.condition(Signal(name, name, "", how.rate, raw[n, c]), conditioning)
            pieces[n, c] = done.samples[first : first + how.samples]
    cut, _ = window.normalise(pieces, cutting.normalise)
    answers = asked(bundle, Windows(cut.astype(np.float32), bundle.facts.rate, channels, {}), force=True)
    return np.ascontiguousarray(raw[:, :, begin - how.margin : begin - how.margin + how.length]), answers


def _pulse(time: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """One channel of a finger in counts."""
    rate = random.uniform(50, 110) / 60
    phase = 2 * np.pi * np.cumsum(rate * (1 + 0.05 * np.sin(2 * np.pi * 0.25 * time))) * (time[1] - time[0])
    wave = np.sin(phase) + random.uniform(0.2, 0.6) * np.sin(2 * phase + random.uniform(0, 2 * np.pi))
    drift = 3 * np.sin(2 * np.pi * 0.05 * time + random.uniform(0, 2 * np.pi)) + random.normal(0, 0.02) * time
    return np.asarray(50_000 + 400 * (wave + drift + 0.05 * random.normal(size=len(time))))
