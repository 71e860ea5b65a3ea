"""From a recording: the windows of the training path, with reasons where there is no number."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from pulsewise.core.errors import InputError
from pulsewise.core.recording import Recording
from pulsewise.data import split
from pulsewise.data.prepare import windows_of
from pulsewise.data.store import Store
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.train import train


@pytest.fixture(scope="module")
def bundle(disk_store: Path, tmp_path_factory) -> Bundle:
    """Trained on simulated people at 25 Hz, 4 s windows."""
    from pulsewise.learn.recipe import fill

    made = fill(
        {
            "name": "x",
            "dataset": {"name": "simulated"},
            "task": {"name": "heart_rate"},
            "condition": {"band": [0.5, 8.0], "rate": 25.0},
            "window": {"length_s": 4.0},
            "model": {"name": "resnet", "depth": 18, "width": 4},
            "train": {"epochs": 1, "accelerator": "cpu", "precision": "float32"},
        }
    )
    store = Store(disk_store)
    return train(store, split.make(store.columns(), made.split).folds[0], made, tmp_path_factory.mktemp("x"))


@pytest.fixture
def recording() -> Recording:
    """A simulated person of the same preset, never seen in training."""
    from pulsewise.datasets import simulated

    config = simulated.Config(preset="null", people=1, sessions=1, windows=6, duration_s=4.0, seed=99)
    dataset = simulated.build(config)
    return dataset.read(dataset.ids()[0])


def with_ppg(recording: Recording, **changes: object) -> Recording:
    return replace(recording, signals=(replace(recording.signal("ppg"), **changes),))


def test_estimates_are_those_of_the_windows_cut_from_the_recording(bundle: Bundle, recording: Recording) -> None:
    from pulsewise.learn.estimating import configs

    found = bundle.estimate(recording)
    windows, _ = windows_of(recording, *configs(bundle))
    assert [e.value for e in found] == bundle.predict_windows(windows).ravel().tolist()
    assert [e.window for e in found] == list(range(6))
    assert [(e.start, e.end) for e in found] == [(4.0 * i, 4.0 * i + 4) for i in range(6)]


def test_a_gap_is_no_number(bundle: Bundle, recording: Recording) -> None:
    ppg = recording.signal("ppg")
    valid = np.ones(len(ppg.samples), bool)
    valid[int(9 * ppg.rate) : int(11 * ppg.rate)] = False
    found = bundle.estimate(with_ppg(recording, valid=valid))
    assert all(e.abstained or e.end <= 9 or e.start >= 11 for e in found)
    assert {e.reasons for e in found if e.abstained} <= {("gap",), ("outside_domain",)}
    nothing = bundle.estimate(with_ppg(recording, valid=np.zeros_like(valid)))
    assert [e.reasons for e in nothing] == [("gap",)]


def test_too_short(bundle: Bundle, recording: Recording) -> None:
    ppg = recording.signal("ppg")
    found = bundle.estimate(with_ppg(recording, samples=ppg.samples[:100], valid=ppg.valid[:100]))
    assert [e.reasons for e in found] == [("too_short",)]


@pytest.mark.parametrize("level", [0.0, 3.0, -7.3, 1e-6, 1e5])
def test_a_constant_signal_is_never_answered(bundle: Bundle, recording: Recording, level: float) -> None:
    flat = np.full_like(recording.signal("ppg").samples, level)
    found = bundle.estimate(with_ppg(recording, samples=flat))
    assert found and all(e.abstained for e in found)


@pytest.mark.parametrize("what", ["noise", "square", "clipped"])
def test_what_is_no_pulse_is_never_answered(bundle: Bundle, recording: Recording, what: str) -> None:
    ppg = recording.signal("ppg")
    rails = np.quantile(ppg.samples, [0.2, 0.8])
    damaged = {
        "noise": np.random.default_rng(0).normal(size=len(ppg.samples)),
        "square": np.sign(np.sin(2 * np.pi * 1.2 * ppg.times)),
        "clipped": np.clip(ppg.samples, *rails),
    }[what]
    found = bundle.estimate(with_ppg(recording, samples=damaged.astype(np.float32)))
    assert found and all(e.abstained for e in found)


def test_another_kind_of_signal(bundle: Bundle, recording: Recording) -> None:
    with pytest.raises(InputError, match=r"\[modality\]"):
        bundle.estimate(with_ppg(recording, kind="ecg", name="ecg"))


def test_rates_only_come_down(bundle: Bundle, recording: Recording) -> None:
    with pytest.raises(InputError, match=r"25 Hz and the recording has 20 Hz.*\[rate\]"):
        bundle.estimate(with_ppg(recording, rate=20.0))
    assert bundle.estimate(recording)[0].value is not None  # 64 Hz


def test_without_a_rate_in_the_conditioning_only_drift_is_bridged(bundle: Bundle, recording: Recording) -> None:
    plain = replace(bundle.facts, condition={"band": [0.5, 8.0]}, rate=64.0, length=256)
    model = replace(plain.model, config={**plain.model.config, "length": 256})
    at64 = Bundle(replace(plain, model=model), bundle.arrays)
    exact = [e.value for e in at64.estimate(recording)]
    drifted = [e.value for e in at64.estimate(with_ppg(recording, rate=64.0 * (1 - 3e-4)))]
    assert len(exact) == len(drifted) == 6
    with pytest.raises(InputError, match=r"needs 64 Hz, 62 Hz came.*\[rate\]"):
        at64.estimate(with_ppg(recording, rate=62.0))


def test_an_untrained_bundle_abstains_and_says_why(bundle: Bundle, recording: Recording) -> None:
    fresh = Bundle(replace(bundle.facts, trained=False), bundle.arrays)
    assert [e.reasons for e in fresh.estimate(recording)] == [("untrained",)]
    assert fresh.estimate(recording, force=True)[0].value is not None
