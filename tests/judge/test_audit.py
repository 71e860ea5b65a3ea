"""What an audit finds, and that it stays silent where nothing is."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsewise.core.errors import GateError, PulsewiseError
from pulsewise.core.recording import Recording
from pulsewise.data import align, split, window
from pulsewise.data.prepare import prepare
from pulsewise.data.store import Store
from pulsewise.datasets import simulated
from pulsewise.judge import audit_labels
from pulsewise.judge.audit import audit, fits, overlapping, with_bundles
from pulsewise.judge.audit_bundle import of_bundles
from pulsewise.judge.audit_pairs import audit_pairs
from pulsewise.judge.finding import CHECKS, Audit, Finding, from_json, refuse
from pulsewise.learn import scaling
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.recipe import fill
from pulsewise.learn.train import train
from pulsewise.signals import condition


@dataclass(frozen=True)
class Copied:
    """Simulated people; the second recording of `thief` is the second of `owner` under another gain."""

    inner: simulated.Simulated
    owner: str = ""
    thief: str = ""

    def ids(self) -> list[str]:
        return self.inner.ids()

    def fingerprint(self, recording_id: str) -> str:
        return self.inner.fingerprint(recording_id) + self.owner

    def read(self, recording_id: str) -> Recording:
        recording = self.inner.read(recording_id)
        if recording_id != self.thief:
            return recording
        signals = self.inner.read(self.owner).signals
        return replace(recording, signals=tuple(replace(s, samples=s.samples * 3) for s in signals))


def prepared(folder: Path, *, owner: str = "", thief: str = "", step_s: float = 10.0, **size: object) -> Store:
    dataset = simulated.build(simulated.Config(**{"preset": "null", "people": 16, "sessions": 2, "windows": 4, **size}))
    return prepare(
        Copied(dataset, owner, thief),
        folder,
        condition=condition.Config(band=(0.5, 8.0), rate=40),
        window=window.Config(length_s=10.0, step_s=step_s),
        label=align.Config("nearest", tolerance_s=5.0),
        quantities=("sbp", "dbp"),
        workers=1,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return prepared(tmp_path_factory.mktemp("audit") / "store")


def by(made: Audit, check: str) -> list[Finding]:
    return [finding for finding in made.findings if finding.check == check]


def splitted(store: Store, name: str, **options: object) -> split.Split:
    return split.make(store.columns(), split.Config(name, **options), length_s=store.window_s)


def test_a_store_without_leaks_passes_and_says_that_the_signal_names_people(store: Store) -> None:
    made = audit(store, splitted(store, "by-person"))
    assert not made.leaks and by(made, "person")[0].severity == "note"
    assert (made.windows, made.people, made.kind) == (128, 16, "split")
    assert made.verdict.startswith("No leak was found in 128 windows of 16 people")
    refuse(made)
    assert set(made.looked) | set(made.skipped) >= set(CHECKS) - {"answers"}
    assert from_json(json.dumps(made.to_dict())) == made


def test_a_random_split_is_a_leak_and_a_split_by_day_a_warning(store: Store) -> None:
    leaky = audit(store, splitted(store, "leaky-random"))
    assert leaky.leaks[0].check == "sides" and leaky.leaks[0].count >= 14
    assert by(leaky, "person")[0].severity == "warning"
    with pytest.raises(GateError) as caught:
        refuse(leaky)
    assert (caught.value.code, caught.value.exit_status) == ("leakage_detected", 5)
    known = audit(store, splitted(store, "by-day", validation=0.0, train=0.5, test=0.5))
    assert not known.leaks and by(known, "sides")[0].severity == "warning"


def test_a_person_or_a_row_on_two_sides_is_found_whatever_the_split_is_called(store: Store) -> None:
    honest = splitted(store, "by-person")
    fold = honest.folds[0]
    moved = split.Fold(np.sort(np.append(fold.train, fold.test[:1])), fold.validation, fold.test[1:])
    made = audit(store, replace(honest, folds=(moved,)))
    assert [f.came for f in made.leaks] == ["1 of 16 people are on more than one side"]
    twice = split.Fold(np.sort(np.append(fold.train, fold.test[:1])), fold.validation, fold.test)
    assert {"1 of 129 windows are on more than one side", "1 of 16 people are on more than one side"} == {
        f.came for f in audit(store, replace(honest, folds=(twice,))).leaks
    }


def test_a_copy_under_another_person_is_found_and_is_a_leak_where_it_crosses_sides(tmp_path: Path) -> None:
    made = prepared(tmp_path, owner="p0002-s01", thief="p0009-s01", people=12)
    alone = by(audit(made), "duplicates")
    assert [f.severity for f in alone] == ["warning"] and "4 of them under two people" in alone[0].came
    crossed = audit(made, splitted(made, "leave-one-person-out"))
    assert by(crossed, "duplicates")[0].severity == "leak"
    assert not fits(crossed, made, splitted(made, "by-person"))


def test_overlapping_windows_are_noted_and_are_a_leak_across_sides(tmp_path: Path) -> None:
    made = prepared(tmp_path, step_s=5.0, people=6)
    noted = by(audit(made), "overlap")
    assert [f.severity for f in noted] == ["note"] and noted[0].count == len(made)
    leaky = by(audit(made, splitted(made, "leaky-random")), "overlap")
    assert leaky[0].severity == "leak" and leaky[0].where.startswith("fold 0: training and ")
    spread = by(audit(made), "labels")
    assert not spread or "windows rest on" in spread[0].came


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60)), min_size=1, max_size=25))
def test_overlaps_are_all_pairs_of_a_group_closer_than_a_window(rows: list[tuple[int, int]]) -> None:
    group, start = np.array(rows).T
    first, second = overlapping(group.astype(np.int64), start.astype(float), 10.0)
    found = {tuple(sorted(pair)) for pair in zip(first.tolist(), second.tolist(), strict=True)}
    assert found == {
        (a, b)
        for a in range(len(rows))
        for b in range(a + 1, len(rows))
        if group[a] == group[b] and abs(start[a] - start[b]) < 10
    }


def readings(seed: int, people: int = 40, each: int = 6) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), each)
    return {
        "person": np.char.add("p", who.astype(str)),
        "reference": random.normal(120, 12, people)[who] + random.normal(0, 6, len(who)),
        "device": np.array(["a", "b"])[random.integers(0, 2, people)[who]],
        "site": np.array(["x", "y", "z"])[random.integers(0, 3, len(who))],
        "hour": random.uniform(0, 24, len(who)),
        "start": np.arange(len(who), dtype=float),
    }


def test_nothing_carries_labels_that_are_carried_by_nothing() -> None:
    fired = sum(bool(audit_labels.carried(readings(seed), "sbp")[0]) for seed in range(20))
    assert fired <= 3  # each audit is made at 5 %; 4 or more of 20 happen in 1.6 % of runs


@pytest.mark.parametrize("name", ["device", "site", "hour", "order"])
def test_a_label_carried_by_something_else_is_found(name: str) -> None:
    table = readings(1)
    who = np.unique(table["person"], return_inverse=True)[1]
    if name == "device":
        table["reference"] = table["reference"] + 15 * (table["device"] == "b")
    elif name == "site":
        table["reference"] = table["reference"] + 8 * (table["site"] == "z")
    elif name == "hour":
        table["reference"] = table["reference"] + 8 * np.sin(table["hour"] * np.pi / 12)
    else:
        order = np.argsort(np.bincount(who, table["reference"])[who], kind="stable")  # people sorted by their level
        table = {key: column[order] for key, column in table.items()}
    found, _ = audit_labels.carried(table, "sbp")
    assert name in {finding.check for finding in found}
    assert all(finding.severity == "warning" and finding.fix for finding in found)


def test_what_cannot_be_looked_for_says_why() -> None:
    table = readings(2) | {"device": np.full(240, "a"), "hour": np.full(240, np.nan)}
    _, skipped = audit_labels.carried(table, "sbp")
    assert skipped == {"device": "all readings are of one device", "hour": "no time of day is known"}
    table["person"] = np.full(240, "")
    assert set(audit_labels.carried(table, "sbp")[1]) == {"device", "site", "hour", "order"}


def test_an_audit_of_another_store_or_kind_is_refused(store: Store) -> None:
    other = replace(splitted(store, "by-person"), rows=5)
    with pytest.raises(PulsewiseError, match="the split is of 5 windows"):
        audit(store, other)
    for text in ("[]", "{}", '{"schema_version": 9}', '{"schema_version": 1, "kind": 3}', "no"):
        with pytest.raises(PulsewiseError):
            from_json(text)


def trained(store: Store, chosen: split.Split, model: str = "constant") -> Bundle:
    table = {
        "name": "small",
        "dataset": {"name": "simulated"},
        "task": {"name": "pressure"},
        "model": {"name": model},
        "split": {"name": chosen.name},
    }
    return train(store, chosen.folds[0], fill(table), store.path.parent / "trained", progress=False)


def test_scaling_and_rows_of_a_bundle_are_held_against_its_fold(store: Store) -> None:
    honest = splitted(store, "by-person")
    bundle = trained(store, honest)
    assert of_bundles([bundle], store, honest) == ([], {})
    fold = honest.folds[0]
    everyone = np.arange(len(store))
    labels = np.stack([store.column("label_sbp"), store.column("label_dbp")], axis=1).astype(float)
    peeked = scaling.fit(store, everyone, labels, ("sbp", "dbp"))
    cheat = replace(bundle, facts=replace(bundle.facts, scaling=peeked))
    (finding, *rest), _ = of_bundles([cheat], store, honest)
    assert (finding.check, finding.severity) == ("scaling", "leak") and not rest
    assert finding.came == "the scaling of the targets was fitted on training, validation and test rows together"
    other = replace(honest, folds=(split.Fold(fold.test, fold.validation, fold.train),))
    (finding,), _ = of_bundles([bundle], store, other)
    assert (finding.check, finding.severity) == ("training", "leak")
    foreign = replace(bundle, facts=replace(bundle.facts, training=replace(bundle.facts.training, data="other")))
    assert set(of_bundles([foreign], store, honest)[1]) == {"training", "scaling"}
    whole = with_bundles(audit(store, honest), *of_bundles([cheat], store, honest))
    assert whole.kind == "run" and whole.leaks[0].check == "scaling"
    with pytest.raises(GateError):
        refuse(whole)
    refuse(whole, leaky=True)


def test_a_table_of_pairs_is_looked_at_as_far_as_it_goes(make_rows) -> None:
    clean = audit_pairs(make_rows(), "glucose")
    assert not clean.leaks and {f.check for f in clean.findings} <= {"labels"}
    assert clean.windows == 480 and "windows rest on" in by(clean, "labels")[0].came
    assert {"sides", "scaling", "training", "person", "device", "site", "hour", "overlap"} == set(clean.skipped)
    rows = make_rows()
    folded = rows.append_column("fold", pa.array(np.arange(len(rows)) % 3))
    assert [f.check for f in audit_pairs(folded, "glucose").leaks] == ["sides"]
    reference = rows["reference"].to_numpy().copy()
    estimate = rows["estimate"].to_numpy().copy()
    estimate[:50] = reference[:50]
    copied = audit_pairs(rows.set_column(rows.schema.get_field_index("estimate"), "estimate", [estimate]), "glucose")
    assert by(copied, "answers")[0].count == 50
    unknown = audit_pairs(rows.drop_columns(["person"]), "glucose")
    assert unknown.people == 0 and unknown.skipped["device"] == "people are unknown"


def test_one_person_under_two_names_is_found_by_their_numbers(make_rows) -> None:
    rows = make_rows()
    person = np.array(rows["person"].to_pylist())
    first = rows.filter(person == person[0])
    again = first.set_column(first.schema.get_field_index("person"), "person", [["twin"] * len(first)])
    # the same references, other estimates: four different readings are needed
    assert not by(audit_pairs(pa.concat_tables([rows, again]), "glucose"), "duplicates")
    more = make_rows(readings=5)
    first = more.filter(np.array(more["person"].to_pylist()) == person[0])
    again = first.set_column(first.schema.get_field_index("person"), "person", [["twin"] * len(first)])
    found = by(audit_pairs(pa.concat_tables([more, again]), "glucose"), "duplicates")
    assert found[0].came == "1 people have the same references and estimates as another"


@pytest.mark.parametrize("step", [0.0, 1.0])
def test_good_estimates_are_not_taken_for_copies(step: float) -> None:
    random = np.random.default_rng(0)
    reference = random.normal(75, 12, 500)
    estimate = reference + random.normal(0, 1.2, 500)
    if step:
        reference, estimate = np.round(reference), np.round(estimate)
    rows = pa.table({"person": [f"p{i % 25}" for i in range(500)], "reference": reference, "estimate": estimate})
    assert not by(audit_pairs(rows, "heart_rate"), "answers")
