"""The pictures of the report, one function each: figures in, an `<svg>` element out (`pulsewise.show.ink`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from pulsewise.judge.result import Example, Number, QuantityResult, Template, Training
from pulsewise.show.ink import (
    ALERT,
    BAND,
    CONTROL,
    DENSE,
    INK,
    LINE,
    MARGINS,
    MODEL,
    MUTED,
    PAPER,
    RASTER,
    canvas,
    style,
    svg,
)
from pulsewise.show.words import figure, percent, percent_interval

Floats = NDArray[np.float64]

WIDTH = 5.0
"""Inches; a picture is read at its own size on a telephone and enlarged on a desk."""


def skill(part: QuantityResult, name: str, mark: str = "") -> str:
    """Forest plot: skill of the model against each no-skill predictor, with intervals over people."""
    shown = [c for c in part.controls if c.skill.value is not None]
    with style():
        fig, (axis,) = canvas(WIDTH, 0.75 + 0.42 * max(len(shown), 1))
        ends = [e for c in shown for e in (c.skill.value, c.skill.low, c.skill.high) if e is not None]
        low, high = max(min([0.0, *ends]), -1.0), min(max([0.0, *ends]), 1.0)
        pad = 0.08 * max(high - low, 0.2)
        for row, control in enumerate(shown):
            colour = MODEL if control.decisive else CONTROL
            value = float(control.skill.value or 0.0)
            if value < low:  # too far to the left to be drawn: the edge says how far
                axis.annotate(f"◂ {percent(value, 0)}", (low - pad / 2, row), color=colour, va="center", fontsize=9.5)
                continue
            if control.skill.low is not None and control.skill.high is not None:
                axis.plot([control.skill.low, control.skill.high], [row, row], color=colour, lw=2.2, zorder=2)
            axis.plot([value], [row], "s" if control.decisive else "D", color=colour, ms=6, zorder=3)
        axis.axvspan(low - pad, 0, color=BAND, zorder=0, lw=0)
        axis.axvline(0, color=INK, lw=1, zorder=1)
        axis.set_xlim(low - pad, high + pad)
        axis.set_ylim(len(shown) - 0.4, -0.6)
        axis.set_yticks(range(len(shown)), [_short(c.title) for c in shown])
        axis.tick_params(axis="y", length=0, labelcolor=INK)
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: percent(x, 0)))
        axis.set_xlabel("skill of the model")
        axis.spines["left"].set_visible(False)
        said = "; ".join(f"against {c.title} {percent(c.skill.value)} ({percent_interval(c.skill)})" for c in shown)
        return svg(fig, name, f"Skill of the model: {said or 'no predictor to compare with'}.", mark)


def scatter(part: QuantityResult, reference: Floats, estimate: Floats, name: str, mark: str = "") -> str:
    """Estimate against reference with the line of identity and the fitted line (regression to the mean)."""
    with style():
        fig, (axis,) = canvas(WIDTH, 4.3, margins=MARGINS)
        low, high = _range(np.concatenate([reference, estimate]))
        axis.plot([low, high], [low, high], color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
        points(axis, reference, estimate)
        slope = part.agreement.slope_reference
        if slope.value is not None:
            x = np.array([reference.min(), reference.max()])
            axis.plot(x, estimate.mean() + slope.value * (x - reference.mean()), color=ALERT, lw=2, zorder=4)
        axis.set_xlim(low, high)
        axis.set_ylim(low, high)
        axis.set_aspect("equal")
        axis.set_xlabel(f"reference {part.title}, {part.unit}")
        axis.set_ylabel(f"estimate, {part.unit}")
        alt = (
            f"Estimate against reference for {len(reference)} readings; slope of the fitted line {figure(slope.value)}"
        )
        return svg(fig, name, f"{alt}, where 1 follows the reference and 0 is a constant.", mark)


def reliability(part: QuantityResult, name: str, mark: str = "") -> str:
    """Predicted probability against what came true, and net benefit beside acting on everybody or nobody."""
    found = part.detection
    if found is None:
        return ""
    with style():
        fig, (left, right) = canvas(1.6 * WIDTH, 3.6, columns=2)
        left.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
        predicted, observed = [row[0] for row in found.reliability], [row[1] for row in found.reliability]
        left.plot(predicted, observed, "o-", color=MODEL, lw=1.6, ms=5, zorder=3)
        left.set_xlim(-0.02, 1.02)
        left.set_ylim(-0.02, 1.02)
        left.set_xlabel("predicted probability")
        left.set_ylabel("share that came true")
        border, model, everybody = zip(*found.benefit, strict=True)
        right.plot(border, model, color=MODEL, lw=2.2, label="model")
        right.plot(border, everybody, color=CONTROL, lw=1.6, label="act on everybody")
        right.axhline(0, color=INK, lw=1, label="act on nobody")
        right.set_ylim(
            min(-0.05, min(model)) if min(model) > -0.3 else -0.3, max(0.05, 1.1 * max(*model, everybody[0]))
        )
        right.set_xlabel("probability from which one acts")
        right.set_ylabel("net benefit")
        right.legend(frameon=False)
        alt = f"Reliability in {len(predicted)} bins and decision curve of the model for {part.title}."
        return svg(fig, name, alt, mark)


def bland_altman(part: QuantityResult, reference: Floats, estimate: Floats, name: str, mark: str = "") -> str:
    """Error against the mean of both, with bias, limits of agreement and their intervals."""
    lines = {"bias": part.agreement.bias, "lower": part.agreement.lower, "upper": part.agreement.upper}
    with style():
        fig, (axis,) = canvas(WIDTH, 3.6, margins=MARGINS)
        mean, error = (reference + estimate) / 2, estimate - reference
        low, high = _range(mean)
        axis.axhline(0, color=LINE, lw=1, zorder=0)
        for key, number in lines.items():
            _level(axis, number, dashed=key != "bias")
        points(axis, mean, error)
        ends = [e for n in lines.values() for e in (n.low, n.high) if e is not None]
        bottom, top = _range(np.concatenate([error, np.array(ends, dtype=np.float64)]))
        axis.set_xlim(low, high)
        axis.set_ylim(bottom, top)
        axis.set_xlabel(f"mean of reference and estimate, {part.unit}")
        axis.set_ylabel(f"estimate − reference, {part.unit}")
        said = ", ".join(f"{key} {figure(n.value)}" for key, n in lines.items())
        return svg(fig, name, f"Bland-Altman plot of {len(error)} readings, {part.unit}: {said}.", mark)


def _level(axis: Axes, number: Number, *, dashed: bool) -> None:
    if number.value is None:
        return
    colour = ALERT if dashed else MODEL
    if number.low is not None and number.high is not None:
        axis.axhspan(number.low, number.high, color=BAND, lw=0, zorder=0)
    axis.axhline(number.value, color=colour, lw=1.4, ls=(0, (5, 3)) if dashed else "-", zorder=3)
    axis.annotate(
        figure(number.value),
        (1, number.value),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        color=colour,
        fontsize=9,
        zorder=5,
    )


def people(part: QuantityResult, name: str, mark: str = "") -> str:
    """A strip with each person's mean absolute error beside that of the best no-skill predictor."""
    ranked = sorted(part.persons, key=lambda p: p.mae)
    with style():
        fig, (axis,) = canvas(WIDTH, 2.7, margins=MARGINS)
        x = np.arange(1, len(ranked) + 1)
        size = 6 if len(ranked) <= 60 else 4 if len(ranked) <= 200 else 2.5
        beside = np.array([np.nan if p.best_control_mae is None else p.best_control_mae for p in ranked])
        mine = np.array([p.mae for p in ranked])
        if len(ranked) <= 200:
            axis.vlines(x, np.fmin(mine, beside), np.fmax(mine, beside), color=LINE, lw=1, zorder=1)
        axis.plot(x, beside, "D", color=CONTROL, ms=size - 1.5, label="best no-skill predictor", zorder=2)
        axis.plot(x, mine, "o", color=MODEL, ms=size, label="model", zorder=3)
        axis.set_xlim(0.3, len(ranked) + 0.7)
        axis.set_ylim(bottom=0)
        axis.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axis.set_xlabel("people, from the smallest error of the model to the largest")
        axis.set_ylabel(f"MAE, {part.unit}" if part.unit else "share wrong")
        axis.legend(frameon=False, loc="upper left", fontsize=9, labelcolor=MUTED)
        better = sum(p.best_control_mae is not None and p.mae < p.best_control_mae for p in ranked)
        alt = f"Mean absolute error of each of {len(ranked)} people; the model is the better one for {better}."
        return svg(fig, name, alt, mark)


