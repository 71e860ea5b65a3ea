"""The embedding of an encoder in ridge: what is in it is found, it holds the encoder, false files are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pulsewise.core.errors import ArtifactError
from pulsewise.core.windows import Windows

pytest.importorskip("torch")

import torch

from pulsewise.models import embedding, siamquality

OPTIONS = {"channels": 1, "length": 100, "depth": 18, "width": 4, "dropout": 0.0}
SMALL = embedding.Config(length=100, outputs=2)


def pulses(people: int = 30, each: int = 2) -> Windows:
    random = np.random.default_rng(3)
    count = people * each
    hz = np.repeat(random.uniform(0.8, 2.5, people), each)
    time = np.arange(100) / 25
    x = np.sin(2 * np.pi * hz[:, None] * time + random.uniform(0, 6, (count, 1)))
    columns = {"person": np.repeat([f"p{i}" for i in range(people)], each), "hz": hz}
    columns["age"] = np.repeat(random.uniform(20, 80, people), each)
    return Windows(x[:, None].astype(np.float32), 25.0, ("ppg",), columns)


def truth(windows: Windows) -> Any:
    return np.stack([windows.columns["hz"] - 1.6, windows.columns["age"] / 20 - 2.5], axis=1)


@pytest.fixture(scope="module")
def taken() -> Callable[[], embedding.Embedding]:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        net = siamquality.build(siamquality.Config(width=4))
    arrays = {name: a.numpy() for name, a in net.state_dict().items() if not name.startswith("head.")}

    def make() -> embedding.Embedding:
        model = embedding.build(SMALL)
        model.take("siamquality", OPTIONS, arrays)
        return model

    return make


@pytest.fixture(scope="module")
def fitted(taken: Callable[[], embedding.Embedding]) -> embedding.Embedding:
    model = taken()
    model.fit(pulses(), truth(pulses()), seed=0)
    return model


def test_rate_and_age_are_found_in_new_people(fitted: embedding.Embedding) -> None:
    rows = np.arange(60, 80)  # ten people more than were fitted on
    windows = pulses(40)
    answers, goal = fitted.predict(windows[rows]), truth(windows)[rows]
    error = np.abs(answers - goal).mean(0) / np.abs(goal).mean(0)
    assert error[0] < 0.85 and error[1] < 0.1  # the encoder is tiny, and its weights are random


def test_the_embedding_is_that_of_the_network(fitted: embedding.Embedding) -> None:
    net = fitted._net
    with torch.inference_mode():
        wanted = net.features(torch.from_numpy(pulses().samples)).numpy()
    assert fitted.features(pulses()) == pytest.approx(wanted, abs=1e-6) and wanted.shape[1] == 32


def test_restored_it_answers_the_same(fitted: embedding.Embedding) -> None:
    back = embedding.build(SMALL)
    back.restore({name: array.copy() for name, array in fitted.state().items()})
    assert np.array_equal(back.predict(pulses()), fitted.predict(pulses()))


@pytest.mark.parametrize(
    "change",
    [
        {"encoder": np.frombuffer(b'{"model": "nothing", "options": {}}', np.uint8)},
        {"encoder": np.frombuffer(b"[", np.uint8)},
        {"encoder": np.frombuffer(b'{"model": "rocket", "options": {}}', np.uint8)},
        {"encoder.conv1.bias": np.zeros(5, np.float32)},
        {"encoder.surprise": np.zeros(5, np.float32)},
        {"0.mean": np.zeros(7)},
        {"1.weights": np.zeros(7)},
        {"1.scale": np.zeros(5)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_false_arrays_are_refused(fitted: embedding.Embedding, change: dict[str, Any]) -> None:
    with pytest.raises(ArtifactError, match="artifact_invalid"):
        embedding.build(SMALL).restore({**fitted.state(), **change})
