"""Bluetooth characteristics of pulse, oximetry, pressure and glucose: pure functions from bytes to numbers.

No radio is needed: a program that receives notifications hands over their bytes. Layouts are those of the GATT
specification supplement; numbers marked as not available become NaN, those beyond the range infinite. Times
are those of the device's own clock, local and without a zone. Bytes that are too short raise `malformed`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from pulsewise.core.errors import InputError
from pulsewise.core.units import MGDL_PER_MMOLL

KPA_TO_MMHG = 7.500617
HEART_RATE, PLX_SPOT, PLX_CONTINUOUS, BLOOD_PRESSURE, GLUCOSE, CGM = 0x2A37, 0x2A5E, 0x2A5F, 0x2A35, 0x2A18, 0x2AA7
"""Assigned numbers of the characteristics."""
_SPECIAL = {0x07FF: math.nan, 0x0800: math.nan, 0x0801: math.nan, 0x07FE: math.inf, 0x0802: -math.inf}
_SAMPLE_TYPES = ("", "capillary whole blood", "capillary plasma", "venous whole blood", "venous plasma",
                 "arterial whole blood", "arterial plasma", "undetermined whole blood", "undetermined plasma",
                 "interstitial fluid", "control solution")  # fmt: skip


@dataclass(frozen=True)
class HeartRate:
    """Heart rate in bpm, intervals in s (oldest first), skin contact (None where not told), energy in kJ."""

    rate: float
    intervals: tuple[float, ...] = ()
    contact: bool | None = None
    energy: int | None = None


@dataclass(frozen=True)
class Oximetry:
    """SpO2 in %, pulse rate in bpm, pulse amplitude index in %; `time` of a spot check, where the device tells it."""

    spo2: float
    pulse_rate: float
    amplitude_index: float = math.nan
    fast: tuple[float, float] | None = None
    slow: tuple[float, float] | None = None
    measurement_status: int = 0
    time: datetime | None = None


@dataclass(frozen=True)
class BloodPressure:
    """Pressures in mmHg whatever the device sends, pulse rate in bpm, status bits (1: movement, 4: irregular pulse)."""

    systolic: float
    diastolic: float
    mean: float
    pulse_rate: float = math.nan
    user: int | None = None
    status: int = 0
    time: datetime | None = None


@dataclass(frozen=True)
class Glucose:
    """Concentration in mg/dL whatever the device sends (NaN where none), the sample, minutes to add to `time`."""

    sequence: int
    value: float
    time: datetime | None
    offset_min: int = 0
    sample: str = ""
    status: int = 0


@dataclass(frozen=True)
class CgmReading:
    """Concentration in mg/dL, minutes since the session began, trend in mg/dL/min, quality in %, status bits."""

    value: float
    offset_min: int
    trend: float = math.nan
    quality: float = math.nan
    status: int = 0


def sfloat(raw: int) -> float:
    """The number of 16 bits that IEEE 11073 calls SFLOAT: 4 bits of exponent, 12 of mantissa, both signed.

    >>> sfloat(0x0048), sfloat(0xF2D0), sfloat(0xB048), sfloat(0x07FF)
    (72.0, 72.0, 0.00072, nan)
    """
    raw &= 0xFFFF
    if raw in _SPECIAL:
        return _SPECIAL[raw]
    exponent, mantissa = raw >> 12, raw & 0xFFF
    exponent -= 16 if exponent > 7 else 0
    mantissa -= 4096 if mantissa > 2047 else 0
    return mantissa * 10.0**exponent if exponent >= 0 else mantissa / 10.0**-exponent


class _Bytes:
    """Takes little-endian fields from the front of a value."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = bytes(data), 0

    def unsigned(self, size: int) -> int:
        """An unsigned number of so many bytes."""
        part = self.data[self.at : self.at + size]
        if len(part) < size:
            raise InputError("malformed", f"the value ends after {len(self.data)} bytes, {self.at + size} are needed")
        self.at += size
        return int.from_bytes(part, "little")

    def sfloat(self) -> float:
        """A number of 16 bits."""
        return sfloat(self.unsigned(2))

    def left(self) -> int:
        """Bytes not taken yet."""
        return len(self.data) - self.at

    def time(self) -> datetime | None:
        """A date and time; None where the device does not know it."""
        fields = [self.unsigned(2), *(self.unsigned(1) for _ in range(5))]
        try:
            return datetime(*fields)  # type: ignore[arg-type]  # six integers
        except ValueError:
            return None


