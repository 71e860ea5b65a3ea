"""Explanations: they add up, they find what is there, and they say when they are not about the model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsewise.core import config
from pulsewise.core.errors import NoSignalError, UsageError
from pulsewise.core.plugin import Target, Task
from pulsewise.core.windows import Windows
from pulsewise.judge.explain import Config, explain
from pulsewise.judge.occlusion import bridged
from pulsewise.judge.randomised import alike, randomised
from pulsewise.judge.waves import PARTS, waves
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import Facts, Model
from pulsewise.learn.scaling import Scaling

RATE = 125.0


def ecg(seconds: float = 10.0, beat_s: float = 0.8, t_height: float = 0.3) -> np.ndarray:
    """An ECG of closed form: P 160 ms before, T 280 ms after the R peak."""
    t = np.arange(round(seconds * RATE)) / RATE
    at = np.arange(-1, seconds / beat_s + 1) * beat_s + 0.4

    def wave(delay: float, width: float, height: float) -> Any:
        return height * np.exp(-(((t[:, None] - at - delay) / width) ** 2) / 2).sum(axis=1)

    return np.asarray(wave(-0.16, 0.02, 0.15) + wave(0.0, 0.012, 1.0) + wave(0.28, 0.04, t_height))


def windows_of(rows: np.ndarray, kind: str = "ecg") -> Windows:
    z = (rows - rows.mean(axis=1, keepdims=True)) / rows.std(axis=1, keepdims=True)
    columns = {"start": np.arange(len(rows)) * rows.shape[1] / RATE, "quality": np.ones(len(rows))}
    return Windows(z[:, None].astype(np.float32), RATE, (kind,), columns, synthetic=True)


def bundle_of(name: str, windows: Windows, *, seed: int = 0, binary: bool = True, **options: Any) -> Bundle:
    """A bundle of a network with random weights that says it was trained."""
    torch = pytest.importorskip("torch")
    from pulsewise.core import registry
    from pulsewise.learn.network import forward

    plugin = registry.load("models", name)
    made = plugin.Config(channels=len(windows.channels), length=windows.length, outputs=1, **options)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = plugin.build(made)
    task = Task(
        "asked", (Target("hypoglycemia", "", 0.0, 1.0),), windows.channels, "binary" if binary else "regression"
    )
    facts = Facts(
        name, task, Model(name, True, config.to_table(made)), RATE, windows.length, windows.channels, {}, {},
        Scaling((0.0,) * len(windows.channels), (1.0,) * len(windows.channels), (0.0,), (1.0,)),
        answer="probability" if binary else "value", trained=True, synthetic=True,
    )  # fmt: skip
    return Bundle(facts, forward.state(net))


NETS: list[tuple[str, dict[str, Any]]] = [
    ("resnet", {"depth": 18, "width": 4}),
    ("tiny", {}),
    ("lstm", {"hidden": 16, "layers": 1, "pool": "attention"}),
    ("cnn_lstm", {"units": 8}),
    ("cnn_lstm", {"units": 8, "reading": "patch", "patch": 50, "hop": 5}),
    ("cnn_lstm", {"units": 8, "reading": "fusion", "hidden": (32,)}),
    ("transformer", {"size": 24, "layers": 1, "heads": 2}),
    ("fusion", {"width": 4}),
    ("siamquality", {"width": 4}),
]


@pytest.mark.parametrize(("name", "options"), NETS, ids=lambda v: v if isinstance(v, str) else v.get("reading", ""))
def test_every_network_is_explained_and_adds_up(name: str, options: dict[str, Any]) -> None:
    pytest.importorskip("captum")
    windows = windows_of(np.stack([ecg(4.0, 0.8), ecg(4.0, 0.7)]))
    bundle = bundle_of(name, windows, **options)
    made = explain(bundle, windows, Config(draws=1), force=True)
    found = made.method("integrated_gradients")
    assert found and found.completeness and found.completeness.met and found.completeness.worst <= 0.01
    said = bundle.scaled(windows)[:, 0]
    empty = bundle.scaled(replace(windows, samples=windows.samples * np.float32(1e-6)))[:, 0]
    for n, window in enumerate(made.windows):
        sums = window.values["integrated_gradients"].sum()
        assert abs(sums - (said[n] - empty[n])) <= 0.0101 * max(abs(said[n] - empty[n]), said.std())
    has = {m.name for m in made.methods}
    assert ("attention" in has) == (name in ("lstm", "cnn_lstm"))
    assert ("grad_cam" in has) == (name in ("resnet", "tiny", "cnn_lstm", "siamquality"))
    json.dumps(made.to_dict(), allow_nan=False)
    assert all(any(m.check.words in text for text in made.words) for m in made.methods)


def test_integrated_gradients_of_a_linear_network_are_weights_times_samples() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("captum")
    from pulsewise.judge import gradients

    windows = windows_of(ecg(4.0)[None])
    weights = torch.linspace(-1, 1, windows.length)

    class Linear(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return (x[:, 0] * weights).sum(1, keepdim=True)

    bundle = bundle_of("tiny", windows)
    bundle.__dict__["model"] = Linear()
    found = gradients.integrated(bundle, windows.samples, 0, 1.0)
    assert np.allclose(found.values[0, 0], windows.samples[0, 0] * weights.numpy(), atol=1e-6)
    assert found.error[0] < 1e-5 and found.steps[0] == gradients.STRETCHES * gradients.STEPS


def test_a_cliff_on_the_way_is_resolved() -> None:
    """Equal steps would miss it: the answer rises by 10 within a ten-thousandth of the way."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("captum")
    from pulsewise.judge import gradients

    windows = windows_of(ecg(4.0)[None])
    weights = torch.from_numpy(windows.samples[0, 0] / (windows.samples[0, 0] ** 2).sum())

    class Cliff(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return 10 * torch.sigmoid(((x[:, 0] * weights).sum(1, keepdim=True) - 0.6180) * 2e4)

    bundle = bundle_of("tiny", windows)
    bundle.__dict__["model"] = Cliff()
    found = gradients.integrated(bundle, windows.samples, 0, 0.0)
    assert found.values.sum() == pytest.approx(10, rel=0.01) and found.error[0] <= 0.01
    assert found.steps[0] < 600


def test_waves_are_where_they_were_put() -> None:
    x = ecg()
    found = waves(x, RATE, "ecg")
    assert found.names == PARTS["ecg"] and len(found.time) >= 11
    for delay, part in ((-0.16, "P"), (0.0, "QRS"), (0.28, "T")):
        at = np.rint((found.time[2:-2] + delay) * RATE).astype(int)
        assert {found.names[p] for p in found.part[at]} == {part}
    assert found.shares().sum() == pytest.approx(1)
    assert found.by_beat(x).sum() == pytest.approx(x[found.beat >= 0].sum())


def test_a_short_window_is_centred_on_its_beat_and_other_signals_have_no_waves() -> None:
    assert waves(ecg()[40:165], RATE, "ppg", centred=True).time.tolist() == [62 / RATE]
    assert waves(ecg(), RATE, "eda").names == ("all",)
    assert waves(ecg()[::2], RATE / 2, "ecg").names == ("all",)


def test_random_weights_are_other_weights_of_the_same_shape() -> None:
    windows = windows_of(ecg(4.0)[None])
    bundle = bundle_of("tiny", windows)
    one, same, other = randomised(bundle, 1), randomised(bundle, 1), randomised(bundle, 2)
    assert one and same and other and one.fingerprint == same.fingerprint != other.fingerprint != bundle.fingerprint
    assert {k: v.shape for k, v in one.arrays.items()} == {k: v.shape for k, v in bundle.arrays.items()}


def test_likeness_is_the_rank_correlation_of_absolute_values() -> None:
    from scipy.stats import spearmanr

    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 3, 1, 200))
    expected = np.mean([spearmanr(np.abs(x[0]), np.abs(y[0])).statistic for x, y in zip(a, b, strict=True)])
    assert alike(a, b) == pytest.approx(expected)
    assert np.isnan(alike(a, np.zeros_like(a)))


