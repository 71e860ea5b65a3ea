import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsewise.core.errors import PulsewiseError
from pulsewise.data import split
from pulsewise.data.split import Config

SIDES = ("train", "validation", "test")


def table(people: int = 20, per: int = 6, days: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    count = people * per
    person = np.repeat([f"p{i:03d}" for i in range(people)], per)
    order = random.permutation(count)
    columns = {
        "person": person,
        "record": np.char.add(person, "r"),
        "start": np.tile(np.arange(per) * 10.0, people),
        "day": np.tile([f"2026-01-{1 + k * days // per:02d}" for k in range(per)], people),
        "label_sbp": np.repeat(np.linspace(90, 180, people), per) + random.normal(0, 1, count),
        "sex": np.repeat(np.where(np.arange(people) % 2, "female", "male"), per),
    }
    return {name: column[order] for name, column in columns.items()}


BY_PERSON = ("by-person", "leave-one-person-out", "grouped-k-fold")


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([*BY_PERSON, "by-day", "by-time", "leaky-random"]),
    st.integers(5, 30),
    st.integers(6, 9),
    st.integers(0, 99),
    st.booleans(),
)
def test_sides_never_share_what_they_must_not(name: str, people: int, per: int, seed: int, plain: bool) -> None:
    columns = table(people, per, seed=seed)
    stratify = None if plain or name in ("by-day", "by-time") else "label_sbp"
    made = split.make(columns, Config(name, seed=seed, folds=4, stratify=stratify), length_s=10)
    split.check(made, columns, length_s=10)
    for fold in made.folds:
        rows = [getattr(fold, side) for side in SIDES]
        assert all(len(r) for r in rows)
        assert len(np.unique(np.concatenate(rows))) == sum(map(len, rows)) == people * per - made.purged
        if name in BY_PERSON:
            names = [set(columns["person"][r]) for r in rows]
            assert not (names[0] & names[1] or names[0] & names[2] or names[1] & names[2])
    if len(made.folds) > 1:  # every window is tested exactly once
        tested = np.concatenate([fold.test for fold in made.folds])
        assert np.array_equal(np.sort(tested), np.arange(people * per))
    again = split.make(columns, Config(name, seed=seed, folds=4, stratify=stratify), length_s=10)
    assert again.to_dict() == made.to_dict()
    assert split.from_dict(json.loads(json.dumps(made.to_dict()))).to_dict() == made.to_dict()


def test_only_the_leaky_split_leaks_and_it_is_stamped() -> None:
    columns = table()
    for name in ("by-person", "leave-one-person-out", "grouped-k-fold", "by-day", "by-time"):
        made = split.make(columns, Config(name))
        assert not made.leaky
        assert bool(made.stamp) == (name in ("by-day", "by-time"))
    leaky = split.make(columns, Config("leaky-random"))
    assert leaky.leaky
    assert leaky.stamp.startswith("LEAKY SPLIT")
    assert set(columns["person"][leaky.folds[0].train]) & set(columns["person"][leaky.folds[0].test])


@pytest.mark.parametrize("name", ["by-person", "grouped-k-fold", "by-day", "by-time"])
def test_a_person_moved_to_another_side_is_a_leak(name: str) -> None:
    columns = table()
    made = split.make(columns, Config(name))
    fold = made.folds[0]
    moved = split.Fold(fold.train[:-1], fold.validation, np.sort(np.append(fold.test, fold.train[-1])))
    with pytest.raises(PulsewiseError) as caught:
        split.check(split.Split(name, (moved,), rows=made.rows), columns)
    assert (caught.value.code, caught.value.exit_status) == ("leakage_detected", 5)
    renamed = split.Split("leaky-random", (moved,), leaky=True, rows=made.rows)
    split.check(renamed, columns)


def test_a_row_on_two_sides_is_a_leak_also_in_a_leaky_split() -> None:
    columns = table()
    rows = np.arange(5)
    with pytest.raises(PulsewiseError, match="5 windows"):
        split.check(split.Split("leaky-random", (split.Fold(rows, rows[:0], rows),), True, rows=120), columns)


@pytest.mark.parametrize("name", ["by-person", "grouped-k-fold"])
def test_stratified_sides_share_the_distribution_of_the_label(name: str) -> None:
    columns = table(60, 6)
    label = columns["label_sbp"]
    for seed in range(5):
        made = split.make(columns, Config(name, stratify="label_sbp", folds=4, seed=seed))
        for fold in made.folds:
            assert abs(label[fold.test].mean() - label.mean()) < 6  # SD of the label: 26; of a mean of 9 people: 9
            assert abs(label[fold.test].std() - label.std()) < 6


def test_stratified_by_a_text_column() -> None:
    columns = table(40)
    made = split.make(columns, Config("grouped-k-fold", stratify="sex", folds=5))
    for fold in made.folds:
        assert abs(np.mean(columns["sex"][fold.test] == "male") - 0.5) <= 0.13


