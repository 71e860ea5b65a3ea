"""Known answers: what the shipped SiamQuality encoder is worth on people it never saw, beside what is simpler.

On each set the encoder is used as it came (a probe: only the head learns) and trained further, beside the same
encoder from random weights, the answer of signal processing, and predictors without skill. The printed tables are
the answer, good or not; what is asserted is only what must hold. Epochs and rates were fixed before any of it was
run, by what one core does in minutes, and are the same for pre-trained and random weights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.known_answers import kept
from tests.known_answers.test_moving_and_breathing import held_out

from pulsewise.cli._run import Run
from pulsewise.clinical.detection import best_threshold
from pulsewise.datasets import ieee_spc, marsh, ppg_arrhythmia
from pulsewise.judge.evolved import Drawn
from pulsewise.judge.rows import Columns
from pulsewise.learn.pretrained import load
from pulsewise.signals.beats import find_beats
from pulsewise.signals.irregularity import NAMES, of_intervals
from pulsewise.signals.motion import track
from pulsewise.signals.rate import heart_rate
from pulsewise.signals.respiration import respiration

pytestmark = [pytest.mark.known_answers, pytest.mark.real_data]

ENCODER = "siamquality-18"
PROBE = ("train.lr=1e-2", "train.weight_decay=0.0")
"""Of a probe, where the head alone learns: as for any linear layer, ten times the rate of a network."""
ALL = ("window.refuse=[]", "split.name=grouped-k-fold")
"""Every window counts, and everybody is in the test once."""
SEEDS = (0, 1, 2)


def of_seed(seed: int) -> tuple[str, ...]:
    return (f"seed={seed}", f"split.seed={seed}")


def mark() -> str:
    """Digits of the encoder: with another one, runs are others."""
    return load(ENCODER).fingerprint[:6]


def begun(name: str, recipe: str, data: Path, settings: tuple[str, ...], first: str = "", seed: int = 0) -> Run:
    """A run that begins with the encoder, or with random weights where its name says so, and is a probe likewise."""
    random = "random" in name
    encoder = kept.random_weights(ENCODER, seed) if random else ENCODER
    probe = "probe" in name
    folder = f"{name}-{'' if random else mark()}".replace(" ", "-").replace(",", "")
    settings = (*settings, *PROBE) if probe else settings
    return kept.run(folder, recipe, data, settings, encoder=encoder, freeze=probe, windows_of=first)


def test_nobody_here_was_seen_in_pretraining() -> None:
    """By its card the encoder learnt from Stress-Predict and simulated people; the figures rest on others."""
    assert all("Stress-Predict" in source or "Simulated" in source for source in load(ENCODER).facts.sources)


# -- fibrillation from ten seconds of pulse ------------------------------------------------------------------------

MOST = 60
"""Segments of each person, evenly spread: all 10,620 would take one core an hour."""
RHYTHM = (
    "dataset.name=ppg_arrhythmia", f"dataset.most={MOST}", "task.name=fibrillation", "window.length_s=10",
    "window.step_s=10", "label.tolerance_s=5", "train.sampling=person-balanced", *ALL,
)  # fmt: skip
RHYTHM_EPOCHS = {"probe": "train.epochs=5", "trained": "train.epochs=2"}


def variation(data: Path) -> dict[tuple[str, float], float]:
    """Coefficient of variation of the pulse intervals of each segment, by person and start; NaN with too few."""
    dataset, found = ppg_arrhythmia.build(ppg_arrhythmia.Config(str(data), MOST)), {}
    for name in dataset.ids():
        (signal,) = dataset.read(name).signals
        length, step = round(10 * signal.rate), round(11 * signal.rate)
        for first in range(0, len(signal.samples) - length + 1, step):
            beats = find_beats(signal.samples[first : first + length], signal.rate)
            found[name, first / signal.rate] = float(of_intervals(beats.intervals())[NAMES.index("cv")])
    return found


def by_variation(made: Run, columns: Columns, data: Path) -> Columns:
    """The rows of a run with what the variation says: threshold with the highest F1 on the people who do not test."""
    known, store = variation(data), made.store().columns()
    keys = zip(store["person"].astype(str).tolist(), store["start"].tolist(), strict=True)
    score = np.array([known[person, round(start, 2)] for person, start in keys])
    truth = (store["label_rhythm"] == "af").astype(float)
    said, rank = np.zeros(len(score)), np.zeros(len(score))
    for fold in made.split().folds:
        seen = np.concatenate([fold.train, fold.validation])
        filled = np.where(np.isfinite(score), score, np.nanmedian(score[seen]))
        limit = best_threshold(truth[seen], filled[seen])
        said[fold.test], rank[fold.test] = filled[fold.test] >= limit, filled[fold.test]
    return {**columns, "estimate": said[columns["window"]], "probability": rank[columns["window"]]}


def test_fibrillation(real_data: Path) -> None:
    """28 people, 60 segments each, five folds of people; fibrillation against everything, and against sinus rhythm."""
    data, first = real_data / "ppg-arrhythmia", f"fibrillation-random-trained-{SEEDS[0]}-"
    every, sinus = [], []
    for seed in SEEDS:
        versions: dict[str, Columns] = {}
        for name in ("random, trained", "random, probe", "probe", "trained"):
            epochs = RHYTHM_EPOCHS["probe" if "probe" in name else "trained"]
            settings = (*RHYTHM, epochs, *of_seed(seed))
            made = begun(f"fibrillation-{name}-{seed}", "siamquality", data, settings, first, seed)
            versions[f"encoder, {name}"] = kept.rows(made, "af")  # a segment has a label of its own
        rhythm = made.store().columns()["label_rhythm"]
        some = next(iter(versions.values()))
        versions = {"variation of the intervals": by_variation(made, some, data), **versions}
        print(f"\n fibrillation against everything, seed {seed}")
        every.append(kept.beside(versions, "auroc"))
        print(f" fibrillation against sinus rhythm, seed {seed}")
        told = {name: np.isin(rhythm[rows["window"]], ("af", "sinus")) for name, rows in versions.items()}
        against = {name: {k: v[told[name]] for k, v in rows.items()} for name, rows in versions.items()}
        sinus.append(kept.beside(against, "auroc"))
    pairs = [
        ("encoder, trained", "encoder, random, trained"),
        ("encoder, probe", "encoder, random, probe"),
        ("encoder, trained", "variation of the intervals"),
    ]
    print("\n fibrillation against everything")
    kept.over_seeds(every, "auroc", pairs)
    print(" fibrillation against sinus rhythm")
    kept.over_seeds(sinus, "auroc", pairs)
    for table, against_sinus in zip(every, sinus, strict=True):
        assert table["variation of the intervals"][0].numbers["auroc"].people == 28
        assert against_sinus["variation of the intervals"][0].numbers["auroc"].value > 0.95
        assert table["encoder, trained"][0].numbers["auroc"].value > 0.5


# -- blood pressure from two seconds of pulse ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_pressure(seed: int, real_data: Path) -> None:
    """As in `test_pressure`. 84 samples are hardly more than the encoder's first kernel, which spans 80."""
    data = real_data / "ppg-bp" / "raw"
    for name, more in (("ridge with demographics", ()), ("ridge", ("model.demographics=[]",))):
        settings = ("model.name=embedding", *more, *of_seed(seed))
        made = kept.run(
            f"pressure-{name}-{seed}-{mark()}".replace(" ", "-"), "pressure-rocket", data, settings, encoder=ENCODER
        )
        for quantity in ("sbp", "dbp"):
            kept.row(f"embedding in {name}, seed {seed}", made, quantity)
    for name, epochs in (("probe", 60), ("fine-tuned", 12), ("random, probe", 60), ("random, trained", 12)):
        settings = ("window.length_s=2.1", f"train.epochs={epochs}", *of_seed(seed))
        made = begun(f"pressure-{name}-{seed}", "pressure-resnet34", data, settings, seed=seed)
        for quantity in ("sbp", "dbp"):
            kept.row(f"encoder, {name}, seed {seed}", made, quantity)
        part = made.result().quantities[0].scores[0]
        assert part.people == 142 and part.numbers["mae"].value < 40


