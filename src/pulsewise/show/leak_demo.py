"""One page for the leak demo: what it means, a picture, the figures, and what the audit says of each split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

import pulsewise
from pulsewise.core.disk import write_atomic
from pulsewise.judge.leak_demo import LeakDemo, Line
from pulsewise.judge.result import STAMPS
from pulsewise.show.ink import ALERT, BAND, INK, MODEL, canvas, style, svg
from pulsewise.show.report import environment
from pulsewise.show.styles import stylesheet
from pulsewise.show.words import percent, percent_interval


def page(made: LeakDemo, out: Path, *, overwrite: bool = True) -> Path:
    """Write the page as one self-contained HTML file; raises `disk` and `output_exists`."""
    return write_atomic(out, render(made), overwrite=overwrite)


def render(made: LeakDemo) -> str:
    """The page as text."""
    mark = " · ".join(STAMPS[stamp].partition(".")[0].lower() for stamp in made.stamps)
    quantities = list(dict.fromkeys(line.quantity for line in made.lines))
    parts = {q: [line for line in made.lines if line.quantity == q] for q in quantities}
    pictures = {q: Markup(picture(lines, f"leak-{q}", mark)) for q, lines in parts.items()}  # noqa: S704  # our own SVG, its texts escaped by the writer
    text: str = (
        environment()
        .get_template("leak_demo.html")
        .render(
            made=made,
            parts=parts,
            pictures=pictures,
            stamps=[STAMPS[stamp] for stamp in made.stamps],
            css=Markup(stylesheet()),  # noqa: S704  # our own file
            version=pulsewise.__version__,
        )
    )
    return text


def picture(lines: Sequence[Line], name: str, mark: str = "") -> str:
    """Correlation and skill of each split side by side, with intervals over people; leaking splits in alarm colour."""
    with style():
        fig, axes = canvas(6.4, 1.2 + 0.5 * len(lines), columns=2)
        for axis, field, label in zip(axes, ("r", "skill"), ("correlation r", "skill"), strict=True):
            for row, line in enumerate(lines):
                number = getattr(line, field)
                colour = MODEL if line.split == "by-person" else ALERT
                if number.low is not None and number.high is not None:
                    axis.plot([max(number.low, -1), number.high], [row, row], color=colour, lw=2.2)
                if number.value is not None:
                    axis.plot([max(number.value, -1)], [row], "s", color=colour, ms=6)
            low, high = axis.get_xlim()
            axis.set_xlim(min(low, -0.1), max(high, 0.1))
            axis.axvspan(min(low, -0.1), 0, color=BAND, lw=0, zorder=0)
            axis.axvline(0, color=INK, lw=1, zorder=1)
            axis.set_ylim(len(lines) - 0.5, -0.5)
            axis.set_xlabel(label)
            axis.tick_params(axis="y", length=0, labelcolor=INK)
            axis.spines["left"].set_visible(False)
        axes[0].set_yticks(range(len(lines)), [f"{line.split}\n{line.tested}" for line in lines])
        axes[1].set_yticks([])
        said = "; ".join(f"{x.split}: skill {percent(x.skill.value)} ({percent_interval(x.skill)})" for x in lines)
        return svg(fig, name, f"The same model under each split. {said}.", mark)
