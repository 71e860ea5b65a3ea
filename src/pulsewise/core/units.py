"""Units: one table of what is stored, and the only place where values are converted.

Stored units: mmHg, mg/dL, mV (ECG), g (accelerometer), µS (EDA), °C, bpm, breaths/min, s, Hz.
PPG has no unit and is kept as the device gives it (`a.u.`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError

MGDL_PER_MMOLL = 18.0156
"""mg/dL in one mmol/L of glucose (molar mass 180.156 g/mol). Much published code uses 18."""

STORED: dict[str, str] = {
    "ppg": "a.u.",
    "ecg": "mV",
    "abp": "mmHg",
    "acc": "g",
    "resp": "a.u.",
    "temp": "°C",
    "eda": "µS",
    "force": "a.u.",
    "cuff": "a.u.",
    "other": "a.u.",
    "sbp": "mmHg",
    "dbp": "mmHg",
    "map": "mmHg",
    "glucose": "mg/dL",
    "heart_rate": "bpm",
    "respiratory_rate": "breaths/min",
    "spo2": "%",
    "alarm": "a.u.",
    "age": "years",
    "height": "cm",
    "weight": "kg",
    "bmi": "kg/m2",
}
"""The unit in which each kind of signal or quantity is stored."""

# spelling (case folded, spaces removed) -> (unit, dimension, factor to the dimension's stored unit, offset)
_SPELLINGS: dict[str, tuple[str, str, float, float]] = {}


def _add(dimension: str, unit: str, factor: float, *spellings: str, offset: float = 0.0) -> None:
    for text in (unit, *spellings):
        _SPELLINGS[_fold(text)] = (unit, dimension, factor, offset)


def _fold(text: str) -> str:
    return text.strip().replace("μ", "µ").replace(" ", "").casefold()


_add("pressure", "mmHg", 1.0, "mm[hg]", "mm hg", "torr")
_add("pressure", "kPa", 7.500617)
_add("pressure", "cmH2O", 0.735559)
_add("glucose", "mg/dL", 1.0, "mg/dl", "mgdl", "mg_dl")
_add("glucose", "mmol/L", MGDL_PER_MMOLL, "mmol/l", "mmoll", "mmol_l", "mmol")
_add("voltage", "mV", 1.0, "millivolt", "millivolts")
_add("voltage", "V", 1000.0, "volt", "volts")
_add("voltage", "µV", 0.001, "uv", "microvolt", "microvolts")
_add("acceleration", "g", 1.0, "gn", "g0")
_add("acceleration", "mg", 0.001, "milli-g")
_add("acceleration", "m/s2", 1 / 9.80665, "m/s^2", "m/(s^2)", "m/s²", "ms-2")
_add("conductance", "µS", 1.0, "us", "microsiemens", "usiemens")
_add("conductance", "nS", 0.001)
_add("conductance", "S", 1e6, "siemens")
_add("temperature", "°C", 1.0, "c", "degc", "celsius", "cel")
_add("temperature", "K", 1.0, "kelvin", offset=-273.15)
_add("temperature", "°F", 5 / 9, "f", "degf", "fahrenheit", offset=-160 / 9)
_add("heart rate", "bpm", 1.0, "beats/min", "/min", "1/min", "beatsperminute")
_add("heart rate", "Hz", 60.0)
_add("respiratory rate", "breaths/min", 1.0, "brpm", "rpm", "breathsperminute")
_add("time", "s", 1.0, "sec", "second", "seconds")
_add("time", "ms", 0.001, "msec", "millisecond", "milliseconds")
_add("time", "us", 1e-6, "µsec", "microseconds")
_add("time", "ns", 1e-9, "nanoseconds")
_add("time", "min", 60.0, "minutes")
_add("none", "a.u.", 1.0, "au", "nu", "n.u.", "arb.unit", "counts", "adu", "adc", "raw", "nd", "")
_add("share", "%", 1.0, "percent")


def unit(text: str) -> str:
    """The stored spelling of a unit, from any of the spellings devices use.

    Raises `unit` where the spelling is not known.

    >>> unit("uV"), unit("mmol/l"), unit("mm Hg")
    ('µV', 'mmol/L', 'mmHg')
    """
    return _lookup(text)[0]


def dimension(text: str) -> str:
    """What a unit measures: pressure, glucose, voltage, ... (`none` for arbitrary units).

    >>> dimension("kPa")
    'pressure'
    """
    return _lookup(text)[1]


def known(text: str) -> bool:
    """Whether the spelling is one of the known units."""
    return _fold(text) in _SPELLINGS


def _lookup(text: str) -> tuple[str, str, float, float]:
    try:
        return _SPELLINGS[_fold(text)]
    except KeyError:
        names = ", ".join(sorted({found[0] for found in _SPELLINGS.values()}))
        raise InputError("unit", f"unknown unit {text[:40]!r}", fix=f"use one of {names}") from None


def convert(values: ArrayLike, source: str, target: str) -> NDArray[np.float64]:
    """Values of any shape from one unit to another of the same dimension.

    Raises `unit` where the two do not measure the same thing.

    >>> float(convert(5.5, "mmol/L", "mg/dL").round(2))
    99.09
    """
    _, from_dimension, factor, offset = _lookup(source)
    name, to_dimension, to_factor, to_offset = _lookup(target)
    if from_dimension != to_dimension:
        raise InputError(
            "unit",
            f"{source!r} ({from_dimension}) cannot be turned into {name!r} ({to_dimension})",
            fix="state the unit of the column, e.g. name[unit] in the header",
        )
    stored = np.asarray(values, dtype=np.float64) * factor + offset
    return np.asarray((stored - to_offset) / to_factor, dtype=np.float64)
