from datetime import UTC, datetime

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.recording import Event, Note, Provenance, Recording, Reference, Signal, from_parts, to_parts
from pulsewise.core.units import convert


def example() -> Recording:
    samples = np.array([1, np.nan, 3, np.inf], np.float32)
    return Recording(
        "r1",
        (Signal("red", "ppg", "a.u.", 100.0, samples, clocks={"host": np.arange(4.0)}),),
        person="p1",
        start_utc=datetime(2026, 1, 1, tzinfo=UTC),
        references=(Reference("glucose", 99.0, "mg/dL", time=1.0),),
        events=(Event(0.5, "mark"),),
        demographics={"age": 50.0, "sex": "female"},
        provenance=Provenance("csv", notes=(Note("a", "b", 2),), dropped=("name",)),
    )


def test_not_finite_samples_are_not_valid() -> None:
    signal = example().signals[0]
    assert signal.valid.tolist() == [True, False, True, False]
    assert signal.samples.tolist() == [1, 0, 3, 0]
    assert signal.runs().tolist() == [[0, 1], [2, 3]]


def test_parts_are_lossless() -> None:
    before = example()
    head, arrays = to_parts(before)
    after = from_parts(head, arrays)
    assert vars(after) | {"signals": 0} == vars(before) | {"signals": 0}
    for a, b in zip(before.signals, after.signals, strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)
        np.testing.assert_array_equal(a.valid, b.valid)
        np.testing.assert_array_equal(a.clocks["host"], b.clocks["host"])


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), 1e9])
def test_impossible_rates(rate: float) -> None:
    with pytest.raises(PulsewiseError) as caught:
        Signal("x", "ppg", "a.u.", rate, np.ones(3, np.float32))
    assert caught.value.code == "sampling_rate"
    assert "--rate" in caught.value.fix


def test_a_missing_channel_is_named() -> None:
    with pytest.raises(PulsewiseError, match="ecg signal is needed"):
        example().signal("ecg")


def test_units() -> None:
    assert convert(3.9, "mmol/L", "mg/dL") == pytest.approx(70.26084)
    assert convert(98.6, "°F", "°C") == pytest.approx(37.0)
    with pytest.raises(PulsewiseError, match="cannot be turned"):
        convert(1.0, "mmHg", "mg/dL")
