"""Personal bundles: they take what readings give, are judged on later ones, and say no where they are not better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsewise.core import config, registry
from pulsewise.core.errors import CODES, GateError, InputError, UsageError
from pulsewise.core.plugin import Target, Task
from pulsewise.core.windows import Windows
from pulsewise.learn import adapting
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import Facts, Model
from pulsewise.learn.personal import token
from pulsewise.learn.personalize import Config, personalize, readings_of
from pulsewise.learn.scaling import Scaling

RATE, LENGTH, EACH = 25.0, 64, 2


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """A network of random weights that says it was trained, answering one quantity of mean 100 and SD 20."""
    torch = pytest.importorskip("torch")
    from pulsewise.learn.network import forward

    plugin = registry.load("models", "tiny")
    made = plugin.Config(channels=1, length=LENGTH, outputs=1)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = plugin.build(made)
        spread = net.eval()(torch.from_numpy(sines(np.random.default_rng(9).uniform(0.7, 3.0, 64)))).std()
        net.head.weight.data /= spread
    task = Task("asked", (Target("glucose", "mg/dL", -1e6, 1e6),), ("ppg",))
    facts = Facts(
        "asked", task, Model("tiny", True, config.to_table(made)), RATE, LENGTH, ("ppg",), {}, {},
        Scaling((0.0,), (1.0,), (100.0,), (20.0,)), trained=True, synthetic=True,
    )  # fmt: skip
    return Bundle(facts, forward.state(net))


def sines(hz: Any) -> Any:
    time = np.arange(LENGTH) / RATE
    phase = np.random.default_rng(len(hz)).uniform(0, 6, (len(hz), 1))
    return np.sin(2 * np.pi * hz[:, None] * time + phase)[:, None].astype(np.float32)


def person(bundle: Bundle, truth: Callable[[Any, Any], Any], readings: int = 16, seed: int = 0) -> Windows:
    """A person with `EACH` windows per reading, whose truth is made from what the bundle says and its embedding."""
    from pulsewise.learn.network import adapt

    random = np.random.default_rng(seed)
    x = sines(np.repeat(random.uniform(0.7, 3.0, readings), EACH))
    columns = {"person": np.full(len(x), "anna"), "record": np.full(len(x), "r"), "start": np.arange(len(x)) * 2.56}
    windows = Windows(x, RATE, ("ppg",), columns, synthetic=True)
    said = bundle.predict_windows(windows)[:, 0].reshape(readings, EACH).mean(axis=1)
    phi = adapt.before_last(bundle.model, x)[0].reshape(readings, EACH, -1).mean(axis=1)
    values = np.repeat(truth(said, phi), EACH)
    return replace(windows, columns={**windows.columns, "label_glucose": values})


def test_windows_with_one_label_are_one_reading_in_the_order_of_time(bundle: Bundle) -> None:
    windows = person(bundle, lambda said, phi: np.arange(len(said)) + 90.0, readings=6)
    shuffled = windows[np.random.default_rng(1).permutation(len(windows))]
    kept, targets, reading = readings_of(bundle, shuffled)
    assert reading.tolist() == np.repeat(np.arange(6), EACH).tolist()
    assert targets[:, 0].tolist() == np.repeat(np.arange(6) + 90.0, EACH).tolist()
    assert (np.diff(kept.columns["start"]) > 0).all()


@pytest.mark.parametrize("given", [1, 3, 5])
def test_an_offset_is_found_from_any_number_of_readings(bundle: Bundle, given: int) -> None:
    made = personalize(bundle, person(bundle, lambda said, phi: said + 17), Config("offset", given))
    (row,) = made.judged
    assert row.after == pytest.approx(0, abs=1e-3) and row.before == pytest.approx(17, abs=1e-3) and row.better
    assert made.bundle.arrays is bundle.arrays
    assert row.readings == 16 - given and made.given == given


def test_a_stretch_and_a_direction_of_the_embedding_are_found(bundle: Bundle) -> None:
    windows = person(bundle, lambda said, phi: 100 + 3 * (said - said.mean()))
    later = {how: personalize(bundle, windows, Config(how, 8)).judged[0].after for how in ("offset", "affine")}
    assert later["affine"] < 0.7 * later["offset"]

    def along_the_main_direction(said: Any, phi: Any) -> Any:
        x = phi - phi.mean(0)
        return said + 200 * x @ np.linalg.svd(x)[2][0] / np.abs(x).sum()

    windows = person(bundle, along_the_main_direction, readings=30)
    later = {
        how: personalize(bundle, windows, Config(how, 12), force=True).judged[0].after for how in ("offset", "ridge")
    }
    assert later["ridge"] < 0.7 * later["offset"]


@pytest.mark.parametrize("how", ["last-layer", "whole"])
def test_training_on_lessens_the_error_of_the_given_readings(bundle: Bundle, how: Any) -> None:
    windows = person(bundle, lambda said, phi: said + 10 + 10 * (phi - phi.mean(0))[:, 0] / phi[:, 0].std())
    kept, targets, reading = readings_of(bundle, windows)
    shifted, on = (adapting.adapt(bundle, way, kept, targets, reading) for way in ("offset", how))
    errors = [float(np.mean((b.predict_windows(kept) - targets) ** 2)) for b in (shifted, on)]
    assert errors[1] < errors[0]
    moved = {n for n in bundle.arrays if not np.array_equal(bundle.arrays[n], on.arrays[n])}
    assert moved == {"head.weight", "head.bias"} if how == "last-layer" else len(moved) > 4
    assert not any("running" in name for name in moved)
    again = adapting.adapt(bundle, how, kept, targets, reading)
    assert again.fingerprint == on.fingerprint


def test_what_tracks_nothing_is_refused_with_the_figures_and_the_status_of_a_gate(bundle: Bundle) -> None:
    noise = np.random.default_rng(4)
    windows = person(bundle, lambda said, phi: 130 + noise.normal(0, 5, len(said)))
    with pytest.raises(GateError, match="carried forward") as caught:
        personalize(bundle, windows, Config("offset", 3))
    assert caught.value.code == "not_better" and caught.value.exit_status == 5 == CODES["gate"].exit
    forced = personalize(bundle, windows, Config("offset", 3), force=True)
    assert not forced.better and forced.to_dict()["better"] is False


def test_the_later_readings_have_no_part_in_the_bundle(bundle: Bundle) -> None:
    windows = person(bundle, lambda said, phi: said + 17)
    labels = windows.columns["label_glucose"].copy()
    labels[5 * EACH :] = np.random.default_rng(5).normal(100, 30, len(labels) // EACH - 5).repeat(EACH)
    other = replace(windows, columns={**windows.columns, "label_glucose": labels})
    one, two = (personalize(bundle, w, Config("auto", 5), force=True) for w in (windows, other))
    assert one.how == two.how and one.ways == two.ways
    assert one.bundle.facts.scaling == two.bundle.facts.scaling
    assert {n: a.tobytes() for n, a in one.bundle.arrays.items()} == {
        n: a.tobytes() for n, a in two.bundle.arrays.items()
    }


def test_a_personal_bundle_is_kept_knows_its_person_and_answers_for_nobody_else(bundle: Bundle, tmp_path: Path) -> None:
    windows = person(bundle, lambda said, phi: said + 17)
    made = personalize(bundle, windows, Config("offset", 3))
    made.bundle.save(tmp_path / "mine")
    loaded = Bundle.load(tmp_path / "mine")
    assert loaded.facts.personal.how == "offset" and loaded.facts.personal.token == token(bundle.fingerprint, "anna")
    assert "anna" not in (tmp_path / "mine" / "bundle.json").read_text() + (tmp_path / "mine" / "README.md").read_text()
    assert (
        "nobody" in (tmp_path / "mine" / "README.md").read_text()
        or "anybody else" in (tmp_path / "mine" / "README.md").read_text()
    )
    assert np.allclose(loaded.predict_windows(windows), made.bundle.predict_windows(windows))
    assert not any(e.abstained for e in loaded.estimate_windows(windows))
    bert = replace(windows, columns={**windows.columns, "person": np.full(len(windows), "bert")})
    assert {e.reasons for e in loaded.estimate_windows(bert)} == {("other_person",)}
    nobody = replace(windows, columns={**windows.columns, "person": np.full(len(windows), "")})
    assert not any(e.abstained for e in loaded.estimate_windows(nobody))
    with pytest.raises(UsageError, match="personal already"):
        personalize(loaded, windows)


def test_too_few_readings_and_several_people_are_refused(bundle: Bundle) -> None:
    windows = person(bundle, lambda said, phi: said + 17, readings=6)
    with pytest.raises(InputError, match="6 readings came"):
        personalize(bundle, windows, Config("offset", 3))
    people = np.where(np.arange(len(windows)) < 4, "anna", "bert")
    with pytest.raises(InputError, match="2 people"):
        personalize(bundle, replace(windows, columns={**windows.columns, "person": people}))


@pytest.mark.parametrize(
    ("given", "words"), [((300.0, 10.0), "sbp 300"), ((120.0, 15.0), "dbp 15"), ((80.0, 120.0), "80 over 120")]
)
def test_row_25_a_reading_that_cannot_be_is_refused_and_named(given: tuple[float, float], words: str) -> None:
    pytest.importorskip("torch")
    from pulsewise.learn.network.forward import state
    from pulsewise.tasks import pressure

    plugin = registry.load("models", "tiny")
    made = plugin.Config(channels=1, length=LENGTH, outputs=2)
    facts = Facts(
        "pressure", pressure.build(pressure.Config()), Model("tiny", True, config.to_table(made)), RATE, LENGTH,
        ("ppg",), {}, {}, Scaling((0.0,), (1.0,), (120.0, 80.0), (1.0, 1.0)), trained=True, synthetic=True,
    )  # fmt: skip
    windows = Windows(sines(np.linspace(0.7, 3, 12)), RATE, ("ppg",), {
        "person": np.full(12, "anna"), "record": np.full(12, "r"), "start": np.arange(12) * 2.56,
        "label_sbp": np.r_[118.0, given[0], 121 + np.arange(10.0)],
        "label_dbp": np.r_[79.0, given[1], np.full(10, 80.0)],
    }, synthetic=True)  # fmt: skip
    with pytest.raises(InputError, match=f"reading 2: {words}") as caught:
        personalize(Bundle(facts, state(plugin.build(made))), windows, Config("offset", 3))
    assert caught.value.code == "label"
