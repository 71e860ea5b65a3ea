"""Windows as one: what is said of a whole recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals.beats import Beats
from pulsewise.signals.hrv import SHORTEST_S, hrv
from pulsewise.signals.measured import Value, WindowMeasures, abstain
from pulsewise.signals.order import mean
from pulsewise.signals.pulsewaves import UNITS as WAVES
from pulsewise.signals.pulsewaves import wave_values
from pulsewise.signals.vitals import Channel

AF_SHARE = 0.1


def summarise(windows: Sequence[WindowMeasures], one: Channel, groups: frozenset[str]) -> dict[str, Any]:
    """The summary of a recording.

    Heart rate, respiratory rate, QT and QTc are means over the windows that have one, with the means of their bounds
    (the errors of one recording's windows are alike, so averaging does not narrow them). The rhythm is `af` where half
    of the probability, or a tenth of the windows, are, because fibrillation comes and goes; else the most common one.
    Variability and pulse wave are computed from all beats of windows that have a heart rate.
    """
    found: dict[str, Any] = {}
    for name in ("heart_rate", "respiratory_rate"):
        found[name] = mean_value(_each(windows, name))
    found["rhythm"] = _rhythm(_each(windows, "rhythm"))
    if len(windows) == 1:  # what a single window says is the summary
        found |= {
            name: value for name, value in windows[0].values.items() if name in ("hrv", "pulse_wave", "qt", "qtc")
        }
        groups = frozenset()
    good = [w for w in windows if not _each([w], "heart_rate")[0].reasons]
    inside = _inside(one.beats, good)
    if "hrv" in groups:
        said = str(found["rhythm"].value or "")
        reasons = found["heart_rate"].reasons
        found["hrv"] = (
            {name: abstain(*reasons) for name in SHORTEST_S} if reasons else hrv(_apart(one.beats, inside), said)
        )
    if "pulse_wave" in groups and one.points is not None:
        shaped = _inside(one.beats, [w for w in good if not w.reasons])
        reasons = found["heart_rate"].reasons or tuple(dict.fromkeys(r for w in windows for r in w.reasons))
        found["pulse_wave"] = (
            wave_values(one.points[shaped])
            if shaped.any()
            else {name: abstain(*(reasons or ("few_beats",))) for name in WAVES}
        )
    if "qt" in groups:
        found |= {name: mean_value(_each(windows, name)) for name in ("qt", "qtc")}
    scores = [w.quality for w in windows]
    found["quality"] = mean(np.array(scores)) if scores else 0.0
    found["polarity"] = -1 if sum(w.polarity for w in windows) < 0 else 1
    found["beats"] = len(one.beats)
    found["windows"] = len(windows)
    found["windows_with_heart_rate"] = len(good)
    return found


def _each(windows: Sequence[WindowMeasures], name: str) -> list[Value]:
    return [value for w in windows if isinstance(value := w.values[name], Value)]


def _inside(beats: Beats, windows: Sequence[WindowMeasures]) -> NDArray[np.bool_]:
    """Which beats are in one of the windows, shape (B,)."""
    mask = np.zeros(len(beats), dtype=bool)
    for w in windows:
        a, b = np.searchsorted(beats.time, (w.start_s, w.end_s))
        mask[a:b] = True
    return mask


def _apart(beats: Beats, inside: NDArray[np.bool_]) -> Beats:
    """Only those beats, with no interval across what is left out."""
    if inside.all():
        return beats
    left_out = np.cumsum(~inside)
    segment = beats.segment * (len(beats) + 1) + left_out
    return Beats(beats.index[inside], beats.time[inside], beats.polarity, segment[inside])


def mean_value(values: Sequence[Value]) -> Value:
    """The mean of those that have a value; where none has one, the commonest reasons.

    >>> mean_value([Value(70.0, "bpm", 69.0, 71.0), abstain("gap"), Value(74.0, "bpm", 73.0, 75.0)]).value
    72.0
    """
    known = [v for v in values if isinstance(v.value, float)]
    if not known:
        return abstain(*_commonest([reason for v in values for reason in v.reasons] or ["too_short"]))
    value, low, high = (mean(np.array([getattr(v, part) for v in known])) for part in ("value", "low", "high"))
    return replace(known[0], value=value, low=low, high=high)


def _commonest(reasons: Sequence[str]) -> list[str]:
    counts = {r: list(reasons).count(r) for r in dict.fromkeys(reasons)}
    return [r for r, n in counts.items() if 2 * n >= max(counts.values())]


def _rhythm(values: Sequence[Value]) -> Value:
    known = [v for v in values if v.value is not None]
    if not known:
        return abstain(*_commonest([reason for v in values for reason in v.reasons] or ["too_short"]))
    probability = mean(np.array([float(v.more["af_probability"]) for v in known]))
    words = [str(v.value) for v in known]
    others = [word for word in words if word != "af"]
    share = words.count("af") / len(words)
    word = "af" if probability >= 0.5 or share >= AF_SHARE else max(dict.fromkeys(others), key=others.count)
    more: Mapping[str, Any] = {"af_probability": probability, "af_share": share}
    return Value(word, more=more)
