"""Explanations of simulated people whose truth is in QT and T: that is where the weight is, for each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.windows import Windows, concatenate
from pulsewise.data import align
from pulsewise.judge.explain import Config, explain
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.estimating import windows_for
from pulsewise.simulate import cohort

QT = ("QRS", "ST", "T")


@pytest.mark.soak
def test_the_weight_is_on_qt_and_so_is_the_wave_the_answer_hangs_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("captum")
    from pulsewise.cli.run import run_recipe

    recipe = Path(__file__).resolve().parents[2] / "recipes" / "hypoglycemia-cnn-lstm.toml"
    settings = ["dataset.people=24", "dataset.windows=1", "train.epochs=12", "split.name=by-person"]
    run = run_recipe(recipe, out=tmp_path / "run", settings=settings, until="train")
    bundle = Bundle.load(run.folder / "bundle")
    people: dict[str, list[Windows]] = {}
    for r in cohort("hypo_pos", people=6, sessions=24, windows=1, seed=900).recordings:
        labelled = align.label(windows_for(bundle, r)[0], r.references, align.Config("nearest", 900), ("glucose",))
        people.setdefault(r.person, []).append(labelled)
    occluded = 0
    for parts in people.values():
        windows = concatenate(parts)
        low = windows.columns["label_glucose"] < 70
        rows = np.concatenate([np.flatnonzero(low)[:2], np.flatnonzero(~low)[:2]])
        made = explain(
            bundle, windows[rows], Config(windows=4, methods=("integrated_gradients", "occlusion")), force=True
        )
        gradients, occlusion = made.methods
        assert gradients.completeness is not None and gradients.completeness.worst <= 0.01
        inside = [p for p in gradients.parts if p.part in QT]
        outside = [p for p in gradients.parts if p.part not in QT]
        weight = [sum(p.share for p in side) / sum(p.time_share for p in side) for side in (inside, outside)]
        top = max((w for w in made.without if w.part != "between"), key=lambda w: abs(w.change))
        occluded += next(p for p in occlusion.parts if p.part == "T").beyond_random
        with capsys.disabled():
            print(f"\nweight over time {weight[0]:.2f} in QT, {weight[1]:.2f} elsewhere; most without {top.part} "
                  f"({top.change:+.2f}); random weights: {gradients.check.alike:.2f}")  # fmt: skip
        assert weight[0] > 1.5 * weight[1]
        assert gradients.check.passed and top.part in QT
    with capsys.disabled():
        print(f"occlusion: T weighs more than with any random weights for {occluded} of {len(people)} people")
    assert occluded >= 4