def risk(part: QuantityResult, name: str, mark: str = "") -> str:
    """Risk-coverage: the error over the windows of best quality, as more of them are answered."""
    share, mae = (np.array(v) for v in zip(*part.abstention.curve, strict=True))
    with style():
        fig, (axis,) = canvas(WIDTH, 2.7, margins=MARGINS)
        axis.plot(100 * share, mae, color=MODEL, lw=2)
        axis.plot(100 * share, mae, "o", color=MODEL, ms=3.5)
        answered = part.abstention.accepted / max(part.abstention.windows, 1)
        if answered < 1:
            axis.axvline(100 * answered, color=ALERT, lw=1.2, ls=(0, (5, 3)))
        axis.set_xlim(0, 102)
        axis.set_ylim(0, float(mae.max()) * 1.15)
        axis.set_xlabel("windows answered, best quality first, %")
        axis.set_ylabel(f"MAE, {part.unit}" if part.unit else "share wrong")
        alt = f"Error by share of windows answered: {figure(float(mae[0]))} at {share[0]:.0%}, "
        return svg(fig, name, f"{alt}{figure(float(mae[-1]))} {part.unit} at all.", mark)


def examples(part: QuantityResult, shown: Sequence[Example], name: str, mark: str = "") -> str:
    """Windows drawn one below the other, each with its reference, estimate and quality."""
    with style():
        fig, axes = canvas(WIDTH, 0.62 * len(shown) + 0.3, rows=len(shown))
        for axis, example in zip(axes, shown, strict=True):
            samples = np.array(example.samples)
            seconds = np.arange(len(samples)) * example.seconds / max(len(samples), 1)
            axis.plot(seconds, samples, color=MODEL, lw=1)
            axis.set_xlim(0, example.seconds)
            axis.set_axis_off()
            quality = "" if example.quality is None else f" · quality {example.quality:.2f}"
            axis.set_title(
                f"{example.person} · row {example.row} · reference {figure(example.reference)}, "
                f"estimate {figure(example.estimate)}{quality}",
                loc="left",
                fontsize=8.5,
                color=INK,
                pad=1,
            )
        said = "; ".join(f"reference {figure(e.reference)}, estimate {figure(e.estimate)}" for e in shown)
        return svg(fig, name, f"{len(shown)} windows drawn ({part.unit}): {said}.", mark)


