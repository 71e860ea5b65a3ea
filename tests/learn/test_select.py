"""Which windows to label next, and the simulated labelling curve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsewise.cli import main as cli
from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.plugin import Target, Task
from pulsewise.core.windows import Windows
from pulsewise.learn import select as choosing
from pulsewise.learn.label_curve import label_curve
from pulsewise.learn.select import Config, committee, disagreement, greedy, select, standardised

TASK = Task("glucose", (Target("glucose", "mg/dL", 20.0, 600.0),))


class Small:
    """A store in memory: the parts of `Store` that are used here."""

    def __init__(
        self, people: int = 8, each: int = 30, labelled: float = 0.3, gain: float = 40.0, seed: int = 0
    ) -> None:
        random = np.random.default_rng(seed)
        n = people * each
        self.x = random.normal(size=(n, 6))
        truth = 100 + gain * self.x[:, 0] + random.normal(0, 2, n)
        self.table: dict[str, Any] = {
            "person": np.repeat([f"p{i}" for i in range(people)], each),
            "record": np.repeat([f"p{i}/r" for i in range(people)], each),
            "start": np.tile(np.arange(each) * 10.0, people),
            "quality": np.where(np.arange(n) % 15 == 0, 0.1, 0.9),
            "label_glucose": np.where(random.uniform(size=n) < labelled, truth, np.nan),
        }
        self.names, self.synthetic = sorted(self.table), True

    def __len__(self) -> int:
        return len(self.x)

    def column(self, name: str) -> Any:
        return self.table[name]

    def windows(self, rows: Any) -> Windows:
        samples = self.x[rows][:, None].astype(np.float32)
        table = {**self.table, "session": self.table["person"], "beat_index": np.full(len(self), -1)}
        return Windows(samples, 1.0, ("ppg",), {name: column[rows] for name, column in table.items()})


@pytest.fixture(autouse=True)
def features_are_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing.features, "matrix", lambda w: (w.samples[:, 0].astype(float), ()))


def test_only_windows_without_a_label_and_of_quality_are_chosen_far_enough_apart() -> None:
    store: Any = Small()
    found = select(store, TASK, Config(count=20, apart_s=40.0, per_person=3))
    assert len(found.rows) == 20 == len(set(found.rows.tolist()))
    assert (
        np.isnan(store.column("label_glucose")[found.rows]).all() and (store.column("quality")[found.rows] > 0.5).all()
    )
    lines = found.table()
    for person in np.unique(store.column("person")):
        starts = sorted(line["start"] for line in lines if line["person"] == person)
        assert len(starts) <= 3 and all(np.diff(starts) >= 40)
    assert [line["place"] for line in lines] == list(range(1, 21)) and lines[0]["uncertainty"] > 0
    assert any("of a quality below 0.5" in note for note in found.notes)
    assert found.labelled == np.isfinite(store.column("label_glucose")).sum()


def test_the_committee_is_least_sure_where_nothing_was_labelled() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(80, 4))
    y = (x[:, :1] * 10) + random.normal(size=(80, 1))
    weights = committee(x, y, np.repeat(np.arange(16), 5), seed=0)
    far = np.vstack([np.zeros(4), np.full(4, 6.0)])
    near, off = disagreement(weights, far, y)
    assert off > 4 * near
    assert choosing.says(weights, x).mean(axis=0)[:, 0] == pytest.approx(y[:, 0], abs=6)


def test_farthest_first_visits_every_cluster_before_any_twice() -> None:
    centres = np.array([[0, 0], [9, 0], [0, 9], [9, 9.0]])
    x = np.repeat(centres, 10, axis=0) + np.random.default_rng(0).normal(0, 0.3, (40, 2))
    nothing = np.full(40, np.nan)
    chosen, novelty = greedy(x, np.arange(0), np.arange(40), nothing, Config("diversity", 6))
    assert sorted((chosen[:4] // 10).tolist()) == [0, 1, 2, 3] and (novelty[1:4] > 3).all() and (novelty[4:] < 1).all()
    chosen, _ = greedy(x, np.arange(10), np.arange(10, 40), nothing, Config("diversity", 3))
    assert sorted((chosen // 10).tolist()) == [1, 2, 3]  # the first is labelled already


def test_uncertainty_and_random_choose_as_they_say() -> None:
    x, u = np.zeros((30, 1)), np.random.default_rng(0).uniform(size=30)
    chosen, _ = greedy(x, np.arange(2), np.arange(2, 30), u, Config("uncertainty", 5))
    assert chosen.tolist() == (2 + np.argsort(-u[2:])[:5]).tolist()
    one, two = (greedy(x, np.arange(2), np.arange(2, 30), u, Config("random", 5, seed=s))[0].tolist() for s in (0, 1))
    assert one != two and len(set(one)) == 5


def test_features_that_are_missing_or_constant_do_no_harm() -> None:
    x = np.array([[1.0, np.nan, 5, 1e9], [2, np.nan, 5, 2], [3, np.nan, 5, np.inf], [4, np.nan, 5, 3]])
    made = standardised(x)
    assert made.shape == (4, 3) and np.isfinite(made).all() and (made[:, 1] == 0).all() and abs(made).max() <= 4


def test_what_cannot_be_chosen_is_refused_with_its_reason() -> None:
    labelled: Any = Small(labelled=1.1)
    with pytest.raises(InputError, match="all 240 windows have a label of glucose"):
        select(labelled, TASK)
    none: Any = Small(labelled=-1.0)
    with pytest.raises(InputError, match="0 labelled windows are fewer than 20"):
        select(none, TASK)
    assert len(select(none, TASK, Config("diversity", 5)).rows) == 5
    bad: Any = Small()
    bad.table["quality"] = np.zeros(240)
    with pytest.raises(InputError, match="of low quality"):
        select(bad, TASK)
    few = select(bad, TASK, Config("diversity", 9999, apart_s=0.0, min_quality=0.0))
    assert len(few.rows) == np.isnan(bad.column("label_glucose")).sum() and "in place of 9999" in few.notes[-1]
    with pytest.raises(UsageError, match="no way to choose"):
        Config("luck")  # type: ignore[arg-type]


def test_the_curve_falls_where_labels_tell_something_and_not_where_they_do_not() -> None:
    told: Any = Small(labelled=1.1)
    made = label_curve(told, TASK, steps=3, repeats=6, config=Config(apart_s=0.0))
    assert made.labels == (12, 24, 36, 48) and made.unit == "mg/dL" and list(made.error)[-1] == "random"
    for spreads in made.error.values():
        assert spreads[-1].value < 0.5 * spreads[0].value < made.constant.value
        assert all(s.low <= s.value <= s.high for s in spreads)
    assert len({s[0].value for s in made.error.values()}) == 1  # the same beginning for every way
    assert made.difference["both"][0].value == 0 and made.words[-1].startswith("Intervals are over 6 repeats")
    nothing: Any = Small(labelled=1.1, gain=0.0)
    made = label_curve(nothing, TASK, steps=3, repeats=6, config=Config(apart_s=0.0))
    assert min(s[-1].value for s in made.error.values()) > 0.9 * made.constant.value


def test_a_curve_needs_people_and_windows() -> None:
    few: Any = Small(people=4, labelled=1.1)
    with pytest.raises(InputError, match="needs 6 people with labels, 4 have any"):
        label_curve(few, TASK)
    short: Any = Small(each=5, labelled=1.1)
    with pytest.raises(InputError, match="are fewer than the 108 of the curve"):
        label_curve(short, TASK)


RECIPE = """
name = "some"
[dataset]
name = "simulated"
preset = "glucose_pos"
people = 8
sessions = 4
windows = 1
missing = 0.0
[condition]
rate = 32
[label]
how = "nearest"
tolerance_s = 900
[split]
name = "grouped-k-fold"
folds = 2
[task]
name = "glucose"
[model]
name = "classical"
"""


def test_the_command_on_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()  # real features
    monkeypatch.chdir(tmp_path)
    Path("some.toml").write_text(RECIPE)
    assert cli.status(["run", "some.toml", "--until", "store", "--out", "some", "--workers", "1", "-q"]) == 0
    capsys.readouterr()
    assert cli.status(["select", "some"]) == 3 and "have a label of glucose" in capsys.readouterr().err
    assert cli.status(["select", "some/store"]) == 2 and "--task" in capsys.readouterr().err
    words = ["select", "some", "--curve", "--start", "8", "--step", "4", "--steps", "2", "--repeats", "3", "--json"]
    assert cli.status(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["curve"]["labels"] == [8, 12, 16] and found["curve"]["synthetic"]
    assert (tmp_path / "select" / "label-curve.svg").read_text().startswith("<svg")
    assert (tmp_path / "select" / "label-curve.csv").read_text().count("\n") == 13
    assert cli.status(words) == 2 and "[output_exists]" in capsys.readouterr().err
    assert cli.status(["select", "some/store", "--task", "pressure", "--by", "diversity", "--count", "6",
                       "--out", "next.csv"]) == 0  # fmt: skip  # nobody has a pressure
    assert (
        Path("next.csv").read_text().startswith("place,row,person")
        and "windows to label next for sbp" in capsys.readouterr().out
    )