def test_missing_labels_do_not_stop_a_stratified_split() -> None:
    columns = table()
    columns["label_sbp"][columns["person"] == "p003"] = np.nan
    assert split.make(columns, Config("grouped-k-fold", stratify="label_sbp")).folds


def test_time_goes_forward_and_overlaps_are_left_out() -> None:
    columns = {"person": np.repeat(["a", "b"], 40), "start": np.tile(np.arange(40) * 2.0, 2)}
    made = split.make(columns, Config("by-time"), length_s=10)
    assert made.purged == 2 * 2 * 4  # 4 windows reach over each of two borders of each person
    fold = made.folds[0]
    for person in ("a", "b"):
        mine = columns["person"] == person
        ends = columns["start"][fold.train][mine[fold.train]].max() + 10
        assert ends <= columns["start"][fold.validation][mine[fold.validation]].min()
    with pytest.raises(PulsewiseError, match="reach into a later side"):
        split.check(split.make(columns, Config("by-time")), columns, length_s=10)


@pytest.mark.parametrize(
    ("columns", "config", "message"),
    [
        ({"person": np.array(["a"] * 9)}, Config(), "3 sides .* there are 1"),
        ({"person": np.array(["a"] * 9)}, Config("leave-one-person-out"), "one person cannot be split"),
        ({"person": np.array(list("abc"))}, Config("grouped-k-fold"), "5 folds need at least 5 people, there are 3"),
        ({"person": np.array(["", "a"])}, Config(), "1 windows are of unknown people"),
        ({"person": np.array(["a", "b"])}, Config("by-day"), "2 of 2 windows have no date"),
        ({"person": np.array(["a", "b"]), "day": np.array(["x", "x"])}, Config("by-day"), "no person has"),
        ({"person": np.array([], dtype=str)}, Config(), "no windows"),
        ({"person": np.array(list("abcd"))}, Config(stratify="label_x"), "no column 'label_x'"),
        ({"person": np.array(["a", "b"]), "start": np.zeros(2)}, Config("by-time"), "would be empty"),
    ],
)
def test_what_is_missing_is_said(columns: dict, config: Config, message: str) -> None:
    with pytest.raises(PulsewiseError, match=message) as caught:
        split.make(columns, config)
    assert caught.value.code == "config"


@pytest.mark.parametrize(
    "settings_",
    [
        {"train": 0.8},
        {"train": 0, "validation": 0.5, "test": 0.5},
        {"folds": 1},
        {"name": "predefined"},
        {"file": "x.csv"},
        {"name": "by-time", "stratify": "sex"},
    ],
)
def test_a_config_that_contradicts_itself_is_refused(settings_: dict) -> None:
    with pytest.raises(ValueError, match=r"."):
        Config(**settings_)


def test_three_people_are_enough_for_three_sides() -> None:
    made = split.make({"person": np.array(list("abc"))}, Config())
    assert [len(getattr(made.folds[0], side)) for side in SIDES] == [1, 1, 1]


def test_predefined_sides_from_a_file(tmp_path) -> None:
    columns = table(4)
    file = tmp_path / "sides.csv"
    file.write_text("person,side\np000,train\np001,train\np002,validation\np003,test\n")
    made = split.make(columns, Config("predefined", file=str(file)))
    assert set(columns["person"][made.folds[0].test]) == {"p003"}
    file.write_text("person,side,fold\np000,train,1\np001,test,1\np001,train,2\np000,test,2\n")
    assert len(split.make(columns, Config("predefined", file=str(file))).folds) == 2


def test_a_predefined_split_may_not_leak(tmp_path) -> None:
    columns = {"person": np.array(["a", "a"]), "record": np.array(["x", "y"]), "start": np.zeros(2)}
    file = tmp_path / "sides.csv"
    file.write_text("record,side\nx,train\ny,test\n")
    with pytest.raises(PulsewiseError) as caught:
        split.make(columns, Config("predefined", file=str(file)))
    assert caught.value.code == "leakage_detected"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("person,side\np000,exam\n", "malformed"),
        ("person,side\nnobody,test\n", "malformed"),
        ("a,b\n1,2\n", "malformed"),
        ("", "malformed"),
        ("person,side\np000,test\n", "malformed"),
        (None, "not_found"),
    ],
)
def test_a_file_of_sides_that_cannot_be_used(tmp_path, text: str | None, code: str) -> None:
    file = tmp_path / "sides.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(PulsewiseError) as caught:
        split.make(table(4), Config("predefined", file=str(file)))
    assert caught.value.code == code


def test_a_split_of_another_store_or_a_newer_version_is_refused() -> None:
    made = split.make(table(), Config())
    with pytest.raises(PulsewiseError, match="120 windows, 60 came"):
        split.check(made, table(10))
    with pytest.raises(PulsewiseError) as caught:
        split.from_dict({**made.to_dict(), "schema_version": 2})
    assert caught.value.code == "artifact_version"
    with pytest.raises(PulsewiseError) as caught:
        split.from_dict({"schema_version": 1})
    assert caught.value.code == "artifact_invalid"
