"""A stored recording on its way to a computing process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.recording import Recording, to_parts
from pulsewise.core.windows import Windows


def parts(part: Recording | Windows) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """A recording (without its clocks) or windows as plain data and arrays; `jobs.part_of` takes them back."""
    if isinstance(part, Recording):
        bare = replace(part, signals=tuple(replace(s, clocks={}) for s in part.signals))
        head, arrays = to_parts(bare)
        return {"head": head}, arrays
    arrays = [part.samples]
    columns: dict[str, Any] = {}
    for name, column in part.columns.items():
        if column.dtype.kind in "biuf":
            columns[name] = len(arrays)
            arrays.append(np.ascontiguousarray(column))
        else:
            columns[name] = [str(value) for value in column]
    head = {"rate": part.rate, "channels": list(part.channels), "synthetic": part.synthetic}
    return {"head": head, "columns": columns}, arrays
