"""Borrows the rows with a known answer from the judge's tests."""

import importlib.util
from pathlib import Path

_path = Path(__file__).parents[1] / "judge" / "conftest.py"
_specification = importlib.util.spec_from_file_location("judged_rows", _path)
_module = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(_module)

make_rows = _module.make_rows
