"""PPG and accelerometer brought to the motion tracker's work signal, piece by piece, by filters that look back only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal as _scipy

from pulsewise.signals.motion_features import RATE

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BAND = (0.4, 7.0)
"""Hz: a pulse of 30 to 220 bpm with its second harmonic."""
STILL_S = 1.0
"""A value that stands still for longer is not a measurement."""


class Feeder:
    """Channels (C, T) of one rate in, filtered samples at 25 Hz out; the same numbers for any pieces.

    A missing sample (not finite) holds the last value. Samples that are missing, or have stood still for a second, are
    marked. Output n lies at n / 25 s.

    Parameters
    ----------
    channels : int
    rate : float
        Hz.
    """

    def __init__(self, channels: int, rate: float) -> None:
        high = min(BAND[1], 0.45 * rate)
        self._sos = _scipy.butter(3, [BAND[0], high], "bandpass", fs=rate, output="sos")
        self._state = np.zeros((len(self._sos), channels, 2))
        self._rate = rate
        self._base = np.full(channels, np.nan)
        self._held = np.zeros(channels)
        self._still = np.zeros(channels, dtype=np.int64)
        self._made = 0
        self._first = -1  # input sample at which the buffers begin
        self._seen = 0
        self._filtered = np.zeros((channels, 1))
        self._good: Mask = np.zeros((channels, 1), dtype=bool)

    def push(self, samples: Array) -> tuple[Array, Mask]:
        """The next samples (C, T); the outputs now certain (C, U) and whether each is good."""
        if samples.shape[1]:
            filled, good = self._fill(samples)
            out, self._state = _scipy.sosfilt(self._sos, filled, axis=1, zi=self._state)
            if not self._seen:
                self._filtered[:, 0], self._good[:, 0] = out[:, 0], good[:, 0]
            self._filtered = np.concatenate((self._filtered, out), axis=1)
            self._good = np.concatenate((self._good, good), axis=1)
            self._seen += samples.shape[1]
        return self._take(self._seen - 3)

    def flush(self) -> tuple[Array, Mask]:
        """The outputs up to the last sample given."""
        last = self._seen - 1
        self._filtered = np.concatenate((self._filtered, np.repeat(self._filtered[:, -1:], 3, axis=1)), axis=1)
        self._good = np.concatenate((self._good, np.repeat(self._good[:, -1:], 3, axis=1)), axis=1)
        return self._take(last)

    def _fill(self, samples: Array) -> tuple[Array, Mask]:
        """Samples less the first good one, the last held where there is none; and whether each is good."""
        good = np.isfinite(samples)
        count = np.arange(samples.shape[1])
        out = np.empty(samples.shape)
        for c, (row, there) in enumerate(zip(samples, good, strict=True)):
            if np.isnan(self._base[c]) and there.any():
                self._base[c] = row[there.argmax()]
            given = np.where(there, row - self._base[c], 0.0)
            latest = np.maximum.accumulate(np.where(there, count, -1))
            out[c] = np.where(latest >= 0, given[latest], self._held[c])
            moved = np.diff(out[c], prepend=self._held[c]) != 0
            change = np.maximum.accumulate(np.where(moved, count, -1))
            run = np.where(change >= 0, count - change, self._still[c] + count + 1)
            self._held[c], self._still[c] = out[c, -1], run[-1]
            good[c] &= run < STILL_S * self._rate
        return out, good

    def _take(self, last: int) -> tuple[Array, Mask]:
        """Outputs at or before input sample `last`, by cubic interpolation; forget what is no longer needed."""
        stop = max(self._made, int(np.floor(last * RATE / self._rate + 1e-9)) + 1) if last >= 0 else self._made
        place = np.arange(self._made, stop) * (self._rate / RATE)
        whole = np.floor(place + 1e-9).astype(np.int64)
        part = np.clip(place - whole, 0, 1)
        weights = (
            -part * (part - 1) * (part - 2) / 6,
            (part + 1) * (part - 1) * (part - 2) / 2,
            -(part + 1) * part * (part - 2) / 2,
            (part + 1) * part * (part - 1) / 6,
        )
        index = whole - self._first
        out = sum((w * self._filtered[:, index + k] for k, w in zip((-1, 0, 1, 2), weights, strict=True)), np.zeros(1))
        good = self._good[:, np.where(part < 0.5, index, index + 1)]
        self._made = stop
        drop = min(int(np.floor(stop * self._rate / RATE + 1e-9)) - 2 - self._first, self._filtered.shape[1])
        if drop > 0:
            self._filtered, self._good = self._filtered[:, drop:], self._good[:, drop:]
            self._first += drop
        return np.asarray(out).reshape(len(self._filtered), -1), good


def bring(samples: Array, rate: float) -> tuple[Array, Mask]:
    """Whole channels (C, T) as work samples (C, U) and whether each is good."""
    feeder = Feeder(len(samples), rate)
    out, good = feeder.push(samples)
    rest, also = feeder.flush()
    return np.concatenate((out, rest), axis=1), np.concatenate((good, also), axis=1)
