"""What features are needed, as a page with a picture for each quantity, as JSON and as CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

import pulsewise
from pulsewise.core.disk import write_atomic
from pulsewise.core.table import to_csv
from pulsewise.judge.importance import Importance
from pulsewise.judge.result import STAMPS
from pulsewise.show.ink import BAND, CONTROL, INK, MODEL, MUTED, canvas, style, svg
from pulsewise.show.report import environment
from pulsewise.show.styles import stylesheet
from pulsewise.show.words import figure

NAMES = ("features.html", "features.json", "features.csv")
"""Files of a permutation importance."""
MOST = 15
"""Groups that are drawn."""


def write(found: Sequence[Importance], folder: Path, name: str, *, synthetic: bool) -> list[Path]:
    """Write the files into a folder, each whole or not at all; raises `disk`."""
    rows = [
        {
            "quantity": made.quantity, "unit": made.unit, "features": list(g.features), "growth": g.growth.value,
            "low": g.growth.low, "high": g.growth.high, "share_of_all": g.share, "people": made.people,
        }
        for made in found
        for g in made.groups
    ]  # fmt: skip
    whole = {"schema_version": 1, "run": name, "synthetic": synthetic, "quantities": [m.to_dict() for m in found]}
    texts = (
        render(found, name, synthetic=synthetic),
        json.dumps(whole, indent=1, sort_keys=True, allow_nan=False) + "\n",
        to_csv(rows, list(rows[0]) if rows else []),
    )
    return [write_atomic(folder / file, text) for file, text in zip(NAMES, texts, strict=True)]


def render(found: Sequence[Importance], name: str, *, synthetic: bool) -> str:
    """The page as text."""
    stamps = [STAMPS["synthetic"]] if synthetic else []
    mark = "simulated people" if synthetic else ""
    text: str = (
        environment()
        .get_template("importance.html")
        .render(
            found=found,
            name=name,
            pictures={m.quantity: Markup(picture(m, mark)) for m in found},  # noqa: S704  # our own SVG, its texts escaped by the writer
            stamps=stamps,
            css=Markup(stylesheet()),  # noqa: S704  # our own file
            version=pulsewise.__version__,
        )
    )
    return text


def picture(made: Importance, mark: str = "") -> str:
    """What the error grows by without each group of features, with intervals over people; below, without everything."""
    shown = made.groups[:MOST]
    with style():
        fig, (axis,) = canvas(6.4, 0.9 + 0.33 * (len(shown) + 1))
        for row, (growth, colour) in enumerate(
            [*((g.growth, MODEL if g.matters else MUTED) for g in shown), (made.chance, CONTROL)]
        ):
            if growth.low is not None and growth.high is not None:
                axis.plot([growth.low, growth.high], [row, row], color=colour, lw=2.2)
            axis.plot([growth.value or 0.0], [row], "s" if colour != CONTROL else "D", color=colour, ms=6)
        low = axis.get_xlim()[0]
        axis.axvspan(min(low, 0), 0, color=BAND, lw=0, zorder=0)
        axis.axvline(0, color=INK, lw=1, zorder=1)
        more = [f" + {len(g.features) - 2}" if len(g.features) > 2 else "" for g in shown]
        names = [", ".join(g.features[:2]) + text for g, text in zip(shown, more, strict=True)]
        axis.set_yticks(range(len(shown) + 1), [*names, "all features"])
        axis.set_ylim(len(shown) + 0.5, -0.5)
        axis.tick_params(axis="y", length=0, labelcolor=INK)
        axis.spines["left"].set_visible(False)
        axis.set_xlabel(f"mean absolute error grows by, {made.unit or 'probability'}")
        said = "; ".join(f"{n} {figure(g.growth.value, 2)}" for n, g in zip(names[:5], shown, strict=False))
        return svg(fig, f"importance-{made.quantity}", f"What the error grows by without: {said}.", mark)
