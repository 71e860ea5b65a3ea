"""Samples in piece by piece, estimates out: the numbers a file of the same samples would give, for any pieces.

Conditioning streams (`signals.condition.Stream`), windows lie on the same grid as in a file and are judged on the same
raw stretch, and `Bundle` answers. What is kept is bounded: a minute of samples and one window.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.estimate import Estimate
from pulsewise.core.recording import Recording, Signal
from pulsewise.core.windows import Windows
from pulsewise.data import measured, window
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.estimating import at_rate, configs, cutting_for, estimate_windows
from pulsewise.signals import condition

Array = NDArray[np.float64]
State = Literal["warming", "ok", "low_quality", "no_contact", "stale", "error"]

KEPT_S = 60.0
LONGEST_GAP_S = 86400.0
CONTACT = frozenset({"no_contact", "flat"})
"""Reasons that mean the sensor is not on the skin."""


@dataclass(frozen=True)
class Answer:
    """What is said of one window: its estimates, the state it leaves the stream in, and how long it took to say.

    `latency_s` is signal time: how far the samples had come when the window could be answered, less its end.
    """

    window: int
    start_s: float
    end_s: float
    state: State
    quality: float
    estimates: tuple[Estimate, ...]
    latency_s: float

    def to_dict(self) -> dict[str, Any]:
        """One flat object for JSON; an estimate is a value with its interval, or the reasons for none."""
        return {
            "window": self.window,
            "start_s": round(self.start_s, 6),
            "end_s": round(self.end_s, 6),
            "state": self.state,
            "quality": None if self.quality != self.quality else round(self.quality, 4),
            "latency_s": round(self.latency_s, 3),
            **{e.quantity: e.to_dict() for e in self.estimates},
        }


@dataclass
class _Kept:
    """The last samples (C, T) of all channels with their mask (T,), and the index of the first kept."""

    channels: int
    first: int = 0
    samples: Array = field(init=False)
    valid: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.samples, self.valid = np.zeros((self.channels, 0)), np.zeros((self.channels, 0), dtype=bool)

    @property
    def end(self) -> int:
        return self.first + int(self.samples.shape[1])

    def add(self, samples: Array, valid: NDArray[np.bool_]) -> None:
        self.samples = np.concatenate((self.samples, samples), axis=1)
        self.valid = np.concatenate((self.valid, valid), axis=1)

    def forget(self, before: int) -> None:
        """Drop what lies before an index, an even number of samples so that halves round as in the whole."""
        count = min(max(before - self.first, 0), self.samples.shape[1]) // 2 * 2
        self.samples, self.valid, self.first = self.samples[:, count:], self.valid[:, count:], self.first + count


class Stream:
    """Estimates of one device as its samples arrive.

    Parameters
    ----------
    bundle : Bundle
    rate : float
        Hz, of all channels.
    force : bool
        Let an untrained bundle answer.
    demographics : mapping
        What is known of the person, as `Recording.demographics`: for bundles that take it beside the signal.

    Raises
    ------
    UsageError
        `config`: the bundle's conditioning or windows need the whole recording (Butterworth, windows centred on beats).
    InputError
        `rate`: not one the bundle can work with. `modality`: it needs to know something of the person that is not said.
    """

    def __init__(
        self,
        bundle: Bundle,
        rate: float,
        *,
        force: bool = False,
        demographics: Mapping[str, float | str] = MappingProxyType({}),
    ) -> None:
        bundle.check_trained(force)
        conditioning, self._cutting = configs(bundle)
        self._demographics = dict(demographics)
        self._cutting = cutting_for(bundle, self._recording(()), self._cutting, bundle.facts.signals)
        if self._cutting.centre == "beat":
            what = "windows centred on beats are chosen from the whole recording and cannot stream"
            raise UsageError("config", what, where="window.centre", fix="use a bundle with windows of a fixed step")
        self.bundle, self.rate, self._force = bundle, rate, force
        channels = bundle.facts.signals
        conditioning = at_rate(bundle, [rate] * len(channels), conditioning)
        self._filters = [condition.Stream(conditioning, rate) for _ in channels] if conditioning.changes else []
        self._out_rate = self._filters[0].rate if self._filters else rate
        self._length = round(self._cutting.length_s * self._out_rate)
        self._step = max(1, round((self._cutting.step_s or self._cutting.length_s) * self._out_rate))
        self._begin()

    def _begin(self) -> None:
        count = len(self.bundle.facts.signals)
        self._raw, self._out = _Kept(count), _Kept(count)
        self._looked = 0  # conditioned samples looked at so far
        self._filled = np.zeros((count, 0))  # conditioned samples with single missing ones bridged
        self._run: int | None = None  # first conditioned sample of the stretch without a gap
        self._next = 0  # where the next window begins
        self._number = 0  # of the next window
        self._waiting: deque[tuple[Windows, float]] = deque()  # windows, and the raw time their quality needs
        self._short: list[tuple[int, float]] = []  # stretches shorter than a window: number, start
        self.state: State = "warming"

    @property
    def seconds(self) -> float:
        """Signal time that has arrived."""
        return self._raw.end / self.rate

    @property
    def delay_s(self) -> float:
        """Most signal time between the end of a window and its answer, without gaps."""
        filters = self._filters[0].delay_s if self._filters else 0.0
        return filters + (measured.STRETCH_S + measured.STEP_S) / 2 + 2 / self.rate

    def push(self, samples: ArrayLike, valid: ArrayLike | None = None) -> list[Answer]:
        """Take the next samples and give what can be said now.

        Parameters
        ----------
        samples : array_like, shape (T,) or (C, T)
            In the order of the bundle's signals; not finite is missing.
        valid : array_like of bool, same shape, optional

        Raises `shape`.
        """
        x = np.atleast_2d(np.asarray(samples, dtype=np.float64))
        count = len(self.bundle.facts.signals)
        if x.ndim != 2 or len(x) != count:
            raise InputError("shape", f"samples ({count}, T) are needed, {np.shape(samples)} came")
        good = np.isfinite(x)
        if valid is not None:
            given = np.atleast_2d(np.asarray(valid, dtype=bool))
            if given.shape != x.shape:
                raise InputError("shape", f"valid has shape {np.shape(valid)}, samples {np.shape(samples)}")
            good &= given
        x = np.where(good, x, 0.0).astype(np.float32).astype(np.float64)
        self._raw.add(x, good)
        if self._filters:
            made = [f.push(row, ok) for f, row, ok in zip(self._filters, x, good, strict=True)]
            self._out.add(np.stack([y for y, _ in made]), np.stack([ok for _, ok in made]))
        else:
            self._out.add(x, good)
        return self._advance(last=False)

    def missing(self, count: int) -> list[Answer]:
        """Say that `count` samples were lost: they become a gap of that length, nothing is put together across it.

        Raises `time_order` for more than a day of them.
        """
        if count > LONGEST_GAP_S * self.rate:
            raise InputError("time_order", f"{count} samples are said to be lost, more than a day of them")
        return self.push(np.full((len(self.bundle.facts.signals), count), np.nan))

    def flush(self) -> list[Answer]:
        """The last answers, with the end treated as that of a file; then all begins anew."""
        if self._filters:
            made = [f.flush() for f in self._filters]
            self._out.add(np.stack([y for y, _ in made]), np.stack([ok for _, ok in made]))
        answers = self._advance(last=True)
        self._begin()
        return answers

    # -- windows ----------------------------------------------------------------------------------------------

    def _advance(self, *, last: bool) -> list[Answer]:
        pairs = [
            window.fill_single(x.astype(np.float32), ok)
            for x, ok in zip(self._out.samples, self._out.valid, strict=True)
        ]
        self._filled = np.stack([filled for filled, _ in pairs])
        there = np.logical_and.reduce([ok for _, ok in pairs])
        end = self._out.end if last else max(self._out.end - 1, self._looked)  # the next decides on a single gap
        new = there[self._looked - self._out.first : end - self._out.first]
        edges = [0, *(np.flatnonzero(np.diff(new)) + 1).tolist(), len(new)]
        for a, b in itertools.pairwise(edges):
            if b > a and new[a]:
                self._grow(self._looked + a, self._looked + b)
            elif b > a:
                self._gap()
        self._looked = end
        if last:
            self._gap()
        answers = self._release(last)
        keep = [self._next if self._run is not None else end - 2, end - 2]
        self._out.forget(min(keep) - 1)  # one more, without which a single missing sample cannot be bridged
        needed = [w.columns["start"][0] for w, _ in self._waiting]
        held = max(measured.STRETCH_S, self._cutting.length_s) + measured.STEP_S
        oldest = min([*needed, self._next / self._out_rate if self._run is not None else self.seconds]) - held
        self._raw.forget(int(max(oldest, self.seconds - KEPT_S) * self.rate))
        return answers

    def _grow(self, a: int, b: int) -> None:
        if self._run is None:
            self._run = self._next = a
        while self._next + self._length <= b:
            self._waiting.append(self._cut(self._next))
            self._next += self._step
            self._number += 1

    def _gap(self) -> None:
        if self._run is not None and self._next == self._run:  # not one window fitted in
            self._short.append((self._number, self._run / self._out_rate))
            self._number += 1
        self._run = None
        self.state = "warming"

    def _cut(self, first: int) -> tuple[Windows, float]:
        """The window at a conditioned sample, and how far the raw signal must have come to judge it."""
        part = slice(first - self._out.first, first - self._out.first + self._length)
        filled = self._filled[:, part]
        signals = self._signals(filled, np.ones(filled.shape, dtype=bool), self._out_rate, first)
        cutting = replace(self._cutting, step_s=None)
        windows, dropped = window.cut_counted(self._recording(signals), cutting)
        if not len(windows):
            blank = np.zeros((1, len(self._cutting.channels), self._length), np.float32)
            columns = {"start": dropped.start, "reason": dropped.reason}
            windows = Windows(blank, self._out_rate, self._cutting.channels, columns)
        start = first / self._out_rate
        numbered = {**windows.columns, "start": np.array([start]), "window": np.array([self._number])}
        length = self._length / self._out_rate
        reach = max(measured.STRETCH_S, length) / 2
        centre = start + length / 2
        if reach > length / 2:
            centre = np.round(centre / measured.STEP_S) * measured.STEP_S
        return replace(windows, columns=numbered), float(centre + reach + 2 / self.rate)

    def _signals(self, x: Array, valid: NDArray[np.bool_], rate: float, first: int) -> tuple[Signal, ...]:
        names = self.bundle.facts.signals
        return tuple(
            Signal(name, name, "", rate, row.astype(np.float32), ok, start=first / rate)
            for name, row, ok in zip(names, x, valid, strict=True)
        )

    def _recording(self, signals: Sequence[Signal]) -> Recording:
        return Recording("stream", tuple(signals), demographics=self._demographics)

    # -- answers ----------------------------------------------------------------------------------------------

    def _release(self, last: bool) -> list[Answer]:
        answers = []
        for number, start in self._short:
            length = self._length / self._out_rate
            answers.append(self._answer(number, start, start + length, self._none(number, start, "gap"), np.nan))
        self._short.clear()
        while self._waiting and (last or self._waiting[0][1] <= self.seconds):
            answers.append(self._judged(self._waiting.popleft()[0]))
        return sorted(answers, key=lambda answer: answer.window)

    def _judged(self, windows: Windows) -> Answer:
        start, number = float(windows.columns["start"][0]), int(windows.columns["window"][0])
        end = start + self._length / self._out_rate
        if "reason" in windows.columns:
            estimates = self._none(number, start, str(windows.columns["reason"][0]))
            return self._answer(number, start, end, estimates, np.nan)
        raw = self._recording(self._signals(self._raw.samples, self._raw.valid, self.rate, self._raw.first))
        kept, dropped = measured.measure(windows, raw, self._cutting)
        if not len(kept):
            return self._answer(number, start, end, self._none(number, start, str(dropped.reason[0])), np.nan)
        found = estimate_windows(self.bundle, kept, force=self._force)
        return self._answer(number, start, end, found, float(kept.columns["quality"][0]))

    def _none(self, number: int, start: float, reason: str) -> list[Estimate]:
        end = min(start + self._length / self._out_rate, self.seconds)
        return [
            Estimate(t.quantity, t.unit, start, end, None, reasons=(reason,), window=number)
            for t in self.bundle.task.targets
        ]

    def _answer(self, number: int, start: float, end: float, found: Sequence[Estimate], quality: float) -> Answer:
        reasons = {reason for e in found for reason in e.reasons}
        state: State = "ok"
        if all(e.abstained for e in found):
            state = "warming" if reasons == {"gap"} else "no_contact" if reasons & CONTACT else "low_quality"
        self.state = state
        return Answer(number, start, end, state, quality, tuple(found), max(self.seconds - end, 0.0))
