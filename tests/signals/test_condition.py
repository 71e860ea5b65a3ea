"""Promise: filters do what they say at every frequency, shift nothing in time, and never reach across a gap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal as scipy_signal

from pulsewise.core.config import fill
from pulsewise.core.errors import InputError, NoSignalError, UsageError
from pulsewise.core.recording import Signal
from pulsewise.signals import chain, convolve, design, kernels
from pulsewise.signals import condition as c


def tone(frequency: float, rate: float, seconds: float = 24.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate + 0.3)


def gain_and_shift(y: np.ndarray, frequency: float, rate: float) -> tuple[float, float]:
    """Amplitude and phase (rad) of a tone against `tone`, away from the ends."""
    inside = slice(int(6 * rate), int(18 * rate))
    t = np.arange(len(y))[inside] / rate
    z = 2 * np.mean(y[inside] * np.hanning(len(t)) * 2 * np.exp(-1j * (2 * np.pi * frequency * t + 0.3 - np.pi / 2)))
    return abs(z), float(np.angle(z))


@pytest.mark.parametrize("family", ["fir", "butterworth"])
@pytest.mark.parametrize("rate", [40.0, 125.0, 500.0])
def test_band_passes_its_middle_halves_its_edges_and_shifts_nothing(family: str, rate: float) -> None:
    for frequency in (1.0, 1.2, 3.0, 5.0):
        gain, shift = gain_and_shift(c.bandpass(tone(frequency, rate), rate, (0.5, 8), family=family), frequency, rate)
        assert gain == pytest.approx(1.0, abs=0.02) and abs(shift) < 0.005
    for edge in (0.5, 8.0):
        gain, _ = gain_and_shift(c.bandpass(tone(edge, rate), rate, (0.5, 8), family=family), edge, rate)
        assert gain == pytest.approx(0.5, abs=0.02)
    for outside in (0.2, 12.0):
        gain, _ = gain_and_shift(c.bandpass(tone(outside, rate), rate, (0.5, 8), family=family), outside, rate)
        assert gain < (0.002 if family == "fir" else 0.06)


def test_constants_and_trends_are_gone_to_the_last_sample() -> None:
    line = 2e5 + 37.0 * np.arange(1000) / 100
    assert np.abs(c.bandpass(line, 100, (0.5, 8))).max() < 1e-6
    assert np.abs(c.detrend(line)).max() < 1e-6
    np.testing.assert_allclose(c.lowpass(line, 100, 8), line, atol=1e-6)


@pytest.mark.parametrize("family", ["fir", "butterworth"])
def test_notch_takes_out_its_line_only(family: str) -> None:
    assert gain_and_shift(c.notch(tone(50, 250), 250, 50, family=family), 50, 250)[0] < 0.003
    for frequency in (40.0, 60.0):
        assert gain_and_shift(c.notch(tone(frequency, 250), 250, 50, family=family), frequency, 250)[0] > 0.97


def test_butterworth_and_savitzky_golay_are_those_of_scipy() -> None:
    x = np.random.default_rng(0).normal(size=3000)
    sos = scipy_signal.butter(4, (0.5, 10), "bandpass", fs=500, output="sos")
    np.testing.assert_array_equal(c.bandpass(x, 500, (0.5, 10), family="butterworth"), scipy_signal.sosfiltfilt(sos, x))
    expected = scipy_signal.savgol_filter(x, 25, 3)
    np.testing.assert_allclose(c.savitzky_golay(x, 500, 0.05, 3, family="butterworth"), expected)
    np.testing.assert_allclose(c.savitzky_golay(x, 500)[20:-20], expected[20:-20], atol=1e-12)


def test_the_glucose_original_is_its_three_steps_in_a_row() -> None:
    x = 5000 + 100 * np.random.default_rng(1).normal(size=5000).cumsum().astype(np.float32)
    found = c.condition(Signal("p", "ppg", "a.u.", 500, x), c.Config(preset="glucose-original"))
    sos = scipy_signal.butter(4, (0.5, 10), "bandpass", fs=500, output="sos")
    x64 = np.asarray(x, np.float32).astype(np.float64)
    expected = scipy_signal.savgol_filter(scipy_signal.sosfiltfilt(sos, x64 - x64.mean()), 25, 3)
    np.testing.assert_allclose(found.samples, expected.astype(np.float32))


@pytest.mark.parametrize(
    ("rate", "out"), [(240, 40), (2175, 125), (30.03, 40), (1000, 30.03), (124.98731, 125), (100, 125), (64, 50)]
)
def test_resampling_keeps_tones_in_place_and_folds_nothing_back(rate: float, out: float) -> None:
    nyquist = min(rate, out) / 2
    for share in (0.05, 0.4, 0.75):
        frequency = share * nyquist
        y = c.resample(tone(frequency, rate), rate, out)
        assert len(y) == int(np.ceil(int(24 * rate) * out / rate - 1e-6))
        gain, shift = gain_and_shift(y, frequency, out)
        assert gain == pytest.approx(1.0, abs=0.003) and abs(shift) < 1e-3
    if out < 0.8 * rate:
        above = out / 2 * 1.02
        y = c.resample(tone(above, rate), rate, out)
        assert np.abs(y[int(6 * out) : int(18 * out)]).max() < 1e-3
    np.testing.assert_allclose(c.resample(np.full(2000, 262143.0), rate, out), 262143.0, rtol=1e-12)


def test_band_and_rate_together_are_the_long_filter_then_every_sixth_sample() -> None:
    x = np.random.default_rng(2).normal(size=240 * 60)
    fused = chain.plan(240.0, band=(0.5, 8.0), rate_out=40.0).run(x)
    plain = c.bandpass(x, 240, (0.5, 8.0))[::6]
    assert np.abs(fused - plain)[200:-200].max() < 0.02 * plain.std()


def test_compiled_and_plain_arithmetic_give_the_same() -> None:
    pytest.importorskip("numba")
    x = np.random.default_rng(3).normal(size=(2, 4000))
    for rate, out in ((240.0, 40.0), (99.97, 60.0)):
        resampler = convolve.Resampler(rate, out, 0.45 * out, 0.1 * out)
        up, down = resampler.ratio
        table = convolve._table(rate, resampler.cut, resampler.width, up or convolve._PHASES)
        plain = resampler.apply(x, 0, 50, 500)
        compiled = kernels.resample(x, table, 0, 50, 500, up, down, rate / out)
        np.testing.assert_allclose(compiled, plain, atol=1e-12)


def test_a_batch_is_its_rows() -> None:
    x = np.random.default_rng(4).normal(size=(3, 2, 500))
    y = c.bandpass(x, 100, (0.5, 8))
    np.testing.assert_allclose(y[1, 1], c.bandpass(x[1, 1], 100, (0.5, 8)), atol=1e-12)
    np.testing.assert_allclose(c.zscore(x).std(axis=-1), 1)
    assert c.minmax(x).min() == 0 and c.minmax(x).max() == 1
    assert (c.zscore(np.full((2, 5), 0.1)) == 0).all() and (c.minmax(np.ones(4)) == 0).all()


def gapped() -> Signal:
    x = np.random.default_rng(5).normal(size=3000).cumsum()
    valid = np.ones(3000, dtype=bool)
    valid[1000:1200] = valid[2500] = False
    return Signal("p", "ppg", "a.u.", 100, x, valid)


@pytest.mark.parametrize(
    "config", [c.Config(band=(0.5, 8.0)), c.Config(preset="glucose-original"), c.Config(rate=40.0)]
)
def test_what_lies_behind_a_gap_changes_nothing_before_it(config: c.Config) -> None:
    signal = gapped()
    other = signal.samples.copy()
    other[1000:] = 1e4
    changed = c.condition(Signal("p", "ppg", "a.u.", 100, other, signal.valid), config)
    plain = c.condition(signal, config)
    before = int(10 * plain.rate)
    np.testing.assert_array_equal(plain.samples[:before], changed.samples[:before])
    assert not plain.valid[before : int(12 * plain.rate)].any()
    assert (plain.samples[~plain.valid] == 0).all()


def test_the_mask_follows_a_change_of_rate() -> None:
    signal = gapped()
    found = c.condition(signal, c.Config(rate=40.0))
    assert len(found.samples) == 1200 and found.rate == 40.0
    source = np.floor(np.arange(1200) / 40 * 100 + 1e-9).astype(int)
    assert np.array_equal(found.valid, signal.valid[source])


@pytest.mark.parametrize("length", [1, 2, 3, 17, 210])
@pytest.mark.parametrize("preset", [name for name in c.PRESETS if name != "hypoglycemia"])
def test_a_stretch_shorter_than_the_filter_is_conditioned_too(length: int, preset: str) -> None:
    x = np.random.default_rng(6).normal(size=length)
    found = c.condition(Signal("p", "ppg", "a.u.", 100, x), c.Config(preset=preset))
    assert found.valid.all() and np.isfinite(found.samples).all() and len(found.samples)


def test_ends_are_near_what_the_whole_recording_gives_there() -> None:
    """Against odd reflection, which is 3 to 9 times further off where there is hum."""
    t = np.arange(12000) / 125
    x = np.exp(np.cos(2 * np.pi * 1.2 * t)) + np.sin(2 * np.pi * 50 * t) + 0.5 * t
    whole = c.bandpass(x, 125, (0.5, 8))
    off = [
        np.abs(c.bandpass(x[a : a + 1250], 125, (0.5, 8)) - whole[a : a + 1250])[[*range(60), *range(-60, 0)]].mean()
        for a in range(3000, 4000, 97)
    ]
    assert np.mean(off) < 0.35 * whole.std()


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(NoSignalError) as error:
        c.condition(Signal("p", "ppg", "a.u.", 100, np.full(100, np.nan)), c.Config(band=(0.5, 8.0)))
    assert error.value.code == "no_usable_signal"
    with pytest.raises(UsageError, match="finite"):
        c.bandpass([1.0, np.nan], 100, (0.5, 8))
    with pytest.raises(InputError, match="T > 0"):
        c.bandpass([], 100, (0.5, 8))


@pytest.mark.parametrize(
    ("config", "rate", "code"),
    [
        (c.Config(band=(0.5, 10.0)), 20.0, "rate"),
        (c.Config(band=(8.0, 0.5)), 100.0, "config"),
        (c.Config(band=(0.5, 8.0), rate=15.0), 100.0, "config"),
        (c.Config(notch=50.0), 100.0, "config"),
    ],
)
def test_impossible_filters_are_refused(config: c.Config, rate: float, code: str) -> None:
    with pytest.raises((UsageError, InputError)) as error:
        c.condition(Signal("p", "ppg", "a.u.", rate, np.ones(200)), config)
    assert error.value.code == code


def test_presets_fill_what_is_not_given() -> None:
    config = fill(c.Config, {"preset": "glucose-original", "family": "fir", "rate": 125})
    assert (config.family, config.band, config.savgol_s, config.rate) == ("fir", (0.5, 10.0), 0.05, 125.0)
    assert c.Config(preset="glucose-description").band == (0.5, 8.0)
    for bad in ({"preset": "glucos"}, {"family": "elliptic"}, {"order": 0}, {"savgol_s": -1.0}):
        with pytest.raises(UsageError):
            fill(c.Config, bad)
    assert not c.Config().changes and design.savgol_length(0.05, 2175) == 109
