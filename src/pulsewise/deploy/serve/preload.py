"""Loaded once by the process that reading workers are forked from: every reader and its library."""

from __future__ import annotations

import contextlib
import importlib

from pulsewise.data.open import formats

formats()
for library in ("scipy.io", "h5py", "pyarrow.csv", "pyarrow.parquet", "openpyxl", "fastavro", "pyxdf"):
    with contextlib.suppress(ImportError):
        importlib.import_module(library)