# -- heart rate under exercise, and heart rate and breathing at rest -----------------------------------------------


def instead(columns: Columns, values: np.ndarray) -> Columns:
    """The rows with other estimates, by window."""
    return {**columns, "estimate": values[columns["window"]]}


MOVING = (
    "dataset.name=ieee_spc", "window.length_s=8", "window.step_s=2", "label.how=manual", "split.folds=6",
    "train.epochs=2", *ALL,
)  # fmt: skip


def moving(data: Path, made: Run) -> dict[str, np.ndarray]:
    """What signal processing says of each window of the store: of the window alone, and of the whole run."""
    dataset, columns = ieee_spc.build(ieee_spc.Config(str(data))), made.store().columns()
    found = {name: np.full(len(columns["start"]), np.nan) for name in ("window", "pulse", "arm")}
    folds = {True: held_out("motion_arm"), False: held_out("motion_alone")}
    for i, name in enumerate(dataset.ids()):
        run = dataset.read(name)
        ppg, acc = (np.stack([s.samples for s in run.channels(kind)]) for kind in ("ppg", "acc"))
        rows = np.flatnonzero(columns["record"] == name)
        number = np.round(columns["start"][rows] / 2).astype(int)
        for row, k in zip(rows.tolist(), number.tolist(), strict=True):
            found["window"][row] = heart_rate(ppg[0, k * 250 : k * 250 + 1000], 125.0, least=0.0).bpm
        for place, arm in (("pulse", False), ("arm", True)):
            guess = track(ppg, 125, acc if arm else None, scorer=folds[arm][str(i)]).guess
            found[place][rows] = guess[np.minimum(number, len(guess) - 1)]
    return found