def decode_heart_rate(data: bytes) -> HeartRate:
    """Heart rate measurement (0x2A37).

    Examples
    --------
    >>> decode_heart_rate(bytes([0x16, 72, 0x00, 0x04, 0x00, 0x02]))
    HeartRate(rate=72.0, intervals=(1.0, 0.5), contact=True, energy=None)
    """
    take = _Bytes(data)
    flags = take.unsigned(1)
    rate = take.unsigned(2 if flags & 1 else 1)
    contact = bool(flags & 2) if flags & 4 else None
    energy = take.unsigned(2) if flags & 8 else None
    intervals = []
    while flags & 16 and take.left():
        intervals.append(take.unsigned(2) / 1024)
    return HeartRate(float(rate), tuple(intervals), contact, energy)


def decode_oximetry_spot(data: bytes) -> Oximetry:
    """PLX spot-check measurement (0x2A5E)."""
    take = _Bytes(data)
    flags = take.unsigned(1)
    spo2, rate = take.sfloat(), take.sfloat()
    time = take.time() if flags & 1 else None
    status = take.unsigned(2) if flags & 2 else 0
    if flags & 4:
        take.unsigned(3)
    index = take.sfloat() if flags & 8 else math.nan
    return Oximetry(spo2, rate, index, measurement_status=status, time=None if flags & 16 else time)


def decode_oximetry(data: bytes) -> Oximetry:
    """PLX continuous measurement (0x2A5F).

    >>> decode_oximetry(bytes([0x10, 0x61, 0x00, 0x48, 0x00, 0x0F, 0xF0])).amplitude_index
    1.5
    """
    take = _Bytes(data)
    flags = take.unsigned(1)
    spo2, rate = take.sfloat(), take.sfloat()
    fast = (take.sfloat(), take.sfloat()) if flags & 1 else None
    slow = (take.sfloat(), take.sfloat()) if flags & 2 else None
    status = take.unsigned(2) if flags & 4 else 0
    if flags & 8:
        take.unsigned(3)
    index = take.sfloat() if flags & 16 else math.nan
    return Oximetry(spo2, rate, index, fast, slow, status)


def decode_blood_pressure(data: bytes) -> BloodPressure:
    """Blood pressure measurement (0x2A35), also of devices that send kPa.

    >>> decode_blood_pressure(bytes([0x00, 0x78, 0x00, 0x50, 0x00, 0x5D, 0x00])).systolic
    120.0
    """
    take = _Bytes(data)
    flags = take.unsigned(1)
    factor = KPA_TO_MMHG if flags & 1 else 1.0
    systolic, diastolic, mean = (take.sfloat() * factor for _ in range(3))
    time = take.time() if flags & 2 else None
    rate = take.sfloat() if flags & 4 else math.nan
    user = take.unsigned(1) if flags & 8 else None
    status = take.unsigned(2) if flags & 16 else 0
    return BloodPressure(systolic, diastolic, mean, rate, None if user == 255 else user, status, time)


def decode_glucose(data: bytes) -> Glucose:
    """Glucose measurement (0x2A18); kg/L and mol/L become mg/dL."""
    take = _Bytes(data)
    flags = take.unsigned(1)
    sequence, time = take.unsigned(2), take.time()
    offset = take.unsigned(2) if flags & 1 else 0
    value, sample = math.nan, ""
    if flags & 2:
        raw, where = take.sfloat(), take.unsigned(1)
        value = raw * 1000 * MGDL_PER_MMOLL if flags & 4 else raw * 1e5
        kind = where & 15
        sample = _SAMPLE_TYPES[kind] if kind < len(_SAMPLE_TYPES) else ""
    status = take.unsigned(2) if flags & 8 else 0
    return Glucose(sequence, value, time, offset - (65536 if offset > 32767 else 0), sample, status)


def decode_cgm(data: bytes) -> tuple[CgmReading, ...]:
    """CGM measurement (0x2AA7): one notification may hold several records, each with its size in front.

    >>> decode_cgm(bytes([6, 0, 0x65, 0x00, 0x05, 0x00]))
    (CgmReading(value=101.0, offset_min=5, trend=nan, quality=nan, status=0),)
    """
    out, at = [], 0
    while at < len(data):
        size = data[at]
        if size < 6 or at + size > len(data):
            raise InputError("malformed", f"a record of {size} bytes does not fit into {len(data) - at}")
        out.append(_cgm(data[at + 1 : at + size]))
        at += size
    if not out:
        raise InputError("malformed", "the value is empty")
    return tuple(out)


def _cgm(data: bytes) -> CgmReading:
    take = _Bytes(data)
    flags = take.unsigned(1)
    value, offset = take.sfloat(), take.unsigned(2)
    status = 0
    for bit, shift in ((0x80, 0), (0x40, 8), (0x20, 16)):
        status |= take.unsigned(1) << shift if flags & bit else 0
    trend = take.sfloat() if flags & 1 else math.nan
    quality = take.sfloat() if flags & 2 else math.nan
    return CgmReading(value, offset, trend, quality, status)
