"""Subsets of PulseDB (MATLAB 7.3): segments of 10 s with ECG, PPG and arterial pressure, as windows.

Source: Wang et al. 2023, doi:10.3389/fdgth.2022.1090854, and the script that makes the subsets. The rate is not in the
file; it follows from the length of a segment, which the publisher states as 10 s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.windows import Windows

CHANNELS = ("ecg", "ppg", "abp")
SEGMENT_S = 10.0
_NUMBERS = {"SBP": "label_sbp", "DBP": "label_dbp", "Age": "age", "Height": "height", "Weight": "weight", "BMI": "bmi"}


def is_subset(tree: Mapping[str, Any]) -> bool:
    """Whether variables are those of a subset."""
    signals = tree.get("Signals")
    return isinstance(signals, np.ndarray) and signals.ndim in (2, 3) and {"SBP", "DBP"} <= tree.keys()


def subset(tree: Mapping[str, Any], where: str) -> Windows:
    """All segments of a subset, channels ECG, PPG and ABP (mmHg), labels in mmHg; `malformed` where sizes disagree."""
    count = int(np.size(tree["SBP"]))
    signals = tree["Signals"]
    if signals.ndim == 2 and count == 1:
        signals = (signals if len(signals) == len(CHANNELS) else signals.T)[np.newaxis]
    if signals.ndim == 3 and signals.shape[0] != count and signals.shape[2] == count:
        signals = signals.transpose(2, 1, 0)  # as HDF5 has it
    if signals.ndim != 3 or signals.shape[:2] != (count, len(CHANNELS)) or signals.dtype.kind not in "iuf":
        raise InputError("malformed", f"{count} segments of 3 channels are needed, {signals.shape} came", where=where)
    columns: dict[str, Any] = {}
    for name, column in _NUMBERS.items():
        values = tree.get(name)
        if isinstance(values, np.ndarray) and values.size == count:
            columns[column] = values.reshape(-1).astype(np.float64)
    columns["person"] = columns["record"] = _words(tree.get("Subject"), count)
    sexes = {"f": "female", "m": "male"}
    columns["sex"] = np.asarray([sexes.get(word[:1].casefold(), "") for word in _words(tree.get("Gender"), count)])
    return Windows(signals.astype(np.float32), signals.shape[2] / SEGMENT_S, CHANNELS, columns)


def _words(values: Any, count: int) -> NDArray[np.str_]:
    if isinstance(values, list) and len(values) == count:
        return np.asarray([value if isinstance(value, str) else "" for value in values], dtype=str)
    if isinstance(values, str):
        return np.asarray([values] if count == 1 else list(values) if len(values) == count else [""] * count, dtype=str)
    return np.full(count, "", dtype=str)
