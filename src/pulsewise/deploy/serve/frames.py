"""What travels between the server and its computing processes: JSON and raw arrays, never pickle.

A frame is 8 bytes of length, JSON, and the bytes of every array that the JSON announces.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Sequence[NDArray[Any]]
MOST_ARRAYS = 4096


def head_of(plain: Any, arrays: Arrays) -> bytes:
    """The beginning of a frame; the arrays' bytes follow."""
    shapes = [{"dtype": a.dtype.str, "shape": list(a.shape)} for a in arrays]
    text = json.dumps({"plain": plain, "arrays": shapes}, allow_nan=False).encode()
    return len(text).to_bytes(8, "little") + text


def blank(shapes: Sequence[dict[str, Any]]) -> list[NDArray[Any]]:
    """Arrays to be filled; raises ValueError for what holds anything but numbers."""
    made = []
    for one in shapes[:MOST_ARRAYS]:
        dtype = np.dtype(str(one["dtype"]))
        if dtype.kind not in "biufU":
            raise ValueError("arrays of numbers or text are needed")
        made.append(np.empty(tuple(int(n) for n in one["shape"]), dtype))
    return made


def raw(array: NDArray[Any]) -> memoryview:
    """The bytes of an array, for reading and writing."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
