"""Conditioning sample by sample: the same numbers as for the whole recording, however it is cut into pieces."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError
from pulsewise.signals.chain import Chain
from pulsewise.signals.convolve import Array, extend, stretch

Mask = NDArray[np.bool_]


class ChainStream:
    """A `Chain` fed piece by piece, with gaps.

    Every stretch without a gap is filtered for itself; in gaps the output is 0 and not valid. Memory is bounded by
    the filter's length plus one piece.

    Parameters
    ----------
    chain : Chain
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._clear()

    @property
    def delay_s(self) -> float:
        """Seconds by which an output can come later than its moment."""
        return self._chain.delay_s

    def push(self, samples: ArrayLike, valid: ArrayLike | None = None) -> tuple[Array, Mask]:
        """Take the next samples (T,) and give the outputs that are now certain, with their mask, both (U,).

        Samples that are not finite are not valid. Raises `shape` where `valid` has another shape.
        """
        x = np.asarray(samples, dtype=np.float64)
        if x.ndim != 1:
            raise InputError("shape", f"a stream takes samples (T,), {x.shape} came")
        usable = np.isfinite(x)
        if valid is not None:
            mask = np.asarray(valid, dtype=bool)
            if mask.shape != x.shape:
                raise InputError("shape", f"valid has shape {mask.shape}, samples {x.shape}")
            usable &= mask
        edges = np.flatnonzero(np.diff(usable)) + 1
        for part, good in zip(np.split(x, edges), np.split(usable, edges), strict=True):
            if part.size and good[0]:
                self._grow(part)
            elif part.size:
                self._end_stretch()
                self._seen += part.size
                self._fill_gap()
        return self._take()

    def flush(self) -> tuple[Array, Mask]:
        """The outputs still held back, padded at the end as a whole recording is; the stream starts anew."""
        self._end_stretch()
        taken = self._take()
        self._clear()
        return taken

    def _clear(self) -> None:
        self._seen = 0  # inputs so far
        self._next = 0  # next output
        self._buffer: Array = np.empty(0)
        self._first = 0  # index of the buffer's first sample (below the stretch's own first once extended)
        self._start: int | None = None  # first input of the stretch; None between stretches
        self._extended = False
        self._ready: list[tuple[Array, bool]] = []

    def _grow(self, part: Array) -> None:
        chain, margin = self._chain, self._chain.margin
        if self._start is None:
            self._start, self._first, self._buffer, self._extended = self._seen, self._seen, np.empty(0), False
        self._buffer = np.concatenate((self._buffer, part))
        self._seen += part.size
        if not self._extended:
            if len(self._buffer) <= margin:
                return
            self._buffer = stretch(self._buffer, -margin, len(self._buffer), margin)
            self._first -= margin
            self._extended = True
        stop = self._next
        guess = chain.first_output(max(self._seen - margin, 0)) + 1
        while guess > stop and chain.last_input(guess - 1) >= self._seen:
            guess -= 1
        self._emit(guess)
        drop = min(chain.first_input(self._next), self._seen) - 1 - self._first
        if drop > 0:
            self._buffer = self._buffer[drop:]
            self._first += drop

    def _end_stretch(self) -> None:
        if self._start is None:
            return
        margin = self._chain.margin
        if self._extended:
            self._buffer = stretch(self._buffer, 0, len(self._buffer) + margin, margin)
        else:
            self._buffer = extend(self._buffer, margin)
            self._first -= margin
        self._emit(self._chain.first_output(self._seen))
        self._start = None

    def _emit(self, stop: int) -> None:
        if stop > self._next:
            self._ready.append((self._chain.compute(self._buffer, self._first, self._next, stop), True))
            self._next = stop

    def _fill_gap(self) -> None:
        stop = self._chain.first_output(self._seen)
        if stop > self._next:
            self._ready.append((np.zeros(stop - self._next), False))
            self._next = stop

    def _take(self) -> tuple[Array, Mask]:
        ready, self._ready = self._ready, []
        if not ready:
            return np.empty(0), np.empty(0, dtype=bool)
        samples = np.concatenate([part for part, _ in ready])
        return samples, np.concatenate([np.full(len(part), good) for part, good in ready])
