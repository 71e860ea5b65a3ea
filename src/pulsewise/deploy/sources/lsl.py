"""Samples of the Lab Streaming Layer: a stream found by its name or type, its clock brought to ours."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from pulsewise.core.errors import InputError, SetupError
from pulsewise.deploy.sources.payload import Fault, Packet

FIND_S, TICK_S = 10.0, 0.2
GAP_SAMPLES, GAP_S = 2.0, 0.1
"""A time that is further ahead than either of them is a gap; less is jitter."""
AGAIN_S = -0.5
"""A time that is further back than this means that the stream began anew."""


def lsl(name: str, channels: int, rate: float | None, *, find_s: float = FIND_S) -> Iterator[Packet | Fault | None]:
    """Packets as they come, None in silence.

    The stream is `name`, or the first of type PPG or ECG where that is empty. Times are corrected for the offset of the
    other clock; where they jump ahead, samples are lost. A stream that goes away and comes back (same source) goes on.

    Raises
    ------
    SetupError
        `missing_dependency`: pylsl or its library is not there; `environment`: no such stream within `find_s` seconds.
    InputError
        `shape`: it has fewer channels than are needed; `sampling_rate`: neither it nor the caller says a rate.
    """
    pylsl = _library()
    found = _find(pylsl, name, find_s)
    info = found[0]
    hertz = rate or info.nominal_srate()
    if not hertz:
        raise InputError("sampling_rate", "the stream has no nominal rate", fix="give --rate HZ")
    if info.channel_count() < channels:
        raise InputError("shape", f"{channels} channels are needed, the stream has {info.channel_count()}")
    inlet = pylsl.StreamInlet(info, max_buflen=60, recover=True, processing_flags=pylsl.proc_clocksync)
    return _pulled(inlet, channels, float(hertz), info.name())


def _library() -> Any:
    try:
        import pylsl
    except (ImportError, RuntimeError, OSError) as error:
        fix = "pip install 'pulsewise[live]', and liblsl where that does not bring it"
        raise SetupError("missing_dependency", "LSL needs pylsl and liblsl", fix=fix) from error
    return pylsl


def _find(pylsl: Any, name: str, find_s: float) -> Any:
    if name:
        found = pylsl.resolve_byprop("name", name, 1, find_s)
    else:
        found = pylsl.resolve_bypred("type='PPG' or type='ECG'", 1, find_s)
    if not found:
        what = f"no LSL stream {'named ' + repr(name[:60]) if name else 'of type PPG or ECG'} within {find_s:g} s"
        raise SetupError("environment", what, fix="start the device, or name its stream: --from lsl:NAME")
    return found


def _pulled(inlet: Any, channels: int, rate: float, device: str) -> Iterator[Packet | None]:
    due: float | None = None  # when the next sample should lie
    try:
        while True:
            rows, times = inlet.pull_chunk(timeout=TICK_S, max_samples=1024)
            if not times:
                yield None
                continue
            samples = np.asarray(rows, dtype=np.float64)[:, :channels].T
            for packet, last in _cut(samples, np.asarray(times), rate, due, device):
                due = last + 1 / rate
                yield packet
    finally:
        inlet.close_stream()


def _cut(samples: Any, times: Any, rate: float, due: float | None, device: str) -> Iterator[tuple[Packet, float]]:
    """A chunk cut where times jump, each piece with what is lost before it and the time of its last sample."""
    before = np.concatenate(([times[0] if due is None else due - 1 / rate], times[:-1]))
    ahead = times - before - 1 / rate
    if due is None:
        ahead[0] = 0.0
    jumps = np.flatnonzero((ahead > max(GAP_SAMPLES / rate, GAP_S)) | (ahead < AGAIN_S))
    edges = sorted({0, *jumps.tolist(), len(times)})
    for a, b in itertools.pairwise(edges):
        jump = float(ahead[a]) if a in jumps else 0.0
        lost = max(0, round(jump * rate))
        yield Packet(samples[:, a:b], None, rate, device, lost, jump < AGAIN_S), float(times[b - 1])
