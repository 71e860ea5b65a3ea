"""The tutorials that run: pages of docs/tutorials with code cells, as notebooks.

`python docs/notebooks.py [FOLDER]` writes them as .ipynb files (by default into docs/_build/notebooks). Jupyter opens
the pages themselves, too, where jupytext is installed.
"""

from __future__ import annotations

import ast
import contextlib
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TUTORIALS = Path(__file__).parent / "tutorials"
HEAD = """---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python 3
  language: python
---
"""
"""What a page begins with that runs."""

_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?::[^\n]*\n)*(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages(folder: Path = TUTORIALS) -> list[Path]:
    """The tutorials that run, sorted."""
    return [path for path in sorted(folder.glob("*.md")) if path.read_text(encoding="utf-8").startswith(HEAD)]


def cells(page: Path) -> list[str]:
    """The code of a page, cell by cell."""
    return [match.group(1) for match in _CELL.finditer(page.read_text(encoding="utf-8"))]


def notebook(page: Path) -> Any:
    """A page as a notebook (nbformat), without outputs."""
    from myst_nb.core.read import read_myst_markdown_notebook

    with warnings.catch_warnings():  # its libraries warn of each other
        warnings.simplefilter("ignore")
        made = read_myst_markdown_notebook(page.read_text(encoding="utf-8"), add_source_map=False)
    for number, cell in enumerate(made.cells):
        cell["id"] = f"{page.stem}-{number}"[:64]
    return made


def run(page: Path, namespace: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run the cells of a page in this process; what they defined, and as `_shown` the last values."""
    names: dict[str, Any] = {"__name__": "__main__"} if namespace is None else namespace
    shown: list[Any] = []
    for number, code in enumerate(cells(page)):
        tree = ast.parse(code, f"{page.name}, cell {number}")
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"{page.name}, cell {number}", "exec"), names)  # noqa: S102  # our own pages
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), page.name, "eval"), names))  # noqa: S307  # as above
    return {**names, "_shown": shown}


def write(folder: Path) -> Iterator[Path]:
    """Write every tutorial that runs as a notebook."""
    import nbformat

    folder.mkdir(parents=True, exist_ok=True)
    for page in pages():
        made = folder / f"{page.stem}.ipynb"
        nbformat.write(notebook(page), made)
        yield made


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        for made in write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "_build" / "notebooks"):
            print(made)
