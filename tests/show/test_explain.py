"""The page of an explanation: whole, self-contained, and it says whether it is about the model."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from pulsewise.judge.explaining import Found, in_words, method
from pulsewise.judge.explanation import Completeness, Explanation, Window, Without
from pulsewise.judge.waves import waves
from pulsewise.show import attributions
from pulsewise.show.explain import NAMES, render, write


def explanation(*, similar: bool) -> Explanation:
    """An explanation made by hand: all weight on one wave, beside random ones that agree or not."""
    rate, t = 125.0, np.arange(1250) / 125.0
    beats = np.arange(12) * 0.8 + 0.4
    x = sum(np.exp(-(((t - b) / 0.012) ** 2) / 2) + 0.3 * np.exp(-(((t - b - 0.28) / 0.04) ** 2) / 2) for b in beats)
    found = waves(np.asarray(x), rate, "ecg")
    values = {"integrated_gradients": np.where(found.part == 3, 0.01, -1e-4)[None, None]}
    random = [values["integrated_gradients"]] if similar else [np.random.default_rng(0).normal(size=(1, 1, 1250))]
    made = Found(values, Completeness(True, 0.004, 0.004, 0.01, 64))
    rows = (method("integrated_gradients", made, random, [(found,)], ("ecg",), 1),)
    window = Window(
        0, 0.0, 0.7, 0.85, np.asarray(x)[None], (found,), {"integrated_gradients": values["integrated_gradients"][0]}
    )
    return in_words(
        Explanation(
            "by-hand", "0" * 16, "cnn_lstm", "hypoglycemia", "", "log odds", rate, ("ecg",), "r <1>", 1, True,
            ("synthetic",), rows, (Without("ecg", "T", -0.5, -0.5, -0.5, 1),), (window,),
        )
    )  # fmt: skip


def test_the_page_is_one_file_and_says_what_holds(tmp_path: Path) -> None:
    made = explanation(similar=False)
    files = write(made, tmp_path)
    assert [file.name for file in files] == list(NAMES)
    page = files[0].read_text(encoding="utf-8")
    assert "it is about the model" in page and "simulated people" in page.lower() and "src=" not in page
    assert json.loads(files[1].read_text())["methods"][0]["completeness"]["met"] is True
    rows = {row["part"]: row for row in csv.DictReader(files[2].read_text().splitlines())}
    assert float(rows["T"]["density"]) > 3 > float(rows["P"]["density"] if "P" in rows else 0)
    beats = list(csv.DictReader(files[3].read_text().splitlines()))
    total = sum(float(row["value"]) for row in beats if row["part"] == "T")
    assert total == pytest.approx(made.method("integrated_gradients").parts[-2].signed, rel=1e-6)  # type: ignore[union-attr]  # it has one


def test_an_explanation_of_no_model_is_grey_and_says_so() -> None:
    made = explanation(similar=True)
    assert not made.of_the_model
    page = render(made)
    assert "not about the model" in page and "(not the model)" in attributions.mean_beats(made)


def test_pictures_are_well_formed() -> None:
    made = explanation(similar=False)
    for picture in (attributions.mean_beats(made), attributions.parts(made), attributions.window(made, 0)):
        assert ElementTree.fromstring(picture).tag.endswith("svg")
        assert len(picture) < 400_000
