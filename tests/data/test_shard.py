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
    back = shard.open_(tmp_path / "a.arrow", {**first, "key": ORIGIN["key"]})
    assert back.column("person").tolist() == ["ä"] * 3
    assert back.column("label_sbp").tolist() == [0.5, 1.5, 2.5]
    assert back.column("nothing") is None


@pytest.mark.parametrize("cut", [0, 1, 100, 1000])
def test_a_shorter_file_is_not_taken(tmp_path, cut: int) -> None:
    entry = shard.write(tmp_path / "a.arrow", windows(), ORIGIN) | {"key": ORIGIN["key"]}
    content = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(content[:cut])
    for claimed in (entry, {**entry, "bytes": cut}):
        with pytest.raises(PulsewiseError) as caught:
            shard.open_(tmp_path / "a.arrow", claimed)
        assert (caught.value.code, caught.value.exit_status) == ("artifact_invalid", 6)


def test_a_damaged_file_gives_a_documented_error_or_windows_of_the_right_shape(tmp_path) -> None:
    entry = shard.write(tmp_path / "a.arrow", windows(), ORIGIN) | {"key": ORIGIN["key"]}
    content = bytearray((tmp_path / "a.arrow").read_bytes())
    random = np.random.default_rng(1)
    refused = 0
    for _ in range(300):
        damaged = content.copy()
        damaged[random.integers(len(content))] ^= 1 << random.integers(8)
        (tmp_path / "b.arrow").write_bytes(damaged)
        try:
            found = shard.open_(tmp_path / "b.arrow", entry)
        except PulsewiseError as error:
            assert error.code in ("artifact_invalid", "artifact_version")
            refused += 1
        else:
            assert found.values.shape == (3, 100)
            [found.column(name) for name in found.names]
    assert refused > 20


def test_another_recordings_shard_is_not_taken(tmp_path) -> None:
    entry = shard.write(tmp_path / "a.arrow", windows(), ORIGIN)
    for wrong in ({"key": "1" * 32}, {"key": ORIGIN["key"], "windows": 2}, {"key": ORIGIN["key"], "length": 25}):
        with pytest.raises(PulsewiseError, match="artifact_invalid"):
            shard.open_(tmp_path / "a.arrow", {**entry, **wrong})


def test_columns_may_not_take_the_names_of_the_format(tmp_path) -> None:
    made = Windows(np.zeros((1, 1, 4)), 1.0, ("ppg",), {"scale": np.ones(1)})
    with pytest.raises(PulsewiseError, match="scale"):
        shard.write(tmp_path / "a.arrow", made, ORIGIN)
