"""Fusion of channels: any may be missing, in training and in use; one that is missing changes nothing else."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from pulsewise.core.errors import InputError
from pulsewise.core.recording import Recording, Signal
from pulsewise.core.windows import Windows
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.train import train
from pulsewise.models import fusion


def only(windows: Windows, *kinds: str) -> Windows:
    places = [windows.channels.index(kind) for kind in kinds]
    return Windows(windows.samples[:, places], windows.rate, kinds, windows.columns, True)


def test_what_a_missing_channel_would_have_held_does_not_matter() -> None:
    torch.manual_seed(0)
    net = fusion.build(fusion.Config(channels=3, width=4)).eval()
    x = torch.randn(5, 3, 120)
    x[2, 1] = 0
    weights = net.weights(x)
    assert torch.allclose(weights.sum(1), torch.ones(5), atol=1e-6) and weights[2, 1] == 0 and (weights[0] > 0).all()
    assert torch.allclose(net(x)[2], net(x[2:3])[0], atol=1e-6)
    x[4] = 0
    assert torch.isfinite(net(x)).all() and torch.isfinite(net.train()(x)).all()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, memory, make_waves, split_people) -> tuple[Bundle, Windows]:
    from pulsewise.learn import recipe

    windows = make_waves(people=24, channels=2)
    table = {
        "name": "fused",
        "dataset": {"name": "simulated"},
        "task": {"name": "heart_rate"},
        "window": {"length_s": 64 / 25, "channels": ["ppg", "ecg"]},
        "condition": {"rate": 25.0},
        "model": {"name": "fusion", "width": 8, "stages": 2, "dropout": 0.0},
        "train": {"epochs": 12, "batch": 16, "lr": 1e-2, "schedule": "cosine", "accelerator": "cpu", "patience": 0,
                  "augment": {"channel_dropout": 0.4}},
    }  # fmt: skip
    out = tmp_path_factory.mktemp("fusion")
    fold = split_people(windows, 18, 6)
    train(memory(windows), fold, recipe.fill(table), out)
    return Bundle.load(out / "bundle"), windows[fold.validation]


@pytest.mark.parametrize("kinds", [("ppg", "ecg"), ("ppg",), ("ecg",), ("ecg", "ppg")])
def test_it_answers_from_any_channels(trained: tuple[Bundle, Windows], kinds: tuple[str, ...]) -> None:
    bundle, windows = trained
    some = only(windows, *kinds)
    answers, truth = bundle.predict_windows(some)[:, 0], windows.columns["label_heart_rate"]
    assert np.abs(answers - truth).mean() < 0.6 * np.abs(truth - truth.mean()).mean()
    assert sum(e.value is not None for e in bundle.estimate_windows(some)) > 0.8 * len(some)
    if set(kinds) == {"ppg", "ecg"}:
        assert answers == pytest.approx(bundle.predict_windows(windows)[:, 0], rel=1e-6)


def test_a_channel_that_is_lost_in_some_windows_is_left_out_there(trained: tuple[Bundle, Windows]) -> None:
    bundle, windows = trained
    holed = Windows(windows.samples.copy(), windows.rate, windows.channels, windows.columns, True)
    holed.samples[::2, 1, 3] = np.nan
    holed.samples[0] = np.nan
    answers = bundle.predict_windows(holed)[:, 0]
    alone = bundle.predict_windows(only(windows, "ppg"))[:, 0]
    assert np.isnan(answers[0]) and answers[2::2] == pytest.approx(alone[2::2], rel=1e-5)
    assert answers[1::2] == pytest.approx(bundle.predict_windows(windows)[1::2, 0], rel=1e-5)


def test_a_recording_with_one_of_the_channels_is_answered_and_one_with_none_refused(trained) -> None:
    bundle, _ = trained
    wave = np.sin(2 * np.pi * 1.2 * np.arange(1000) / 25).astype(np.float32)
    one = Recording("r", (Signal("ecg", "ecg", "mV", 25.0, wave),))
    assert any(e.value is not None or e.reasons != ("gap",) for e in bundle.estimate(one))
    with pytest.raises(InputError, match="modality"):
        bundle.estimate(Recording("r", (Signal("eda", "eda", "µS", 25.0, wave),)))
    with pytest.raises(InputError, match="modality"):
        bundle.predict_windows(Windows(np.ones((1, 1, 64), np.float32), 25.0, ("eda",)))
