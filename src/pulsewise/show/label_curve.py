"""A labelling curve as a picture and as lines of CSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pulsewise.core.disk import write_atomic, write_json
from pulsewise.core.table import to_csv
from pulsewise.judge.result import STAMPS
from pulsewise.learn.label_curve import Curve
from pulsewise.show.ink import ALERT, CONTROL, INK, LINE, MODEL, MUTED, alone, canvas, style, svg
from pulsewise.show.styles import colours

LOOKS: dict[str, tuple[str, str]] = {
    "uncertainty": (MODEL, "-"),
    "diversity": (CONTROL, "-"),
    "both": (ALERT, "-"),
    "random": (INK, (0, (4, 2))),  # type: ignore[dict-item]  # matplotlib's own way to say a dashed line
}
COLUMNS = ("way", "labels", "measure", "unit", "error", "low", "high", "less_random", "less_low", "less_high")


def write(made: Curve, folder: Path, *, overwrite: bool = True) -> dict[str, Path]:
    """The picture, JSON and CSV, into a folder; raises `disk` and `output_exists`."""
    files = files_of(folder)
    write_json(files["json"], made.to_dict(), overwrite=overwrite)
    write_atomic(files["csv"], to_csv(list(csv_lines(made)), COLUMNS), overwrite=overwrite)
    write_atomic(files["picture"], alone(draw(made), colours()), overwrite=overwrite)
    return files


def files_of(folder: Path) -> dict[str, Path]:
    """Where `write` puts what it makes."""
    names = {"picture": "label-curve.svg", "json": "label-curve.json", "csv": "label-curve.csv"}
    return {key: folder / name for key, name in names.items()}


def csv_lines(made: Curve) -> Iterator[dict[str, Any]]:
    """One line per way and number of labels."""
    for way, spreads in made.error.items():
        for k, (labels, s) in enumerate(zip(made.labels, spreads, strict=True)):
            line: dict[str, Any] = {"way": way, "labels": labels, "measure": made.measure, "unit": made.unit}
            line |= {"error": s.value, "low": s.low, "high": s.high}
            if way in made.difference:
                d = made.difference[way][k]
                line |= {"less_random": d.value, "less_low": d.low, "less_high": d.high}
            yield line


def draw(made: Curve) -> str:
    """Error against labels for each way, and each way's difference from random choice."""
    mark = STAMPS["synthetic"].partition(".")[0].lower() if made.synthetic else ""
    unit = f", {made.unit}" if made.unit else ""
    with style():
        fig, axes = canvas(9.4, 3.9, columns=2)
        for way, spreads in made.error.items():
            colour, dash = LOOKS[way]
            axes[0].plot(made.labels, [s.value for s in spreads], color=colour, ls=dash, lw=2, label=way)
            if way == "random":
                band = [s.low for s in spreads], [s.high for s in spreads]
                axes[0].fill_between(made.labels, *band, color=colour, alpha=0.08, lw=0)
        axes[0].axhline(made.constant.value, color=MUTED, lw=1, ls=":")
        axes[0].annotate(
            "a constant", (made.labels[-1], made.constant.value), (0, 3), textcoords="offset points", ha="right",
            va="bottom", fontsize=9, color=MUTED,
        )  # fmt: skip
        for way, differences in made.difference.items():
            colour, dash = LOOKS[way]
            axes[1].plot(made.labels, [s.value for s in differences], color=colour, ls=dash, lw=2)
            axes[1].fill_between(
                made.labels, [s.low for s in differences], [s.high for s in differences], color=colour, alpha=0.15, lw=0
            )
        axes[1].axhline(0, color=LINE, lw=1.1)
        axes[0].set_ylabel(f"{made.measure}{unit}")
        axes[1].set_ylabel("less random choice (below 0 is better)")
        for axis in axes:
            axis.set_xlabel("labelled windows")
        axes[0].legend(frameon=False, fontsize=9.5, loc="lower left", title="next window by", title_fontsize=9)
        last = "; ".join(f"{way} {s[-1].value:.3g}" for way, s in made.error.items())
        said = f"Error against labels, {made.people} people. With {made.labels[-1]} labels: {last}."
        return svg(fig, "label-curve", said, mark)