def test_heart_rate_in_exercise(real_data: Path) -> None:
    """IEEE SPC: 12 people, 8 s of one wrist pulse, six folds of people; a transformer of the same size beside it."""
    data, first = real_data / "ieee-spc-2015", f"moving-random-trained-{SEEDS[0]}-"
    tables, said = [], {}
    for seed in SEEDS:
        versions: dict[str, Columns] = {}
        for name in ("random, trained", "fine-tuned"):
            made = begun(f"moving-{name}-{seed}", "siamquality", data, (*MOVING, *of_seed(seed)), first, seed)
            versions[f"encoder, {name}"] = kept.rows(made, "heart_rate")
        other = (*MOVING, "model.name=transformer", "pretrain.epochs=0", *of_seed(seed))
        made = kept.run(f"moving-transformer-{seed}", "siamquality", data, other, windows_of=first)
        versions["transformer, random, trained"] = kept.rows(made, "heart_rate")
        some, said = versions["encoder, fine-tuned"], said or moving(data, made)
        alone = said["window"].copy()
        for fold in made.split().folds:  # no beats: the constant
            level = np.nanmedian(made.store().columns()["label_heart_rate"][fold.train])
            alone[fold.test] = np.where(np.isfinite(alone[fold.test]), alone[fold.test], level)
        titles = {"window": "beats of the window", "pulse": "tracked, pulse", "arm": "tracked, pulse and accelerometer"}
        versions = {**{titles[k]: instead(some, values) for k, values in {**said, "window": alone}.items()}, **versions}
        print(f"\n heart rate in exercise, bpm, seed {seed}")
        tables.append(kept.beside(versions, "mae"))
    pairs = [
        ("encoder, fine-tuned", "encoder, random, trained"),
        ("transformer, random, trained", "encoder, random, trained"),
        ("encoder, fine-tuned", "beats of the window"),
    ]
    print("\n heart rate in exercise, bpm")
    kept.over_seeds(tables, "mae", pairs)
    for table in tables:
        assert table["encoder, fine-tuned"][0].numbers["mae"].people == 12
        assert table["tracked, pulse and accelerometer"][0].numbers["mae"].value < 1


RESTING = (
    "dataset.name=marsh", "task.name=vitals", 'task.quantities=["heart_rate", "respiratory_rate"]',
    "window.step_s=30", "label.tolerance_s=16", "train.epochs=4", *ALL,
)  # fmt: skip


def resting(data: Path, made: Run) -> dict[str, np.ndarray]:
    """Heart rate of each window and breathing of its minute, by signal processing."""
    dataset, columns = marsh.build(marsh.Config(str(data))), made.store().columns()
    found = {name: np.full(len(columns["start"]), np.nan) for name in ("heart_rate", "respiratory_rate")}
    folds = held_out("respiration_ppg")
    for name in dataset.ids():
        person = dataset.read(name)
        signal = person.signal("ppg")
        breaths = respiration(signal.samples, signal.rate, "ppg", scorer=folds[person.person], abstain=False)
        for row in np.flatnonzero(columns["record"] == name).tolist():
            start = float(columns["start"][row])
            a, b = round(start * signal.rate), round((start + 30) * signal.rate)
            found["heart_rate"][row] = heart_rate(signal.samples[a:b], signal.rate, least=0.0).bpm
            minute = 60 * (start // 60)
            found["respiratory_rate"][row] = breaths.over(minute, minute + 60).value
    return found


def test_heart_rate_and_breathing_at_rest(real_data: Path) -> None:
    """MARSH: 15 people, both halves of a minute, five folds of people; references of a minute each."""
    data, first = real_data / "marsh", f"resting-random-trained-{SEEDS[0]}-"
    tables: dict[str, list[dict[str, Drawn]]] = {"heart_rate": [], "respiratory_rate": []}
    said: dict[str, np.ndarray] = {}
    for seed in SEEDS:
        runs = {
            f"encoder, {name}": begun(
                f"resting-{name}-{seed}", "siamquality", data, (*RESTING, *of_seed(seed)), first, seed
            )
            for name in ("random, trained", "fine-tuned")
        }
        said = said or resting(data, next(iter(runs.values())))
        for quantity, unit in (("heart_rate", "bpm"), ("respiratory_rate", "breaths/min")):
            columns = {name: kept.rows(made, quantity) for name, made in runs.items()}
            some = next(iter(columns.values()))
            there = {"signal processing": instead(some, said[quantity]), **columns}
            print(f"\n {quantity}, {unit}, seed {seed}")
            tables[quantity].append(kept.beside({name: kept.readings(rows) for name, rows in there.items()}, "mae"))
    for quantity, made in tables.items():
        print(f"\n {quantity}")
        kept.over_seeds(made, "mae", [("encoder, fine-tuned", "encoder, random, trained")])
        for lines in made:
            assert lines["encoder, fine-tuned"][0].numbers["mae"].people == 15
            assert lines["signal processing"][0].numbers["mae"].value < 1.5
