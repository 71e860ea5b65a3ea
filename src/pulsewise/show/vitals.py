"""One picture of what was measured: heart rate with its interval, breathing, rhythm, and quality second by second."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import UsageError

SUFFIXES = (".png", ".svg", ".pdf")
_INK, _MUTED, _HEART, _BREATH, _AF = "#1c2430", "#6b7684", "#c2304a", "#2b7fb8", "#8a3ffc"
_WORDS = {
    "sinus": ("#9db4c0", "sinus"),
    "af": (_AF, "AF"),
    "ectopy": ("#e8a33d", "ectopy"),
    "other": ("#4c7a4c", "other"),
}


def draw(measured: Mapping[str, Any], path: Path, *, title: str = "") -> Path:
    """Draw one recording (as `Measured.to_dict` gives it) into a file; `usage` for an ending that is none of these.

    Parameters
    ----------
    path : Path
        .png, .svg or .pdf.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError("usage", f"pictures end in {', '.join(SUFFIXES)}, not {path.suffix!r}", where="--plot")
    figure = Figure(figsize=(10, 5.6), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    heart, breath, rhythm, quality = figure.subplots(4, 1, sharex=True, gridspec_kw={"height_ratios": [6, 3, 0.7, 1.4]})
    scale, unit = _time_scale(float(measured["recording"]["duration_s"]))
    _beats(heart, measured, scale)
    _rate(heart, measured, "heart_rate", scale, _HEART)
    _rate(breath, measured, "respiratory_rate", scale, _BREATH)
    heart.set_ylabel("heart rate, bpm")
    breath.set_ylabel("breaths/min")
    _rhythm(rhythm, measured, scale)
    _quality(quality, measured, scale)
    quality.set_xlabel(f"time, {unit}")
    quality.set_xlim(0, float(measured["recording"]["duration_s"]) / scale)
    for axis in (heart, breath, rhythm, quality):
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(colors=_MUTED, labelcolor=_INK)
    figure.suptitle(title or _title(measured), x=0.01, ha="left", color=_INK, fontsize=11)
    figure.text(0.99, 0.975, "Estimated, not measured. Research use.", ha="right", va="top", fontsize=8, color=_MUTED)
    return write_atomic(path, lambda part: figure.savefig(part, format=path.suffix[1:].lower()))


def _time_scale(seconds: float) -> tuple[float, str]:
    return (1.0, "s") if seconds < 300 else (60.0, "min") if seconds < 3 * 3600 else (3600.0, "h")


def _title(measured: Mapping[str, Any]) -> str:
    said, recording = measured["summary"], measured["recording"]
    rate = said["heart_rate"]
    text = "no heart rate: " + ", ".join(rate["abstained"]) if "abstained" in rate else f"{rate['value']:.0f} bpm"
    synthetic = ", simulated person" if recording.get("synthetic") else ""
    return f"{recording['kind'].upper()}, {text}, quality {said['quality']:.2f}{synthetic}"


def _spans(measured: Mapping[str, Any], scale: float) -> NDArray[np.float64]:
    return np.array([[w["start_s"], w["end_s"]] for w in measured["windows"]], dtype=float).reshape(-1, 2) / scale


def _beats(axis: Axes, measured: Mapping[str, Any], scale: float) -> None:
    """The rate of each interval as a dot, where the drawing is not longer than it can show."""
    time = np.array(measured["beats"]["time_s"][1:], dtype=float)
    interval = np.array([np.nan if s is None else s for s in measured["beats"]["interval_s"]], dtype=float)
    if len(time):
        step = max(len(time) // 20000, 1)
        axis.plot(time[::step] / scale, 60 / interval[::step], ".", ms=2, color=_MUTED, alpha=0.5, zorder=1)


def _rate(axis: Axes, measured: Mapping[str, Any], name: str, scale: float, colour: str) -> None:
    spans = _spans(measured, scale)
    said = [w[name] for w in measured["windows"]]
    value, low, high = (
        np.array([v.get(part, np.nan) if v.get(part) is not None else np.nan for v in said], dtype=float)
        for part in ("value", "low", "high")
    )
    if not np.isfinite(value).any():
        axis.text(0.5, 0.5, "no value", transform=axis.transAxes, ha="center", va="center", color=_MUTED)
        axis.set_yticks([])
        return
    for (a, b), v, bottom, top in zip(spans, value, low, high, strict=True):
        if np.isfinite(v):
            axis.fill_between([a, b], bottom, top, color=colour, alpha=0.2, lw=0)
            axis.plot([a, b], [v, v], color=colour, lw=2, solid_capstyle="butt")
        else:
            axis.axvspan(a, b, color="#eceff1", lw=0, zorder=0)
    bottom, top = float(np.nanmin(low)), float(np.nanmax(high))
    pad = max(0.15 * (top - bottom), 4.0)
    axis.set_ylim(bottom - pad, top + pad)


def _rhythm(axis: Axes, measured: Mapping[str, Any], scale: float) -> None:
    shown = {}
    for (a, b), window in zip(_spans(measured, scale), measured["windows"], strict=True):
        colour, word = _WORDS.get(str(window["rhythm"].get("value")), ("#eceff1", "cannot say"))
        axis.axvspan(a, b, color=colour, lw=0)
        shown[word] = colour
    axis.set_yticks([])
    axis.set_ylabel("rhythm", rotation=0, ha="right", va="center")
    handles = [axis.plot([], [], "s", color=colour, label=word)[0] for word, colour in shown.items()]
    if handles:
        axis.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)


def _quality(axis: Axes, measured: Mapping[str, Any], scale: float) -> None:
    score = np.array(measured["seconds"]["quality"], dtype=float)
    if len(score):
        image = score[None, :]
        axis.imshow(image, aspect="auto", extent=(0, len(score) / scale, 0, 1), cmap="cividis", vmin=0, vmax=1)
    axis.set_yticks([])
    axis.set_ylabel("quality", rotation=0, ha="right", va="center")
