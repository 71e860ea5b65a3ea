"""Promise: a stream gives the numbers of the whole recording, however it is cut into pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pulsewise.core.errors import NoSignalError, UsageError
from pulsewise.core.recording import Signal
from pulsewise.signals.condition import Config, Stream, condition

CONFIGS = [
    Config(),
    Config(band=(0.5, 8.0)),
    Config(band=(0.5, 8.0), remove_mean=True, detrend=True, savgol_s=0.05, rate=25.0),
    Config(band=(0.0, 8.0), rate=40.0),
    Config(rate=30.03),
    Config(rate=128.0),
    Config(notch=17.0),
    Config(notch=12.0, band=(2.0, np.inf), rate=48.0),
    Config(savgol_s=0.2),
]


def pieces(x: NDArray[np.float64], valid: NDArray[np.bool_], cuts: list[int], config: Config, rate: float):
    stream = Stream(config, rate)
    cuts = sorted({c % (len(x) + 1) for c in cuts})
    out = [stream.push(a, v) for a, v in zip(np.split(x, cuts), np.split(valid, cuts), strict=True)]
    out.append(stream.flush())
    return np.concatenate([a for a, _ in out]), np.concatenate([v for _, v in out])


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    length=st.integers(1, 900),
    cuts=st.lists(st.integers(0, 10_000), max_size=12),
    gaps=st.lists(st.tuples(st.integers(0, 899), st.integers(1, 60)), max_size=3),
    config=st.sampled_from(CONFIGS),
    rate=st.sampled_from([50.0, 60.0, 99.97]),
)
def test_any_cutting_into_pieces_gives_the_whole(seed, length, cuts, gaps, config, rate) -> None:
    x = np.random.default_rng(seed).normal(size=length).cumsum().astype(np.float32).astype(np.float64)
    valid = np.ones(length, dtype=bool)
    for start, count in gaps:
        valid[start : start + count] = False
    got, mask = pieces(x, valid, cuts, config, rate)
    signal = Signal("x", "ppg", "a.u.", rate, x, valid)
    if not mask.any():
        with pytest.raises(NoSignalError, match="sample"):
            condition(signal, config)
        return
    whole = condition(signal, config)
    assert np.array_equal(mask, whole.valid)
    np.testing.assert_allclose(got[mask], whole.samples[mask], rtol=1e-5, atol=1e-5)
    assert (got[~mask] == 0).all()


def test_single_samples_and_one_piece_agree_to_rounding() -> None:
    x = np.random.default_rng(0).normal(size=1500)
    one, _ = pieces(x, np.ones(1500, bool), [], CONFIGS[2], 60.0)
    many, _ = pieces(x, np.ones(1500, bool), list(range(1500)), CONFIGS[2], 60.0)
    np.testing.assert_allclose(one, many, atol=1e-12)


def test_an_output_is_never_later_than_the_stated_delay_and_memory_is_bounded() -> None:
    stream = Stream(Config(band=(0.5, 8.0), rate=25.0), 100.0)
    got = 0
    for k in range(3000):
        got += len(stream.push(np.ones(1))[0])
        assert got / 25.0 >= k / 100.0 - stream.delay_s - 1e-9
    assert len(stream._inner._buffer) < 2.2 * stream.delay_s * 100


def test_what_is_not_finite_is_a_gap() -> None:
    x = np.ones(400)
    x[100:110] = np.nan
    stream = Stream(Config(band=(0.5, 8.0)), 100.0)
    (a, v), (b, w) = stream.push(x), stream.flush()
    valid = np.concatenate((v, w))
    assert len(np.concatenate((a, b))) == 400
    assert not valid[100:110].any() and valid[:100].all() and valid[110:].all()


@pytest.mark.parametrize(
    ("config", "word"),
    [
        (Config(preset="glucose-original"), "Butterworth"),
        (Config(remove_mean=True), "mean"),
        (Config(detrend=True, band=(0.0, 8.0)), "trend"),
    ],
)
def test_what_needs_the_whole_recording_refuses_to_stream(config: Config, word: str) -> None:
    with pytest.raises(UsageError, match=word) as error:
        Stream(config, 125.0)
    assert error.value.code == "config" and error.value.fix
