"""The pictures of an explanation: the mean beat with what each method says of it, parts side by side, each window."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pulsewise.judge.explanation import SIGNED, Explanation, Method
from pulsewise.judge.waves import Waves
from pulsewise.show.ink import ALERT, BAND, CONTROL, INK, LINE, MODEL, MUTED, canvas, style, svg
from pulsewise.show.words import figure

Floats = NDArray[np.float64]

BEFORE_S, AFTER_S = {"ecg": 0.3, "ppg": 0.3}, {"ecg": 0.55, "ppg": 0.65}
"""Seconds of a mean beat before and after its peak."""
SMOOTH_S, GROUND_S = 0.024, 0.056
"""Seconds over which values are averaged to be drawn, in the mean beat and behind a window; the figures are made from
values as they are."""
LEVELS = 8


def mean_beats(made: Explanation, mark: str = "") -> str:
    """For each channel with beats: the mean beat with its waves, and below it what each method says, time by time."""
    shown = [
        c
        for c in range(len(made.channels))
        if any(len(w.waves[c].time) and len(w.waves[c].names) > 1 for w in made.windows)
    ]
    if not shown or not made.methods:
        return ""
    rows = 1 + len(made.methods)
    with style():
        fig, axes = canvas(1.25 * 5.6 * len(shown), 1.9 + 0.95 * len(made.methods), rows=rows, columns=len(shown))
        for place, c in enumerate(shown):
            column = axes[place :: len(shown)]
            _beat_column(made, c, column, first=place == 0)
        return svg(fig, "beats", f"Mean beat and what {', '.join(m.title for m in made.methods)} say of it.", mark)


def _beat_column(made: Explanation, c: int, axes: list[Axes], *, first: bool) -> None:
    kind = made.channels[c]
    before, after = round(BEFORE_S.get(kind, 0.3) * made.rate), round(AFTER_S.get(kind, 0.6) * made.rate)
    places = [(n, round(float(t) * made.rate)) for n, w in enumerate(made.windows) for t in w.waves[c].time]
    length = made.windows[0].samples.shape[1]
    places = [(n, p) for n, p in places if p - before >= 0 and p + after < length] or places[:1]
    time = np.arange(-before, after + 1) / made.rate

    def mean(of: Any) -> Floats:
        rows = [_cut(of(n), p - before, p + after + 1) for n, p in places]
        return np.asarray(np.nanmean(rows, axis=0))

    codes = [_cut(made.windows[n].waves[c].part.astype(np.float64), p - before, p + after + 1) for n, p in places]
    names = made.windows[places[0][0]].waves[c].names
    spans = _usual_spans(np.array(codes), len(names) - 1)
    axes[0].plot(time, mean(lambda n: made.windows[n].samples[c]), color=INK, lw=1.8)
    axes[0].set_ylabel(kind.upper())
    axes[0].set_yticks([])
    for axis in axes:
        for k, (_, a, b) in enumerate(spans):
            axis.axvspan(
                time[a], time[b], color=BAND if k % 2 == 0 else LINE, alpha=1 if k % 2 == 0 else 0.18, lw=0, zorder=0
            )
        axis.set_xlim(time[0], time[-1])
        axis.spines["left"].set_visible(False)
    for part, a, b in spans:
        axes[0].annotate(
            names[part], ((time[a] + time[b]) / 2, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2),
            textcoords="offset points", ha="center", va="bottom", fontsize=9.5, color=INK,
        )  # fmt: skip
    for axis, m in zip(axes[1:], made.methods, strict=True):
        _values(axis, time, _smooth(mean(lambda n, m=m: made.windows[n].values[m.name][c]), made.rate), m)
        if first:
            axis.set_ylabel(_label(m), rotation=0, ha="right", va="center")
    for axis in axes[:-1]:
        axis.tick_params(labelbottom=False)
    axes[-1].set_xlabel(f"seconds from the {'R' if kind == 'ecg' else 'systolic'} peak, mean of {len(places)} beats")


def _label(m: Method) -> str:
    return m.title.replace(" ", "\n") + ("" if m.check.passed else "\n(not the model)")


def _values(axis: Axes, time: Floats, values: Floats, m: Method) -> None:
    top = float(np.abs(values).max()) or 1.0
    up = MODEL if m.check.passed else MUTED
    down = ALERT if m.check.passed else MUTED
    axis.fill_between(time, 0, np.maximum(values, 0), color=up, lw=0, alpha=0.85)
    if m.name in SIGNED:
        axis.fill_between(time, 0, np.minimum(values, 0), color=down, lw=0, alpha=0.85)
        axis.axhline(0, color=LINE, lw=0.8)
    axis.set_ylim(min(1.1 * float(values.min()), -0.05 * top), 1.1 * top)
    axis.set_yticks([])


def _usual_spans(codes: Floats, between: int) -> list[tuple[int, int, int]]:
    """Stretches of the mean beat that belong to one part in most beats: part, first and last sample."""
    usual = np.array(
        [np.bincount(col[np.isfinite(col)].astype(int), minlength=between + 1).argmax() for col in codes.T]
    )
    edges = np.flatnonzero(np.diff(usual, prepend=-1, append=-1))
    spans = [(int(usual[a]), int(a), int(b - 1)) for a, b in pairwise(edges)]
    return [span for span in spans if span[0] != between and span[2] > span[1]]


def _cut(values: Floats, first: int, last: int) -> Floats:
    at = np.arange(first, last)
    inside = (at >= 0) & (at < len(values))
    return np.where(inside, values[np.clip(at, 0, len(values) - 1)], np.nan)


def _smooth(values: Floats, rate: float, seconds: float = SMOOTH_S) -> Floats:
    width = max(1, round(seconds * rate))
    return np.convolve(np.pad(values, width // 2, mode="edge"), np.ones(width) / width, mode="same")[
        width // 2 : width // 2 + len(values)
    ]


def parts(made: Explanation, mark: str = "") -> str:
    """Each part's weight over its share of time, one column per method, with the range of random weights."""
    if not made.methods:
        return ""
    many = len(made.channels) > 1
    with style():
        count = max(len(m.parts) for m in made.methods)
        fig, axes = canvas(2.0 + 1.9 * len(made.methods), 0.9 + 0.34 * count, columns=len(made.methods))
        for axis, m in zip(axes, made.methods, strict=True):
            colour = MODEL if m.check.passed else MUTED
            for row, p in enumerate(m.parts):
                if p.random_low is not None and p.random_high is not None:
                    axis.plot(
                        [p.random_low, p.random_high],
                        [row, row],
                        color=CONTROL,
                        lw=5,
                        alpha=0.45,
                        solid_capstyle="butt",
                    )
                axis.plot([p.density], [row], "s", color=colour, ms=6.5, zorder=3)
            axis.axvline(1, color=INK, lw=1, zorder=1)
            high = max([1.2, *(max(p.density, p.random_high or 0) for p in m.parts)])
            axis.set_xlim(0, 1.08 * high)
            axis.set_ylim(count - 0.5, -0.5)
            axis.set_title(
                m.title + ("" if m.check.passed else "\nnot about the model"),
                fontsize=9.5,
                loc="left",
                color=INK if m.check.passed else MUTED,
            )
            axis.tick_params(axis="y", length=0, labelcolor=INK)
            axis.spines["left"].set_visible(False)
            axis.set_yticks([])
        first = made.methods[0]
        axes[0].set_yticks(range(len(first.parts)), [f"{p.channel} {p.part}" if many else p.part for p in first.parts])
        axes[0].set_xlabel("weight over share of time")
        said = "; ".join(f"{p.part} {figure(p.density, 2)}" for p in first.parts)
        return svg(fig, "parts", f"Weight of each part over its share of time, {first.title}: {said}.", mark)


