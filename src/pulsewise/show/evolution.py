"""One page for the evolution of a model: what it means, a picture, the figures, and each figure as a line of CSV."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

import pulsewise
from pulsewise.core.disk import write_atomic, write_json
from pulsewise.core.table import to_csv
from pulsewise.judge.evolution import Evolution, Part
from pulsewise.judge.evolved import Line
from pulsewise.judge.number import Number
from pulsewise.judge.result import STAMPS
from pulsewise.show.ink import BAND, CONTROL, INK, LINE, MODEL, MUTED, PAPER, alone, canvas, style, svg
from pulsewise.show.report import environment
from pulsewise.show.styles import colours, stylesheet
from pulsewise.show.words import figure, interval

NAMES: dict[str, str] = {
    "mae": "mean absolute error",
    "r": "correlation r",
    "auroc": "area under the ROC curve",
    "sensitivity": "sensitivity",
}
OF_YES_NO = {"mae": "balanced error"}
"""What the figures are called; of yes and no the mean absolute error is another thing."""

COLOURS = {"version": MODEL, "nothing": CONTROL, "reading": MUTED, "oracle": MUTED}

GROUPS = {
    "version": "Versions",
    "nothing": "Know nothing of the person’s values",
    "reading": "Need an earlier reading of the person",
    "oracle": "Oracles: know the answers, for orientation",
}
"""Headings of the table and the picture."""

COLUMNS = ("quantity", "unit", "line", "kind", "model", "figure", "value", "low", "high", "n", "people", "reason")

WIDTH, LEFT, ROW = 9.4, 2.35, 0.4
"""Inches: of the picture, of the names on its left, and of one line."""


def write(made: Evolution, folder: Path, *, overwrite: bool = True) -> dict[str, Path]:
    """The page, a picture per quantity, JSON and CSV, into a folder; raises `disk` and `output_exists`.

    Returns
    -------
    dict of Path
        `page`, `json`, `csv` and one `picture-<quantity>` each.
    """
    files = files_of(made, folder)
    pictures = {part.quantity: draw(part, mark(made)) for part in made.parts}
    for part in made.parts:
        text = alone(pictures[part.quantity], colours())
        write_atomic(files[f"picture-{part.quantity}"], text, overwrite=overwrite)
    write_json(files["json"], made.to_dict(), overwrite=overwrite)
    write_atomic(files["csv"], to_csv(list(csv_lines(made)), COLUMNS), overwrite=overwrite)
    write_atomic(files["page"], render(made, pictures), overwrite=overwrite)
    return files


def files_of(made: Evolution, folder: Path) -> dict[str, Path]:
    """Where `write` puts what it makes."""
    pictures = {f"picture-{part.quantity}": folder / f"evolution-{part.quantity}.svg" for part in made.parts}
    names = {"page": "evolution.html", "json": "evolution.json", "csv": "evolution.csv"}
    return {**{key: folder / name for key, name in names.items()}, **pictures}


def picture(made: Evolution, quantity: str) -> str:
    """The picture of one quantity as an SVG file of its own, for a notebook or a paper."""
    part = next(part for part in made.parts if part.quantity == quantity)
    return alone(draw(part, mark(made)), colours())


def mark(made: Evolution) -> str:
    """What is written on every picture."""
    return " · ".join(STAMPS[stamp].partition(".")[0].lower() for stamp in made.stamps)


def render(made: Evolution, pictures: dict[str, str]) -> str:
    """The page as text."""
    text: str = (
        environment()
        .get_template("evolution.html")
        .render(
            made=made,
            pictures={q: Markup(p) for q, p in pictures.items()},  # noqa: S704  # our own SVG, its texts escaped by the writer
            tables={part.quantity: list(table(part)) for part in made.parts},
            name=name_of,
            level=f"{100 * made.level:g}",
            apart=not {"leaky-random", "by-day", "by-time"} & set(made.stamps),
            stamps=[STAMPS[stamp] for stamp in made.stamps],
            css=Markup(stylesheet()),  # noqa: S704  # our own file
            version=pulsewise.__version__,
        )
    )
    return text


def name_of(part: Part, which: str) -> str:
    """What a figure is called, for a number or for yes and no."""
    words = {**NAMES, **OF_YES_NO} if "auroc" in part.lines[0].numbers else NAMES
    return words.get(which, which)


def table(part: Part) -> Iterator[tuple[str, list[Line]]]:
    """Lines under their headings, in the order of the picture."""
    for kind, heading in GROUPS.items():
        mine = [line for line in part.lines if line.kind == kind]
        if mine:
            yield heading, mine


def csv_lines(made: Evolution) -> Iterator[dict[str, Any]]:
    """Every figure as one line."""
    for part in made.parts:
        for line in part.lines:
            changes = {"less_version_before": line.before, "less_first_version": line.first, "less_best": line.best}
            head = {"quantity": part.quantity, "unit": part.unit, "line": line.name, "kind": line.kind}
            for name, number in {**line.numbers, **{f"{part.main}_{k}": v for k, v in changes.items()}}.items():
                if number.reason == "not_applicable":
                    continue
                values = {key: getattr(number, key) for key in ("value", "low", "high", "n", "people", "reason")}
                yield {**head, "model": line.model, "figure": name, **values}


def draw(part: Part, stamp: str = "") -> str:
    """Versions in their order, then the predictors without skill: a figure, its change, and a second figure."""
    places, labels, at = [], [], 0.0
    for heading, lines in table(part):
        labels.append((at, heading))
        for k, line in enumerate(lines, start=1):
            places.append((at + k, line))
        at += len(lines) + 1.25
    with style():
        fig, axes = canvas(WIDTH, ROW * at + 1.02, columns=3, margins=(LEFT, 0.34, 0.12, 0.66))
        fig.subplots_adjust(wspace=0.16)
        unit = f", {part.unit}" if part.unit else ""
        names = (name_of(part, part.main) + unit, "change from the version before" + unit, name_of(part, part.second))
        for panel, (axis, name) in enumerate(zip(axes, names, strict=True)):
            shown = [(y, line, _number(part, line, panel)) for y, line in places]
            path = [(y, n.value) for y, line, n in shown if line.kind == "version" and n.value is not None]
            if panel != 1:
                axis.plot([x for _, x in path], [y for y, _ in path], color=MODEL, lw=0.9, alpha=0.45, zorder=1)
            for y, line, number in shown:
                _dot(axis, y, number, line, _says(number, part.second if panel == 2 else part.main))
            axis.set_ylim(at - 0.6, -0.3)
            axis.set_yticks([])
            axis.spines["left"].set_visible(False)
            axis.margins(x=0.16)
            axis.set_title(textwrap.fill(name, 24), loc="left", fontsize=10, color=INK, pad=7)
        _shade(axes[0], _best(part), part.down)
        _shade(axes[1], 0.0, part.down)
        if part.second == "r":
            axes[2].axvline(0, color=LINE, lw=1.1, zorder=1)
        _names(axes[0], places, labels)
        said = "; ".join(
            f"{x.name}: {figure(x.numbers[part.main].value)} ({interval(x.numbers[part.main])})" for x in part.versions
        )
        said = f"{part.title}, {name_of(part, part.main)} of {part.people} people. {said}."
        return svg(fig, f"evolution-{part.quantity}", said, stamp)


def _number(part: Part, line: Line, panel: int) -> Number:
    """The figure of a line in the first, second or third panel."""
    return (line.numbers[part.main], line.before, line.numbers[part.second])[panel]


def _says(number: Number, which: str) -> str:
    """A figure as it stands over its point: correlations and areas with two places."""
    if number.value is None:
        return ""
    if which in ("r", "auroc"):
        return f"{number.value:.2f}".replace("-", "−")
    return figure(number.value)


def _dot(axis: Axes, y: float, number: Number, line: Line, says: str) -> None:
    """A figure with its interval and, above it, its value."""
    if number.value is None:
        return
    colour, version = COLOURS[line.kind], line.kind == "version"
    if number.low is not None and number.high is not None:
        axis.plot([number.low, number.high], [y, y], color=colour, lw=2.6 if version else 1.5, solid_capstyle="butt")
    face = PAPER if line.kind in ("reading", "oracle") else colour
    axis.plot([number.value], [y], "o", color=colour, ms=7 if version else 5, mfc=face, mew=1.3, zorder=3)
    axis.annotate(
        says, (number.value, y), (0, 5.5), textcoords="offset points", ha="center", va="bottom",
        fontsize=9 if version else 8, color=INK if version else MUTED,
    )  # fmt: skip


def _best(part: Part) -> float | None:
    for line in part.lines:
        if line.kind == "nothing" and line.name == part.against:
            return line.numbers[part.main].value
    return None


def _shade(axis: Axes, border: float | None, down: bool) -> None:
    """The side on which nothing is won, and its border."""
    low, high = axis.get_xlim()
    if border is None:
        return
    low, high = min(low, border - 0.08 * (high - low)), max(high, border + 0.08 * (high - low))
    axis.axvspan(border if down else low, high if down else border, color=BAND, lw=0, zorder=0)
    axis.axvline(border, color=LINE, lw=1.1, zorder=1)
    axis.set_xlim(low, high)


def _names(axis: Axes, places: Sequence[tuple[float, Line]], labels: Sequence[tuple[float, str]]) -> None:
    """Names left of the first panel; what the groups are, above them."""
    for y, line in places:
        name = textwrap.shorten(line.name, 34, placeholder="…")
        axis.annotate(
            name, (0, y), (-10, 0), xycoords=("axes fraction", "data"), textcoords="offset points", ha="right",
            va="center", fontsize=10, color=INK if line.kind == "version" else MUTED,
            weight="bold" if line.kind == "version" else "normal",
        )  # fmt: skip
    for y, text in labels:
        axis.annotate(
            text.partition(":")[0], (0, y), (-10, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            ha="right", va="center", fontsize=8.5, color=MUTED,
        )  # fmt: skip
