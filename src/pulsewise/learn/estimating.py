"""From a recording, or from windows, to estimates: the bundle's forward path with its reasons for having none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pulsewise.core import config, people
from pulsewise.core.errors import ArtifactError, InputError, NoSignalError, PulsewiseError
from pulsewise.core.estimate import Estimate
from pulsewise.core.plugin import Target
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows
from pulsewise.data import window
from pulsewise.data.prepare import windows_of
from pulsewise.learn.personal import of_somebody_else
from pulsewise.signals import condition

if TYPE_CHECKING:
    from pulsewise.learn.bundle import Bundle

EXACT = 1e-6
"""Share by which two rates may differ and still be the same."""


def estimate(bundle: Bundle, recording: Recording, *, force: bool = False) -> list[Estimate]:
    """Every target for every window of a recording, in the order of time; windows left out are abstentions.

    The recording goes through the conditioning and cutting the training data went through. A rate that differs from
    the model's is brought to it only where the bundle's conditioning says so (`condition.rate`) or where the clock
    drifts (within 0.5 %), and never upwards. Raises `modality` where a channel is missing and `rate`.
    """
    if not (bundle.trained or force):
        return _whole(bundle, recording, "untrained")
    try:
        windows, dropped = windows_for(bundle, recording)
    except NoSignalError:
        return _whole(bundle, recording, "gap")
    found = estimate_windows(bundle, windows, force=force) if len(windows) else []
    length = bundle.facts.length / bundle.facts.rate
    for start, number, reason in zip(dropped.start, dropped.window, dropped.reason, strict=True):
        end = min(float(start) + length, recording.duration)
        found += _abstain(bundle, float(start), end, int(number), str(reason))
    return sorted(found, key=lambda e: e.start) or _whole(bundle, recording, "too_short")


def windows_for(bundle: Bundle, recording: Recording) -> tuple[Windows, window.Dropped]:
    """A recording as the windows that a bundle answers, and what was left out.

    Raises `modality` where a channel is missing, `rate`, and `no_usable_signal` where nothing is left.
    """
    conditioning, cutting = configs(bundle)
    cutting = cutting_for(bundle, recording, cutting, tuple(n for n in cutting.signals if _has(recording, n)))
    return windows_of(recording, at_rate(bundle, _rates(bundle, recording), conditioning), cutting)


def cutting_for(
    bundle: Bundle, recording: Recording, cutting: window.Config, signals: tuple[str, ...]
) -> window.Config:
    """The cutting for a recording with these signals: without what a bundle that takes any channels can do without.

    Raises `modality` for what is not known of the person and the bundle cannot do without.
    """
    known = tuple(name for name in cutting.channels if name in people.NAMES and _has(recording, name))
    if not bundle.any_channels:
        window.check_person(recording, cutting.channels)
        return cutting
    here = tuple(name for name in cutting.channels if name in signals or name in known)
    return replace(cutting, channels=here if signals else cutting.channels)


def estimate_windows(bundle: Bundle, windows: Windows, *, force: bool = False) -> list[Estimate]:
    """Every target for every window; raises `modality`, `rate` or `length` for windows of another kind.

    A window unlike the training windows, or with an answer that cannot be, is not answered (`outside_domain`), nor one
    of another device, site or age than any in training (`other_device`, `other_site`, `other_age`), nor one of somebody
    of whom the model would have to be told more (`person_unknown`).
    """
    facts = bundle.facts
    if not (bundle.trained or force):
        bundle.check_windows(windows)
    answers = bundle.answer_windows(windows, force=force) if bundle.trained or force else None
    samples = bundle.placed(windows).samples
    finite = bundle.usable(samples)
    blank = np.float32(np.nan if bundle.any_channels else 0)
    seen = np.where((bundle.present(samples) if bundle.any_channels else finite[:, None])[:, :, None], samples, blank)
    refused = facts.domain.refused(seen, windows.columns)
    unknown = facts.domain.unknown(facts.model.config.get("demographics", ()), windows.columns, len(windows))
    refused = np.where(unknown, "person_unknown", refused)
    if facts.personal.how:
        refused = np.where(of_somebody_else(facts.personal, windows.columns["person"]), "other_person", refused)
    start, beat = windows.columns["start"], windows.columns["beat_index"]
    number = windows.columns.get("window", np.arange(len(windows)))
    quality = windows.columns["quality"]
    found = []
    for i in range(len(windows)):
        begin = float(start[i]) if np.isfinite(start[i]) else i * facts.length / facts.rate
        for k, target in enumerate(facts.task.targets):
            e = Estimate(
                target.quantity,
                target.unit,
                begin,
                begin + facts.length / facts.rate,
                None,
                level=facts.intervals.level,
                quality=float(quality[i]),
                reasons=("untrained",),
                beat_index=int(beat[i]),
                window=int(number[i]),
            )
            if answers is not None and not finite[i]:
                e = replace(e, reasons=("gap",))
            elif answers is not None:
                numbers = (float(part[i, k]) for part in (answers.value, answers.low, answers.high))
                e = _answered(e, target, *numbers, refused="" if force else str(refused[i]))
            found.append(e)
    return found


def _answered(e: Estimate, target: Target, value: float, low: float, high: float, *, refused: str) -> Estimate:
    if refused or not target.low <= value <= target.high:
        return replace(e, reasons=(refused or "outside_domain",))
    if not math.isfinite(low):
        return replace(e, value=value, reasons=())
    return replace(e, value=value, low=max(low, target.low), high=min(high, target.high), reasons=())


def configs(bundle: Bundle) -> tuple[condition.Config, window.Config]:
    """How the bundle conditions and cuts; `artifact_invalid` where that is not what this program knows."""
    try:
        conditioning = config.fill(condition.Config, bundle.facts.condition, where="condition")
        return conditioning, config.fill(window.Config, bundle.facts.window, where="window")
    except PulsewiseError as error:
        raise ArtifactError("artifact_invalid", f"the bundle's {error.where}: {error.what}") from error


def at_rate(bundle: Bundle, rates: Sequence[float], conditioning: condition.Config) -> condition.Config:
    """The conditioning that brings channels of these rates (Hz) to the model's; `rate` where none does, or may."""
    from pulsewise.learn.bundle import check_rate_fits
    from pulsewise.learn.facts import RATE_TOLERANCE

    wanted = bundle.facts.rate
    for rate in rates:
        if conditioning.rate is None:
            check_rate_fits(rate, wanted)
        elif rate < wanted * (1 - RATE_TOLERANCE):
            raise InputError(
                "rate",
                f"the model works at {wanted:g} Hz and the recording has {rate:g} Hz: what is missing is not invented",
                fix="use a model for this rate",
            )
    if conditioning.rate is None and any(abs(rate / wanted - 1) > EXACT for rate in rates):
        return replace(conditioning, rate=wanted)
    return conditioning


def _rates(bundle: Bundle, recording: Recording) -> list[float]:
    names = bundle.facts.signals
    some = tuple(name for name in names if _has(recording, name)) if bundle.any_channels else names
    return [recording.signal(channel).rate for channel in some or names]


def _has(recording: Recording, channel: str) -> bool:
    if channel in people.NAMES:
        return math.isfinite(people.number(recording.demographics, channel))
    return any(channel in (signal.name, signal.kind) for signal in recording.signals)


def _whole(bundle: Bundle, recording: Recording, reason: str) -> list[Estimate]:
    return _abstain(bundle, 0.0, recording.duration, -1, reason)


def _abstain(bundle: Bundle, start: float, end: float, number: int, reason: str) -> list[Estimate]:
    return [
        Estimate(target.quantity, target.unit, start, end, None, reasons=(reason,), window=number)
        for target in bundle.task.targets
    ]
