"""What is known of the person beside the signal: channels of one value, for any network."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from pulsewise.core import people
from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.recording import Recording, Signal
from pulsewise.data import duplicates
from pulsewise.data.prepare import prepare
from pulsewise.data.store import Store
from pulsewise.data.window import Config, cut
from pulsewise.deploy.stream import Stream
from pulsewise.learn import recipe
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.train import train

KNOWN = ("age", "sex")


def table(model: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "whose",
        "dataset": {"name": "simulated", "people": 30, "sessions": 1, "windows": 3, "duration_s": 4.0},
        "condition": {"rate": 25.0},
        "window": {"channels": ["ppg", *KNOWN], "length_s": 2.56, "refuse": []},
        "label": {"how": "constant"},
        "task": {"name": "heart_rate"},
        "model": model,
        "train": {"epochs": 16, "batch": 16, "lr": 1e-2, "schedule": "cosine", "accelerator": "cpu", "patience": 0,
                  "augment": {"noise": 0.3, "amplitude": 0.3, "channel_dropout": 0.2 * (model["name"] == "fusion")}},
    }  # fmt: skip


@pytest.fixture(scope="module")
def whose(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Windows of simulated people on disk, with age and sex."""
    made = recipe.fill(table({"name": "fusion"}))
    parts = {"condition": made.condition, "window": made.window, "label": made.label, "quantities": ("heart_rate",)}
    return prepare(made.build_dataset(), tmp_path_factory.mktemp("whose") / "store", **parts, workers=1)


@pytest.fixture(scope="module", params=["fusion", "resnet"])
def trained(request: pytest.FixtureRequest, tmp_path_factory, memory, make_waves, split_people) -> Bundle:
    """Trained on people whose heart rate shows nowhere in the signal: it is 30 bpm and one for each year."""
    waves, random = make_waves(people=40, each=4), np.random.default_rng(0)
    age, sex = (np.repeat(values, 4) for values in (random.uniform(20, 80, 40), random.integers(0, 2, 40)))
    beside = np.repeat(np.stack([age, sex], axis=1)[:, :, None], waves.length, axis=2)
    columns = {**waves.columns, "age": age, "label_heart_rate": 30 + age}
    samples = np.concatenate([waves.samples, beside], axis=1).astype(np.float32)
    windows = replace(waves, samples=samples, channels=("ppg", *KNOWN), columns=columns)
    shape = {"width": 8, "stages": 2, "dropout": 0.0} if request.param == "fusion" else {"depth": 18, "width": 4}
    out = tmp_path_factory.mktemp(request.param)
    made = recipe.fill(table({"name": request.param, **shape}))
    train(memory(windows), split_people(windows, 30, 10), made, out, progress=False)
    return Bundle.load(out / "bundle")


def recording(**known: float | str) -> Recording:
    wave = np.sin(2 * np.pi * 1.2 * np.arange(512) / 25).astype(np.float32)
    return Recording("r", (Signal("ppg", "ppg", "", 25.0, wave),), demographics=known)


def test_they_are_the_same_for_all_samples_and_not_scaled_by_the_window(whose: Store) -> None:
    windows, columns = whose.windows(np.arange(len(whose))), whose.columns()
    assert windows.channels == ("ppg", *KNOWN)
    assert np.array_equal(windows.samples[:, 1], np.repeat(columns["age"].astype("f4")[:, None], windows.length, 1))
    assert set(np.unique(windows.samples[:, 2])) == {0.0, 1.0}
    assert np.abs(windows.samples[:, 0].std(axis=1) - 1).max() < 1e-3


def test_a_copy_is_found_whosever_it_is_said_to_be(whose: Store) -> None:
    class Copied(Store):
        def take(self, rows: np.ndarray) -> np.ndarray:
            samples = super().take(rows)
            samples[np.asarray(rows) == 5, 0] = super().take(np.array([0]))[0, 0]  # under another person
            return samples

    assert duplicates.duplicates(whose).identical == 0
    assert duplicates.duplicates(Copied(whose.path)).across_people == 1


def test_what_only_they_tell_is_learnt(trained: Bundle) -> None:
    for age in (30.0, 50.0, 70.0):
        said = [e.value for e in trained.estimate(recording(age=age, sex="male"))]
        assert np.mean(said) == pytest.approx(30 + age, abs=6)


def test_what_is_not_known_is_done_without_or_asked_for(trained: Bundle) -> None:
    if trained.any_channels:
        (first, *_) = trained.estimate(recording(sex="female"))
        assert first.value is not None
        return
    with pytest.raises(InputError, match=r"age of the person.*--about age=….*\[modality\]"):
        trained.estimate(recording(sex="female"))
    with pytest.raises(InputError, match="modality"):
        Stream(trained, 25.0)


def test_a_stream_that_is_told_says_what_the_file_says(trained: Bundle) -> None:
    whole = trained.estimate(recording(age=50.0, sex="female"))
    running = Stream(trained, 25.0, demographics={"age": 50.0, "sex": "female"})
    said = [
        e for piece in np.split(recording().signals[0].samples, 8) for a in running.push(piece) for e in a.estimates
    ]
    said += [e for a in running.flush() for e in a.estimates]
    assert [(e.start, e.value) for e in said] == [(e.start, pytest.approx(e.value, rel=1e-5)) for e in whole]


def test_an_average_person_is_not_one_who_is_missing(trained: Bundle) -> None:
    mean = trained.facts.scaling.input_mean[1]
    samples = np.full((1, 3, trained.facts.length), round(mean), np.float32)
    assert (trained.facts.scaling.inputs(samples)[0, 1] != 0).all()


def test_a_model_that_knew_everybodys_age_does_not_answer_for_an_unknown_one(
    tmp_path, memory, make_waves, split_people
) -> None:
    windows = make_waves(people=30, each=4)
    age = np.repeat(np.random.default_rng(0).uniform(20, 80, 30), 4)
    windows = replace(windows, columns={**windows.columns, "age": age, "label_heart_rate": 30 + age})
    made = recipe.fill(table({"name": "rocket", "kernels": 30, "demographics": ["age"]}))
    made = replace(made, window=replace(made.window, channels=("ppg",)))
    train(memory(windows), split_people(windows, 20, 10), made, tmp_path, progress=False)
    bundle = Bundle.load(tmp_path / "bundle")
    assert {e.reasons for e in bundle.estimate(recording(sex="male"))} == {("person_unknown",)}
    assert np.mean([e.value for e in bundle.estimate(recording(age=50.0))]) == pytest.approx(80, abs=8)
    assert all(e.value is not None for e in bundle.estimate(recording(), force=True))


def test_words_of_a_person(trained: Bundle) -> None:
    assert people.stated(["age=54", "sex=M"]) == {"age": 54.0, "sex": "male"}
    for text in ("age=1970", "shoe=43", "height=5.9", "sex=?", "age"):
        with pytest.raises(UsageError, match=r"age=54 \(years\).*\[usage\]"):
            people.stated([text])
    with pytest.raises(ValueError, match="needs a signal"):
        Config(channels=("age",))
    with pytest.raises(InputError, match="modality"):
        cut(recording(), replace(Config(length_s=2.56), channels=("ppg", "bmi")))
