"""Bluetooth characteristics: worked values, every flag, and any bytes at all."""

import math
import struct
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsewise.core.errors import InputError
from pulsewise.core.units import MGDL_PER_MMOLL
from pulsewise.data import ble

WHEN = struct.pack("<HBBBBB", 2026, 3, 28, 20, 5, 7)
MOMENT = datetime(2026, 3, 28, 20, 5, 7)


def number(mantissa: int, exponent: int = 0) -> bytes:
    return struct.pack("<H", (exponent & 15) << 12 | mantissa & 0xFFF)


@pytest.mark.parametrize(
    ("raw", "value"),
    [(0x0000, 0), (0x07FD, 2045), (0x0803, -2045), (0x7001, 1e7), (0x8001, 1e-8), (0x07FE, math.inf),
     (0x0802, -math.inf), (0xF803, -204.5), (0x0FFF, -1)],
)  # fmt: skip
def test_short_floats(raw: int, value: float) -> None:
    assert ble.sfloat(raw) == pytest.approx(value)


@pytest.mark.parametrize("raw", [0x07FF, 0x0800, 0x0801])
def test_short_floats_that_are_no_number(raw: int) -> None:
    assert math.isnan(ble.sfloat(raw))


def test_heart_rate_in_one_and_two_bytes_with_all_fields() -> None:
    assert ble.decode_heart_rate(bytes([0, 61])) == ble.HeartRate(61)
    full = struct.pack("<BHHHH", 0b11101, 300, 1234, 1024, 819)
    assert ble.decode_heart_rate(full) == ble.HeartRate(300, (1.0, 819 / 1024), False, 1234)
    assert ble.decode_heart_rate(bytes([0b110, 61])).contact is True
    assert ble.decode_heart_rate(bytes([0b010, 61])).contact is None, "contact is not supported"


def test_oximetry() -> None:
    full = bytes([0b11111]) + number(97) + number(60) + number(98) + number(61) + number(96) + number(59)
    full += struct.pack("<H", 0x20) + bytes(3) + number(15, -1)
    found = ble.decode_oximetry(full)
    assert (found.spo2, found.pulse_rate, found.fast, found.slow) == (97, 60, (98, 61), (96, 59))
    assert found.measurement_status == 0x20 and found.amplitude_index == pytest.approx(1.5)
    spot = bytes([0b01111]) + number(97) + number(60) + WHEN + struct.pack("<H", 1) + bytes(3) + number(4)
    assert ble.decode_oximetry_spot(spot) == ble.Oximetry(97, 60, 4, measurement_status=1, time=MOMENT)
    assert ble.decode_oximetry_spot(bytes([0b10001]) + spot[1:12]).time is None, "the device's clock was not set"
    assert math.isnan(ble.decode_oximetry(bytes([0]) + struct.pack("<HH", 0x07FF, 0x07FF)).spo2)


def test_pressure_in_both_units() -> None:
    full = bytes([0b11110]) + number(121) + number(79) + number(93) + WHEN + number(66) + b"\x02\x05\0"
    assert ble.decode_blood_pressure(full) == ble.BloodPressure(121, 79, 93, 66, 2, 5, MOMENT)
    kpa = bytes([1]) + number(160, -1) + number(105, -1) + struct.pack("<H", 0x07FF)
    found = ble.decode_blood_pressure(kpa)
    assert found.systolic == pytest.approx(120.01, abs=0.01) and math.isnan(found.mean)


def test_glucose_in_both_units() -> None:
    front = struct.pack("<BH", 0b0011, 7) + WHEN + struct.pack("<h", -60)
    kg = ble.decode_glucose(front + number(105, -5) + bytes([0x11]))
    assert kg.value == pytest.approx(105) and kg.sample == "capillary whole blood"
    assert (kg.sequence, kg.time, kg.offset_min) == (7, MOMENT, -60)
    mol = ble.decode_glucose(bytes([0b0110]) + front[1:10] + number(55, -4) + bytes([0x19]))
    assert mol.value == pytest.approx(5.5 * MGDL_PER_MMOLL) and mol.sample == "interstitial fluid"
    assert math.isnan(ble.decode_glucose(bytes([0]) + front[1:10]).value)
    assert ble.decode_glucose(bytes([0]) + struct.pack("<HHBBBBB", 1, 0, 0, 0, 0, 0, 0)).time is None


def test_several_readings_of_a_sensor_in_one_notification() -> None:
    one = bytes([13, 0b11100011]) + number(101) + struct.pack("<H", 5) + bytes([1, 2, 3]) + number(-12, -1) + number(99)
    found = ble.decode_cgm(one + bytes([6, 0]) + number(99) + struct.pack("<H", 10))
    assert found[0] == ble.CgmReading(101, 5, pytest.approx(-1.2), 99, 0x030201)
    assert (found[1].value, found[1].offset_min) == (99, 10)


DECODERS = (ble.decode_heart_rate, ble.decode_oximetry, ble.decode_oximetry_spot, ble.decode_blood_pressure,
            ble.decode_glucose, ble.decode_cgm)  # fmt: skip


@given(st.binary(max_size=40), st.sampled_from(DECODERS))
def test_any_bytes_give_a_value_or_one_code(data: bytes, decode: object) -> None:
    try:
        decode(data)  # type: ignore[operator]  # a decoder
    except InputError as error:
        assert error.code == "malformed"


@pytest.mark.parametrize("decode", DECODERS)
def test_empty_values_are_refused(decode: object) -> None:
    with pytest.raises(InputError):
        decode(b"")  # type: ignore[operator]  # a decoder