def training(runs: Sequence[Training], name: str, mark: str = "") -> str:
    """Training loss and validation figure by epoch, one pair of lines per fold."""
    with style():
        fig, axes = canvas(WIDTH, 2.5, columns=2)
        for run in runs:
            alone = len(runs) == 1
            axes[0].plot(run.epochs, run.loss, color=CONTROL, lw=1.8, alpha=1 if alone else 0.6)
            axes[1].plot(run.epochs, run.validation, color=MODEL, lw=1.8, alpha=1 if alone else 0.6)
            if run.best_epoch in run.epochs and run.validation:
                best = run.validation[run.epochs.index(run.best_epoch)]
                axes[1].plot([run.best_epoch], [best], "o", color=MODEL, ms=6, mec=PAPER)
        for axis, title in zip(axes, ("training loss", runs[0].measure or "validation"), strict=True):
            axis.set_title(title, fontsize=9.5, color=MUTED, loc="left")
            axis.set_xlabel("epoch")
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        return svg(fig, name, f"Training loss and {runs[0].measure or 'validation figure'} by epoch.", mark)


def template(shown: Template, name: str, mark: str = "") -> str:
    """The mean window with one SD on either side."""
    mean, sd = np.array(shown.mean), np.array(shown.sd)
    seconds = np.linspace(0, shown.seconds, len(mean))
    with style():
        fig, (axis,) = canvas(WIDTH, 2.5, margins=MARGINS)
        axis.fill_between(seconds, mean - sd, mean + sd, color=BAND, lw=0)
        axis.plot(seconds, mean, color=MODEL, lw=2)
        axis.set_xlim(0, shown.seconds)
        axis.set_xlabel("seconds")
        return svg(fig, name, "The mean test window and one standard deviation around it.", mark)


def points(axis: Axes, x: Floats, y: Floats) -> None:
    """Readings as dots; many of them as an image."""
    if len(x) > DENSE:
        axis.plot(x, y, ".", color=RASTER, alpha=0.25, ms=4, mew=0, rasterized=True, zorder=2)
    else:
        axis.plot(x, y, "o", color=MODEL, alpha=0.55, ms=4.5 if len(x) < 400 else 3, mew=0, zorder=2)


def _range(values: Floats) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    apart = high - low > 1e-9 * max(abs(low), abs(high), 1.0)  # what is left of equal values by rounding is no range
    pad = 0.05 * (high - low) if apart else 1.0
    return low - pad, high + pad


def _short(title: str) -> str:
    return title.removeprefix("the ").replace("person's ", "").replace(" carried forward", "")
