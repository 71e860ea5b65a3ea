"""Matplotlib figures as SVG that belongs to the page: its colours, its font, its ids, the same bytes each time.

A figure is drawn in stand-in colours (`INK`, `MODEL`, ...), which become CSS variables of the page, so that
one picture serves light, dark and print. Nothing global is left changed: figures are made without pyplot.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, MUTED, LINE, PAPER, MODEL, CONTROL, ALERT, BAND = (f"#0{i}0{i}0{i}" for i in range(1, 9))

_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    PAPER: "--paper",
    MODEL: "--model",
    CONTROL: "--control",
    ALERT: "--alert",
    BAND: "--band",
}

RASTER = "#2b7fb8"
"""Colour of points that are drawn as an image (dense scatters): seen well on white and on near-black."""

DENSE = 1500
"""Above this many points a scatter is drawn as an image inside the SVG, so that the report stays small."""

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pulsewise",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.5,
    "axes.labelsize": 10.5,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "path.simplify": True,
}

MARGINS = (0.66, 0.5, 0.1, 0.1)
"""Left, bottom, right and top of a plain plot with both axes labelled, in inches."""

MARK_HEIGHT = 0.26
"""Inches above a plot with a mark."""

_lock = threading.Lock()


@contextmanager
def style() -> Iterator[None]:
    """The look of every figure; what was set before is back afterwards. One thread at a time."""
    with _lock, mpl.rc_context(_STYLE):
        yield


def canvas(
    width: float,
    height: float,
    rows: int = 1,
    columns: int = 1,
    *,
    margins: tuple[float, float, float, float] | None = None,
    heights: Sequence[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """A figure of `width` x `height` inches with rows x columns axes, inside `style()`.

    Margins (left, bottom, right, top, in inches) are found by trial, which costs a drawing, unless they are given.
    `heights` are those of the rows, relative to each other.
    """
    figure = Figure(figsize=(width, height), layout=None if margins else "constrained", dpi=144)
    if margins:
        left, bottom, right, top = margins
        figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height)
    FigureCanvasSVG(figure)
    axes = figure.subplots(rows, columns, squeeze=False, height_ratios=heights)
    return figure, [axis for line in axes for axis in line]


def svg(figure: Figure, name: str, alt: str, mark: str = "") -> str:
    """The figure as an `<svg>` element to be put into the page.

    Parameters
    ----------
    name : str
        Unique on the page: every id inside begins with it.
    alt : str
        What the picture shows, for those who do not see it.
    mark : str
        Written above the picture, so that a copy of it still says so (`simulated people`).
    """
    if mark:
        figure.suptitle(mark, x=1.0, ha="right", fontsize=8.5, color=ALERT)
        if figure.get_layout_engine() is None:  # margins are fixed: room for the line above
            top = 1 - MARK_HEIGHT / float(figure.get_figheight())
            figure.subplots_adjust(top=min(figure.subplotpars.top, top))
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for pattern in (r"<metadata>.*?</metadata>", r"<!--.*?-->", r"<style.*?</style>"):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    text = text.replace("xlink:href=", "href=")
    text = re.sub(r'<g id="[^"]+">', "<g>", text)
    text = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r" font-family: [^;\"]+;", "", text)
    text = re.sub(r' transform="rotate\(-0 [^"]+\)"', "", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    text = re.sub(r"\s*\n\s*", "\n", text)
    label = escape(f"{alt} ({mark})" if mark else alt, quote=True)
    box = re.search(r'viewBox="([^"]+)"', text)
    start = f'<svg viewBox="{box.group(1) if box else ""}" role="img" aria-label="{label}">'
    return start + text[text.index(">") + 1 :].strip()


def alone(picture: str, colours: str) -> str:
    """An `<svg>` of a page as a file of its own: with the colours of the page, light, dark and on paper.

    Parameters
    ----------
    picture : str
        From `svg`.
    colours : str
        The style sheet that names them (`styles.colours`).
    """
    box = re.search(r'viewBox="([\d. ]+)"', picture)
    _, _, width, height = (box.group(1) if box else "0 0 100 100").split()
    font = "svg { font-family: system-ui, 'DejaVu Sans', sans-serif; background: var(--paper); }"
    size = f'xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    head, _, rest = picture.partition(">")
    head = head.replace("<svg", f"<svg {size}", 1)
    return f"{head}>\n<style>\n{colours}{font}\n</style>\n{rest}\n"
