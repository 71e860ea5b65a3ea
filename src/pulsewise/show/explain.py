"""An explanation as a page, and as JSON and CSV: the signal with what each method says of it, wave by wave."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from markupsafe import Markup

import pulsewise
from pulsewise.core.disk import write_atomic
from pulsewise.core.table import to_csv
from pulsewise.judge.explanation import Explanation
from pulsewise.judge.result import STAMPS
from pulsewise.show import attributions
from pulsewise.show.report import environment
from pulsewise.show.styles import stylesheet

NAMES = ("explanation.html", "explanation.json", "parts.csv", "beats.csv")
"""Files of an explanation."""


def write(made: Explanation, folder: Path) -> list[Path]:
    """Write the files of an explanation into a folder, each whole or not at all; raises `disk`."""
    parts = [{"method": m.name, "of_the_model": m.check.passed, **asdict(p)} for m in made.methods for p in m.parts]
    beats = list(made.beats())
    texts = (
        render(made),
        json.dumps(made.to_dict(), indent=1, sort_keys=True, allow_nan=False) + "\n",
        to_csv(parts, list(parts[0]) if parts else []),
        to_csv(beats, list(beats[0]) if beats else []),
    )
    return [write_atomic(folder / name, text) for name, text in zip(NAMES, texts, strict=True)]


def render(made: Explanation) -> str:
    """The page as text."""
    mark = " · ".join(STAMPS[stamp].partition(".")[0].lower() for stamp in made.stamps)
    drawn = {
        "beats": attributions.mean_beats(made, mark),
        "parts": attributions.parts(made, mark),
        **{f"window-{k}": attributions.window(made, k, mark) for k in range(len(made.windows))},
    }
    text: str = (
        environment()
        .get_template("explain.html")
        .render(
            made=made,
            pictures={name: Markup(svg) for name, svg in drawn.items()},  # noqa: S704  # our own SVG, its texts escaped by the writer
            stamps=[STAMPS[stamp] for stamp in made.stamps],
            css=Markup(stylesheet()),  # noqa: S704  # our own file
            version=pulsewise.__version__,
        )
    )
    return text
