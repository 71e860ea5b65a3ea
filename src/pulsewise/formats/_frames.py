"""What formats with frames share when they are written: one frame for all rates, whole samples, what is left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from pulsewise.core.errors import InputError
from pulsewise.core.recording import Note, Recording, Signal

_SLOWEST = Fraction(1, 60)
"""The slowest frame (Hz): where no faster one fits all rates, the rates have none in common."""
_MOST_PER_FRAME = 10_000


def frame_rate(rates: Sequence[float], format_: str) -> tuple[float, list[int]]:
    """The rate of a frame that holds a whole number of samples of every signal, and those numbers.

    >>> frame_rate([64.0, 32.0, 4.0], "WFDB")
    (4.0, [16, 8, 1])
    """
    exact = [Fraction(rate).limit_denominator(1000) for rate in rates]
    if any(abs(float(e) / rate - 1) > 1e-9 for e, rate in zip(exact, rates, strict=True)):
        if len(set(rates)) == 1:
            return rates[0], [1] * len(rates)
        exact = []
    common = exact[0] if exact else Fraction(0)
    for rate in exact[1:]:
        common = Fraction(
            math.gcd(common.numerator * rate.denominator, rate.numerator * common.denominator),
            common.denominator * rate.denominator,
        )
    per_frame = [int(rate / common) for rate in exact] if common else []
    if not per_frame or common < _SLOWEST or max(per_frame) > _MOST_PER_FRAME:
        raise InputError(
            "rate",
            f"the rates {', '.join(f'{rate:g}' for rate in sorted(set(rates)))} Hz have no common frame in {format_}",
            fix="write one signal with --channel, or --to npz",
        )
    return float(common), per_frame


def first_sample(signal: Signal, notes: list[Note]) -> int:
    """Index of the signal's first sample in the record, at the signal's own rate; notes what is rounded."""
    exact = signal.start * signal.rate
    first = round(exact)
    if first < 0:
        raise InputError("time_order", "a signal starts before its recording", where=signal.name)
    if abs(exact - first) > 0.01:
        off = (first - exact) / signal.rate
        notes.append(Note("start_rounded", f"{signal.name}: its start is moved by {off:+.6f} s to a whole sample"))
    return first


def left_out(recording: Recording, format_: str) -> list[Note]:
    """Notes on what the format has no place for."""
    left = {
        "start": int(recording.start_utc is not None),
        "demographics": len(recording.demographics),
        "conditions": len(recording.conditions),
    }
    text = f"{format_} has no place for {{}}; not written"
    return [Note("left_out", text.format(what), count) for what, count in left.items() if count]