def test_an_explanation_that_random_weights_give_too_is_not_about_the_model() -> None:
    """The model of the bundle is itself one of random weights: its explanation is that of no model."""
    pytest.importorskip("captum")
    windows = windows_of(np.stack([ecg(4.0), ecg(4.0, 0.7)]))
    bundle = bundle_of("tiny", windows, seed=5)
    made = explain(bundle, windows, Config(draws=1, seed=5, methods=("occlusion",)), force=True)
    check = made.methods[0].check
    assert check.alike == pytest.approx(1.0) and not check.passed and not made.of_the_model
    assert any("not about the model" in text for text in made.words)


def test_bridging_leaves_no_step() -> None:
    x = np.arange(20, dtype=np.float32)
    assert np.allclose(bridged(x, [(5, 9)]), x)
    assert np.allclose(bridged(x, [(0, 3)])[:3], 3) and np.allclose(bridged(x, [(17, 20)])[17:], 16)


def test_what_cannot_be_explained_is_refused() -> None:
    windows = windows_of(ecg(4.0)[None])
    bundle = bundle_of("tiny", windows)
    with pytest.raises(UsageError, match="glucose"):
        explain(bundle, windows, Config(quantity="glucose"))
    with pytest.raises(UsageError, match="no way of explaining"):
        Config(methods=("magic",))
    flat = replace(windows, samples=np.full_like(windows.samples, np.nan))
    with pytest.raises(NoSignalError, match="gap"):
        explain(bundle, flat)


def test_a_channel_that_is_missing_is_left_out(tmp_path: Path) -> None:
    pytest.importorskip("captum")
    from pulsewise.show.explain import write

    both = windows_of(np.stack([ecg(4.0), ecg(4.0, 0.7)]))
    both = replace(both, samples=np.repeat(both.samples, 2, axis=1), channels=("ecg", "ppg"))
    bundle = bundle_of("fusion", both, width=4)
    alone = replace(both, samples=both.samples[:, :1], channels=("ecg",))
    made = explain(bundle, alone, Config(draws=1), force=True)
    weights = {p.channel: p.share for p in made.methods[0].parts if p.part in ("QRS", "all")}
    assert weights["ppg"] == 0 < weights["ecg"]
    assert {row.channel for row in made.without} == {"ecg"}
    table = json.loads(write(made, tmp_path)[1].read_text())
    assert set(table["windows"][0]["channels"][1]["samples"]) == {None}
