"""Sphinx: the pages here, and a reference made from the program itself (see generate.py)."""

import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import generate

from pulsewise import __version__

logging.getLogger("traitlets").setLevel(logging.WARNING)  # each page that runs would be announced
KERNEL = Path(__file__).parent / "_build" / "jupyter"
generate.kernel(KERNEL)
os.environ["JUPYTER_PATH"] = os.pathsep.join([str(KERNEL), os.environ.get("JUPYTER_PATH", "")])
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # a remark of the kernel's debugger
os.environ.setdefault("OMP_NUM_THREADS", "1")

generate.write(Path(__file__).parent / "reference" / "generated")

project = "pulsewise"
author = "the pulsewise maintainers"
copyright = "2026, the pulsewise maintainers"  # Sphinx's name for it
version = release = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "cache"  # tutorials with cells run; those that did not change are taken from the cache
nb_execution_cache_path = str(Path(__file__).parent / "_build" / ".jupyter_cache")
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "pulsewise"
html_static_path = []
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_mock_imports = ["torch", "lightning"]
napoleon_google_docstring = False
napoleon_use_ivar = True
nitpicky = False
default_role = "code"
suppress_warnings = ["ref.python"]  # every room has a class named Config; a link to any of them would do


def _bars(app: Any, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """|x| in a docstring is an absolute value or a dimension, never a substitution."""
    bar = re.compile(r"(`+[^`]+`+)|\|")
    lines[:] = [line if ">>>" in line else bar.sub(lambda m: m[1] or r"\|", line) for line in lines]


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _bars)
