"""Personal bundles of simulated people: better where the pulse follows the pressure, and not where it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsewise.clinical.resample import bootstrap
from pulsewise.core.windows import Windows, concatenate
from pulsewise.data import align
from pulsewise.data.prepare import prepare
from pulsewise.data.split import Fold
from pulsewise.learn import recipe as recipes
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.estimating import windows_for
from pulsewise.learn.personalize import Config, Personalised, personalize
from pulsewise.learn.train import train
from pulsewise.simulate import cohort


def trained(preset: str, people: int, windows: int, folder: Path, **changes: Any) -> Bundle:
    """Features and ridge on simulated people, or another model."""
    pytest.importorskip("sklearn")
    size = {"people": people, "sessions": 1, "windows": windows}
    recipe = recipes.fill(
        {
            "name": "small",
            "dataset": {"name": "simulated", "preset": preset, **size},
            "condition": {"band": [0.5, 8.0], "rate": 32},
            "label": {"how": "nearest", "tolerance_s": 6},
            "task": {"name": "pressure"},
            "model": {"name": "classical"},
            **changes,
        }
    )
    parts: dict[str, Any] = {"condition": recipe.condition, "window": recipe.window, "label": recipe.label}
    store = prepare(recipe.build_dataset(), folder / "store", **parts, quantities=("sbp", "dbp"), workers=1)
    everybody = np.arange(len(store))
    return train(store, Fold(everybody, everybody[:0], everybody[:0]), recipe, folder, progress=False)


def others(bundle: Bundle, preset: str, people: int, windows: int) -> list[Windows]:
    """Labelled windows of new people, two sessions each."""
    found: dict[str, list[Windows]] = {}
    for r in cohort(preset, people=people, sessions=2, windows=windows, seed=900).recordings:
        labelled = align.label(windows_for(bundle, r)[0], r.references, align.Config("nearest", 6), bundle.task.sources)
        found.setdefault(r.person, []).append(labelled)
    return [concatenate(parts) for parts in found.values()]


def skill(made: list[Personalised], place: str = "carried") -> Any:
    """Skill of the systolic pressure over people, with its interval."""
    rows = [(getattr(m.judged[0], place), m.judged[0].after) for m in made]
    return bootstrap([str(i) for i in range(len(rows))], np.array(rows), lambda s: 1 - s[..., 1] / s[..., 0])


def personal(bundle: Bundle, people: list[Windows], readings: int, how: Any = "auto") -> list[Personalised]:
    return [personalize(bundle, windows, Config(how, readings), force=True) for windows in people]


def test_a_few_readings_help_where_the_pulse_follows(tmp_path: Path) -> None:
    bundle = trained("track_strong", 16, 6, tmp_path)
    made = personal(bundle, others(bundle, "track_strong", 6, 5), 3, "offset")
    assert skill(made).value > 0 and skill(made, "before").value > 0


@pytest.mark.soak
@pytest.mark.parametrize("preset", ["track_strong", "null"])
def test_one_three_and_five_readings_help_where_the_pulse_follows_and_only_there(
    preset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = trained(preset, 40, 12, tmp_path)
    people = others(bundle, preset, 16, 10)
    for readings in (1, 3, 5):
        made = personal(bundle, people, readings)
        found, accepted = skill(made), sum(m.better for m in made)
        with capsys.disabled():
            print(f"\n{preset}, {readings} readings: skill over the readings carried forward {found.value:+.2f} "
                  f"({found.low:+.2f} to {found.high:+.2f}), {accepted} of {len(made)} people accepted")  # fmt: skip
        if preset == "track_strong":
            assert found.value > 0.1 and accepted >= 1
            assert found.low > 0 or readings == 1  # one noisy cuff reading: the interval may touch 0
        else:
            assert found.value < 0.05 and accepted <= 1


def span(found: Any) -> str:
    """A skill with its interval."""
    return f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


NETWORK = {
    "model": {"name": "resnet", "depth": 18, "width": 8, "dropout": 0.1},
    "train": {"epochs": 12, "lr": 3e-3, "schedule": "cosine", "patience": 0, "accelerator": "cpu"},
}
"""A small network; epochs and rate were fixed beforehand."""


@pytest.mark.soak
@pytest.mark.parametrize("preset", ["track_strong", "null"])
def test_a_network_trained_on_for_one_person(preset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last layer and the whole network, from one, three and five readings of people it never saw."""
    pytest.importorskip("torch")
    bundle = trained(preset, 40, 12, tmp_path, **NETWORK)
    people = others(bundle, preset, 16, 10)
    for how in ("last-layer", "whole"):
        for readings in (1, 3, 5):
            made = personal(bundle, people, readings, how)
            found, before, accepted = skill(made), skill(made, "before"), sum(m.better for m in made)
            with capsys.disabled():
                print(
                    f"\n{preset}, {how}, {readings} readings: skill over the readings carried forward {span(found)}, "
                    f"over the network before {span(before)}, {accepted} of {len(made)} people accepted"
                )
            if preset == "track_strong":
                assert before.value > 0 and (before.low > 0 or readings == 1)
            else:
                assert found.value < 0.05 and accepted <= 1