def window(made: Explanation, k: int, mark: str = "") -> str:
    """One window: the signal before a ground coloured by the first method, and a strip for each other one."""
    shown = made.windows[k]
    channels, others = len(made.channels), made.methods[1:]
    heights = [2.2] * channels + [0.32] * len(others)
    with style():
        fig, axes = canvas(
            9.6, 0.75 + 1.35 * channels + 0.26 * len(others), rows=channels + len(others), heights=heights
        )
        seconds = shown.start_s + np.arange(shown.samples.shape[1]) / made.rate
        for c, axis in enumerate(axes[:channels]):
            if made.methods:
                _ground(axis, seconds, shown.values[made.methods[0].name][c], made, made.methods[0])
            axis.plot(seconds, shown.samples[c], color=INK, lw=1.1, zorder=3)
            _names(axis, shown.waves[c], shown.start_s, made.rate)
            axis.set_ylabel(made.channels[c].upper(), rotation=0, ha="right", va="center")
        for axis, m in zip(axes[channels:], others, strict=True):
            c = int(np.argmax([np.abs(shown.values[m.name][c]).sum() for c in range(channels)]))
            _ground(axis, seconds, shown.values[m.name][c], made, m)
            axis.set_ylabel(m.title, rotation=0, ha="right", va="center", fontsize=9)
        for axis in axes:
            axis.set_xlim(seconds[0], seconds[-1])
            axis.set_yticks([])
            axis.spines["left"].set_visible(False)
            axis.tick_params(labelbottom=axis is axes[-1])
        axes[-1].set_xlabel("seconds")
        unit = f" {made.unit}" if made.unit else ""
        alt = f"Window at {shown.start_s:g} s, answer {figure(shown.value)}{unit}, coloured by what each method says."
        return svg(fig, f"window-{k}", alt, mark)


