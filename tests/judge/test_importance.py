"""Permutation importance: what the model uses is found, what it does not use is not, over people."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.plugin import Target, Task
from pulsewise.core.windows import Windows
from pulsewise.judge.importance import importance
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import Facts, Model
from pulsewise.learn.scaling import Scaling
from pulsewise.models import classical
from pulsewise.show.importance import NAMES, write

RATE, LENGTH = 50.0, 200


@pytest.fixture(scope="module")
def windows() -> Windows:
    """Pulses of 12 people with 5 windows each, of different rate and width."""
    random = np.random.default_rng(0)
    t = np.arange(LENGTH) / RATE
    period = random.uniform(0.5, 1.1, (60, 1))
    width = random.uniform(0.08, 0.16, (60, 1))
    phase = (t % period) / period
    x = np.exp(-(((phase - 0.3) / width) ** 2)) + 0.3 * np.exp(-(((phase - 0.65) / width) ** 2))
    x += random.normal(0, 0.02, x.shape)
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    return Windows(
        x[:, None].astype(np.float32), RATE, ("ppg",), {"person": np.repeat([f"p{i}" for i in range(12)], 5)}
    )


def linear(windows: Windows, used: int) -> tuple[Bundle, Windows]:
    """A bundle that answers with one of its features, and the windows with that as their label."""
    config = classical.Config(length=LENGTH, kind="linear")
    model = classical.build(config)
    found, names = model._matrix(windows)
    there = np.isfinite(found).any(axis=0)
    center = np.where(there, np.nanmedian(np.where(there, found, 0.0), axis=0), 0.0)
    spread = np.where(np.isfinite(found), found, center).std(axis=0)
    weights = np.zeros(len(names))
    weights[used] = 1.0
    arrays = {
        "names": np.frombuffer(json.dumps(list(names)).encode(), np.uint8),
        "center": center,
        "scale": np.where(spread > 1e-9, spread, 1.0),
        "0.weights": weights,
        "0.offset": np.zeros(1),
    }
    task = Task("asked", (Target("glucose", "mg/dL", -1e6, 1e6),), ("ppg",))
    facts = Facts(
        "asked", task, Model("classical", False, {"length": LENGTH, "kind": "linear"}), RATE, LENGTH, ("ppg",), {}, {},
        Scaling((0.0,), (1.0,), (100.0,), (20.0,)), trained=True,
    )  # fmt: skip
    bundle = Bundle(facts, arrays)
    return bundle, replace(windows, columns={**windows.columns, "label_glucose": bundle.predict_windows(windows)[:, 0]})


def test_the_feature_that_is_used_is_the_only_one_that_is_needed(windows: Windows, tmp_path: Path) -> None:
    bundle, labelled = linear(windows, 0)
    spreads = bundle.features_of(windows).std(axis=0)
    used = int(np.argmin(np.abs(spreads - 1)))
    bundle, labelled = linear(windows, used)
    (made,) = importance([(bundle, labelled)])
    name = bundle.model.names[used]
    assert made.error == pytest.approx(0, abs=1e-6) and made.people == 12
    assert name in made.groups[0].features and made.groups[0].matters and made.groups[0].share == pytest.approx(1)
    assert all(g.growth.value == 0 and not g.matters for g in made.groups[1:])
    assert name in made.words() or made.groups[0].features[0] in made.words()
    files = write([made], tmp_path, "by-hand", synthetic=True)
    assert [f.name for f in files] == list(NAMES) and "simulated people" in files[0].read_text().lower()
    assert json.loads(files[1].read_text())["quantities"][0]["people"] == 12


def test_groups_hold_every_feature_that_varies_once(windows: Windows) -> None:
    bundle, labelled = linear(windows, 0)
    (made,) = importance([(bundle, labelled)])
    named = [name for g in made.groups for name in g.features]
    varies = np.ptp(bundle.features_of(windows), axis=0) > 0
    assert sorted(named) == sorted(n for n, v in zip(bundle.model.names, varies, strict=True) if v)
    assert max(len(g.features) for g in made.groups) > 1


def test_labels_are_needed_and_named_features_too(windows: Windows) -> None:
    bundle, _ = linear(windows, 0)
    with pytest.raises(InputError, match="label"):
        importance([(bundle, windows)])
    other = replace(bundle)
    other.__dict__["model"] = object()
    with pytest.raises(UsageError, match="named features"):
        importance([(other, windows)])
    with pytest.raises(InputError, match="held-out"):
        importance([(bundle, windows[:0])])
