import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.windows import Windows
from pulsewise.data import shard

ORIGIN = {"id": "r", "key": "0" * 32}


@settings(max_examples=150, deadline=None)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(2, 40)),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    st.sampled_from([0.0, 1.0, 1e4]),
)
def test_every_sample_keeps_its_value_to_a_ten_thousandth_of_the_sd(samples: np.ndarray, offset: float) -> None:
    samples = (samples + np.float32(offset)).astype(np.float32)
    values, scale, shift = shard.encode(samples)
    back = shard.decode(values, scale, shift).reshape(samples.shape)
    limit = 1e-4 * samples.std(axis=2, dtype=np.float64, keepdims=True)
    assert (np.abs(back.astype(np.float64) - samples) <= limit).all()


def test_a_pulse_takes_two_bytes_and_a_spike_four() -> None:
    pulse = np.sin(np.arange(500) / 20).astype(np.float32)[None, None]
    assert shard.encode(pulse)[0].dtype == np.int16
    assert shard.encode(pulse, "float32")[0].dtype == np.float32
    pulse[0, 0, 7] = 1e5
    assert shard.encode(pulse)[0].dtype == np.float32


def windows(count: int = 3) -> Windows:
    samples = np.random.default_rng(0).normal(size=(count, 2, 50)).astype(np.float32)
    return Windows(
        samples, 25.0, ("ppg", "ecg"), {"person": np.array(["ä"] * count), "label_sbp": np.arange(count) + 0.5}
    )


def test_what_is_written_is_read_and_the_same_windows_give_the_same_bytes(tmp_path) -> None:
    made = windows()
    first = shard.write(tmp_path / "a.arrow", made, ORIGIN)
    second = shard.write(tmp_path / "b.arrow", made, ORIGIN)
    assert first == second
    assert (tmp_path / "a.arrow").read_bytes() == (tmp_path / "b.arrow").read_bytes()
    entry = {**first, "key": ORIGIN["key"]}
    back = shard.columns(tmp_path / "a.arrow", entry, ["person", "label_sbp", "nothing"])
    assert {name: column.tolist() for name, column in back.items()} == {
        "person": ["ä"] * 3,
        "label_sbp": [0.5, 1.5, 2.5],
    }
    found = shard.open_(tmp_path / "a.arrow", entry)
    samples = shard.decode(found.values, found.scale, found.offset)
    assert np.abs(samples - made.samples.reshape(3, -1)).max() < 1e-4


@pytest.mark.parametrize("cut", [0, 1, 100, 1000])
def test_a_shorter_file_is_not_taken(tmp_path, cut: int) -> None:
    entry = shard.write(tmp_path / "a.arrow", windows(), ORIGIN) | {"key": ORIGIN["key"]}
    content = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(content[:cut])
    for claimed in (entry, {**entry, "bytes": cut}):
        with pytest.raises(PulsewiseError) as caught:
            shard.open_(tmp_path / "a.arrow", claimed)
        with pytest.raises(PulsewiseError, match="artifact_invalid"):
            shard.columns(tmp_path / "a.arrow", claimed, ["person"])
        assert (caught.value.code, caught.value.exit_status) == ("artifact_invalid", 6)


def test_a_damaged_file_gives_a_documented_error_or_columns(tmp_path) -> None:
    entry = shard.write(tmp_path / "a.arrow", windows(), ORIGIN) | {"key": ORIGIN["key"]}
    content = bytearray((tmp_path / "a.arrow").read_bytes())
    random = np.random.default_rng(1)
    refused = 0
    found = shard.open_(tmp_path / "a.arrow", entry)
    assert (found.values.shape, found.values.dtype) == ((3, 100), np.int16)
    for _ in range(300):
        damaged = content.copy()
        damaged[random.integers(len(content))] ^= 1 << random.integers(8)
        (tmp_path / "b.arrow").write_bytes(damaged)
        try:
            shard.columns(tmp_path / "b.arrow", entry, ["person", "label_sbp"])
        except PulsewiseError as error:
            assert error.code in ("artifact_invalid", "artifact_version")
            refused += 1
    assert refused > 20


def test_another_recordings_shard_is_not_taken(tmp_path) -> None:
    entry = {**shard.write(tmp_path / "a.arrow", windows(), ORIGIN), "key": ORIGIN["key"]}
    for wrong in ({"key": "1" * 32}, {"windows": 2}, {"bytes": 12}):
        with pytest.raises(PulsewiseError, match="artifact_invalid"):
            shard.columns(tmp_path / "a.arrow", {**entry, **wrong}, ["person"])
    for wrong in ({"length": 10**9}, {"windows": -1}, {"layout": {}}, {"layout": {**entry["layout"], "samples": -4}}):
        with pytest.raises(PulsewiseError, match="artifact_invalid"):
            shard.open_(tmp_path / "a.arrow", {**entry, **wrong})


def test_columns_may_not_take_the_names_of_the_format(tmp_path) -> None:
    made = Windows(np.zeros((1, 1, 4)), 1.0, ("ppg",), {"scale": np.ones(1)})
    with pytest.raises(PulsewiseError, match="scale"):
        shard.write(tmp_path / "a.arrow", made, ORIGIN)