def _ground(axis: Axes, seconds: Floats, values: Floats, made: Explanation, m: Method) -> None:
    """Colour behind the signal: darker where more weight is; for and against in two colours where there is a sign."""
    smooth = _smooth(values, made.rate, GROUND_S)
    everything = np.concatenate([np.abs(_smooth(w.values[m.name].ravel(), made.rate, GROUND_S)) for w in made.windows])
    top = float(np.quantile(everything, 0.995)) or 1.0
    level = np.clip(np.ceil(np.abs(smooth) / top * LEVELS - 0.5), 0, LEVELS).astype(int) * np.where(smooth < 0, -1, 1)
    edges = np.flatnonzero(np.diff(level, prepend=level[0] + 1, append=level[-1] + 1))
    step = 1 / made.rate
    for value in np.unique(level[level != 0]):
        spans = [(float(seconds[a]) - step / 2, (b - a) * step) for a, b in pairwise(edges) if level[a] == value]
        colour = MUTED if not m.check.passed else ALERT if value < 0 else MODEL
        axis.broken_barh(
            spans,
            (0, 1),
            transform=axis.get_xaxis_transform(),
            color=colour,
            alpha=0.7 * abs(value) / LEVELS,
            lw=0,
            zorder=1,
        )


def _names(axis: Axes, waves: Waves, start: float, rate: float) -> None:
    """The letters of the waves of an ECG above them, where they are short enough to stand there."""
    if "QRS" not in waves.names:
        return
    for part in ("P", "QRS", "T"):
        code = waves.names.index(part)
        inside = np.concatenate(([False], waves.part == code, [False]))
        edges = np.flatnonzero(np.diff(inside.astype(np.int8))).reshape(-1, 2)
        for a, b in edges:
            axis.annotate(
                part.strip("QS"), (start + (a + b) / 2 / rate, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 1),
                textcoords="offset points", ha="center", va="bottom", fontsize=7.5, color=MUTED,
            )  # fmt: skip
