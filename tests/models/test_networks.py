"""What every network promises: shapes, stages that add up, weights that rebuild, the same alone as in a batch."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from pulsewise.core import registry
from pulsewise.core.errors import ArtifactError
from pulsewise.learn.network import forward
from pulsewise.models import cnn_lstm, siamquality, tiny, transformer

LENGTH = 400
SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "lstm": ("lstm", {"hidden": 12, "layers": 2}),
    "lstm, both ways, attention": ("lstm", {"hidden": 12, "layers": 2, "bidirectional": True, "pool": "attention"}),
    "autoencoder": ("autoencoder", {"hidden": (20,), "latent": 5}),
    "cnn_lstm, raw": ("cnn_lstm", {"units": 8}),
    "cnn_lstm, patch": ("cnn_lstm", {"units": 8, "reading": "patch", "patch": 40, "latent": 4}),
    "cnn_lstm, fusion": ("cnn_lstm", {"units": 8, "reading": "fusion", "hidden": (20,), "latent": 4}),
    "cnn alone": ("cnn_lstm", {"parts": "cnn"}),
    "lstm alone": ("cnn_lstm", {"parts": "lstm", "units": 8}),
    "lstm alone, patch": ("cnn_lstm", {"parts": "lstm", "units": 8, "reading": "patch", "latent": 4}),
    "siamquality": ("siamquality", {"width": 4}),
    "siamquality, bottlenecks": ("siamquality", {"width": 4, "depth": 50}),
    "transformer": ("transformer", {"size": 16, "heads": 2, "layers": 2}),
    "tiny": ("tiny", {}),
    "fusion": ("fusion", {"width": 4, "stages": 2}),
    "resnet with attention": ("resnet", {"width": 4, "depth": 18, "attention": True, "heads": 4}),
}
CASES = pytest.mark.parametrize("case", SMALL)


def made(case: str, channels: int = 2, outputs: int = 3) -> tuple[Any, Any]:
    name, options = SMALL[case]
    plugin = registry.load("models", name)
    torch.manual_seed(0)
    config = plugin.Config(channels=channels, length=LENGTH, outputs=outputs, **options)
    return plugin, config


@CASES
def test_shapes_stages_and_gradients(case: str) -> None:
    plugin, config = made(case)
    net = plugin.build(config).train()
    x = torch.randn(4, 2, LENGTH)
    answers = net(x)
    assert answers.shape == (4, 3)
    (answers.sum() + (net.auxiliary(x) if hasattr(net, "auxiliary") else 0.0)).backward()
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in net.parameters())
    assert net.features(x).dim() == 2
    assert sum(stage["parameters"] for stage in net.stages(LENGTH)) == sum(p.numel() for p in net.parameters())


@CASES
def test_rebuilt_it_answers_the_same_and_alone_as_in_a_batch(case: str) -> None:
    plugin, config = made(case)
    net = plugin.build(config).eval()
    back = forward.rebuild(plugin, config, forward.state(net))
    x = np.random.default_rng(0).normal(size=(5, 2, LENGTH)).astype(np.float32)
    answers = forward.outputs(back, x)
    assert np.array_equal(answers, forward.outputs(net, x))
    assert np.allclose(np.concatenate([forward.outputs(net, x[i : i + 1]) for i in range(5)]), answers, atol=1e-5)


@CASES
def test_weights_of_another_shape_or_with_extra_names_are_refused(case: str) -> None:
    plugin, config = made(case)
    state = forward.state(plugin.build(config))
    name = sorted(state)[-1]
    for wrong, what in (
        ({**state, "more": np.zeros(3)}, "1 are too many"),
        ({k: v for k, v in state.items() if k != name}, "1 weights are missing"),
        ({**state, name: np.zeros((7, 7))}, "1 have another shape"),
    ):
        with pytest.raises(ArtifactError, match=rf"{what}.*\[artifact_invalid\]"):
            forward.rebuild(plugin, config, wrong)


@pytest.mark.parametrize("case", [name for name in SMALL if name.startswith(("lstm, both", "cnn", "lstm alone"))])
def test_attention_weights_are_shares_of_one(case: str) -> None:
    plugin, config = made(case)
    weights = plugin.build(config).attention(torch.randn(3, 2, LENGTH))
    assert torch.allclose(weights.sum(1), torch.ones(3), atol=1e-5) and bool((weights >= 0).all())


@pytest.mark.parametrize("case", ["autoencoder", "cnn_lstm, patch", "cnn_lstm, fusion"])
def test_the_autoencoder_learns_from_the_signal_alone_unless_joint(case: str) -> None:
    plugin, config = made(case)
    net = plugin.build(config)
    x = torch.randn(4, 2, LENGTH)
    net(x).sum().backward()
    assert all(p.grad is None for p in net.autoencoder.parameters())
    joint = plugin.build(type(config)(**{**vars(config), "joint": True}))
    joint(x).sum().backward()
    assert all(p.grad is not None for p in joint.autoencoder.encoder.parameters())


def test_an_autoencoder_that_is_trained_gives_back_what_it_saw() -> None:
    plugin, config = made("autoencoder", channels=1)
    net = plugin.build(config)
    phase = torch.linspace(0, 6.28, 32)[:, None]
    x = torch.sin(torch.arange(LENGTH) / 20 + phase).unsqueeze(1)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(200):
        optimizer.zero_grad()
        error = net.auxiliary(x)
        error.backward()
        optimizer.step()
    assert error.item() < 0.1 * x.var().item()


def test_published_lengths_of_the_siamquality_stages() -> None:
    stages = siamquality.build(siamquality.Config()).stages(1200)
    assert [stage["shape"][-1] for stage in stages[:-1]] == [281, 281, 141, 71, 36]


@pytest.mark.parametrize(
    ("plugin", "options", "what"),
    [
        (siamquality, {"length": 79}, "80 samples"),
        (cnn_lstm, {"length": 20}, "25 steps"),
        (transformer, {"heads": 5}, "heads divide"),
        (tiny, {"outputs": 50}, "more than 10000"),
    ],
)
def test_impossible_configs_are_refused(plugin: Any, options: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        plugin.Config(**options)
