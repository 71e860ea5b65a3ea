"""Rhythm and R peaks on real recordings; a small part of each guards against getting worse in `make test`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pulsewise.datasets import cpsc2021
from pulsewise.signals.beats import find_beats
from pulsewise.signals.rhythm import CLASSES, rhythm

sys.path.insert(0, str(Path(__file__).parent))
from waves import score

pytestmark = pytest.mark.real_data
PIECE_S = 10


@pytest.fixture(scope="module")
def cpsc(real_data: Path) -> cpsc2021.Cpsc2021:
    return cpsc2021.build(cpsc2021.Config(str(real_data)))


def r_peaks(dataset: cpsc2021.Cpsc2021, names: list[str]) -> Iterator[tuple[str, str, int, float]]:
    """Record, lead, number of marked beats and F1 within 75 ms."""
    for name in names:
        one = dataset.read(name)
        true = np.array([e.time for e in one.events if e.kind == "beat"])
        for lead in one.signals:
            found = find_beats(lead.samples, lead.rate, "ecg", valid=lead.valid)
            yield name, lead.name, len(true), score(found.time, true, 0.075, lead.duration)


def pieces(dataset: cpsc2021.Cpsc2021, name: str) -> tuple[list[str], list[str]]:
    """What is said of each 10 s that are all of one rhythm (lead II), and what the marks say."""
    one = dataset.read(name)
    spells = [(e.time, e.time + e.duration) for e in one.events if e.kind == "rhythm" and e.text == "(AFIB"]
    lead, said, true = one.signals[1], [], []
    for start in range(0, int(one.duration) - PIECE_S + 1, PIECE_S):
        inside = sum(max(0.0, min(b, start + PIECE_S) - max(a, start)) for a, b in spells)
        if 0.5 < inside < PIECE_S - 0.5:
            continue
        a, b = int(start * lead.rate), int((start + PIECE_S) * lead.rate)
        said.append(rhythm(lead.samples[a:b], lead.rate, "ecg").value)
        true.append("af" if inside > 1 else "not")
    return said, true


def test_r_peaks_of_three_records(cpsc) -> None:
    found = [f1 for _, lead, _, f1 in r_peaks(cpsc, ["data_101_6", "data_21_7", "data_84_3"]) if lead == "II"]
    assert min(found) >= 0.99


def test_fibrillation_of_three_records(cpsc) -> None:
    whole = {}
    for name in ("data_21_7", "data_84_3"):
        lead = cpsc.read(name).signals[1]
        whole[name] = rhythm(lead.samples, lead.rate, "ecg").value
    assert whole["data_21_7"] != "af" and whole["data_84_3"] == "af"


@pytest.mark.known_answers
def test_r_peaks_of_cpsc(cpsc) -> None:
    rows = list(r_peaks(cpsc, cpsc.ids()))
    for name, lead, count, f1 in rows:
        print(f"{name} lead {lead}: {count} beats, F1 {f1:.4f}")
    weights = [count for _, _, count, _ in rows]
    every = float(np.average([f1 for *_, f1 in rows], weights=weights))
    print(f"CPSC 2021: F1 {every:.4f} over {sum(weights)} beats of 9 records of 3 people, both leads, within 75 ms")
    assert every >= 0.99


@pytest.mark.known_answers
def test_fibrillation_of_cpsc(cpsc) -> None:
    right = answered = 0
    for name in cpsc.ids():
        said, true = pieces(cpsc, name)
        known = [(s, t) for s, t in zip(said, true, strict=True) if s]
        share = np.mean([s == "af" for s, _ in known])
        marked = np.mean([t == "af" for t in true])
        answered, right = answered + len(known), right + sum((s == "af") == (t == "af") for s, t in known)
        print(
            f"{name}: called fibrillation in {share:.2f} of {len(known)} of {len(said)} pieces, marked in {marked:.2f}"
        )
        kind, real = (["none", "some", "all"][int((q > 0.05) + (q > 0.75))] for q in (share, marked))
        assert kind == real, name
    print(f"CPSC 2021, 10 s pieces of one rhythm, lead II: {right} of {answered} answered are right (3 people)")
    assert right >= 0.95 * answered


@pytest.mark.known_answers
def test_fibrillation_from_the_pulse_of_people_held_out(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lightgbm")
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from benchmarks import fit_rhythm as fit
    from sklearn.metrics import roc_auc_score

    monkeypatch.setattr(fit, "DATA", real_data)
    table = fit.Table()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit.arrhythmia(table, np.random.default_rng(0))
        rows, cls, person, source, again, label = table.arrays()
        rows = np.where(np.isfinite(rows), rows, np.nanmedian(rows, axis=0)).astype(np.float32)
        w, p = fit.weights(person, source, again), np.zeros((len(rows), len(CLASSES)))
        for train, test in fit.folds(person):
            p[test] = fit.fitted(rows[train], cls[train], w[train]).predict(rows[test])
    af = p[:, CLASSES.index("af")] / p[:, :-1].sum(axis=1)
    found = {}
    for name, others in {"sinus": [0], "all": [0, 1, 2, 3, 4], "pvc": [1], "pac": [2], "vt": [3], "svt": [4]}.items():
        used = ~again & ((label == 5) | np.isin(label, others))
        found[name] = roc_auc_score(label[used] == 5, af[used], sample_weight=w[used])
    count, people = int((~again).sum()), len(np.unique(person))
    print(f"AF against {found}: {count} windows of {people} people, each held out, weighing the same")
    assert found["sinus"] >= 0.995 and found["all"] >= 0.95
