"""How the forest of `signals.rhythm` for ECG was fitted: `python -m benchmarks.fit_rhythm_ecg` with PULSEWISE_DATA set.

It sees intervals only. Half of the weight are the intervals of the pulses of the PPG arrhythmia set (as in
`fit_rhythm`, people weighing the same), each piece at its own rate and at another (0.65 to 1.35 times as fast, as rates
differ more between people than in that set); half are drawn: sinus rhythm with breathing, early beats with and without
pause, alone, in pairs, in turn, regular tachycardia for all or part of the time, and fibrillation at 50 to 185 bpm;
one in six with a beat missed or one too many. CPSC 2021 is kept apart: its people are scored, none was looked at to
choose. Constants are those of `fit_rhythm`. Needs lightgbm.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from benchmarks.fit_rhythm import LABELS, SETTINGS
from benchmarks.trees import save
from pulsewise.signals import irregularity
from pulsewise.signals.beats import find_beats
from pulsewise.signals.rhythm import CLASSES

DATA = Path(os.environ.get("PULSEWISE_DATA", "../shared/data"))
KNOWN = CLASSES[:-1]
ROUNDS = 220
DRAWN = 3000
"""Trains of 10 s drawn of each class."""


def sinus(rng: np.random.Generator, bpm: float | None = None, sway: float | None = None) -> np.ndarray:
    """Intervals (s) of a minute of sinus rhythm: breathing, slow change, jitter."""
    mean = 60 / (bpm or np.exp(rng.uniform(np.log(38), np.log(125))))
    sway = rng.choice([0.01, 0.03, 0.06, 0.12]) if sway is None else sway
    t, out = 0.0, []
    breath, phase, slow = rng.uniform(0.12, 0.4), rng.uniform(0, 6.3), rng.uniform(0.03, 0.1)
    while t < 40:
        d = mean * (1 + sway * np.sin(2 * np.pi * breath * t + phase) + 0.02 * np.sin(2 * np.pi * slow * t + phase))
        out.append(d + 0.008 * rng.normal())
        t += out[-1]
    return np.array(out)


def ectopy(rng: np.random.Generator) -> np.ndarray:
    """Sinus rhythm with early beats: alone at random, after each one, two or three beats, in pairs, or interpolated."""
    d = sinus(rng, np.exp(rng.uniform(np.log(45), np.log(105))), rng.choice([0.01, 0.03, 0.05]))
    how, i = rng.choice(["random", "random", "random", "turn", "pairs"]), int(rng.integers(1, 4))
    early, jitter, pause = rng.uniform(0.45, 0.82), rng.uniform(0.01, 0.08), rng.choice([0.0, 0.5, 1.0, 1.0])
    every = int(rng.integers(2, 5))
    while i < len(d) - 2:
        share = np.clip(early + jitter * rng.normal(), 0.3, 0.88)
        if how == "pairs" and i < len(d) - 3:
            d[i + 1] = d[i] * np.clip(early + jitter * rng.normal(), 0.3, 0.9)
            d[i + 2] *= 1 + pause * rng.uniform(0.2, 0.6)
        else:
            d[i + 1] *= 1 + pause * (1 - share) + 0.05 * rng.random()
        d[i] *= share
        i += every if how == "turn" else int(rng.geometric(rng.choice([0.12, 0.25, 0.35]))) + 1
    return d


def tachycardia(rng: np.random.Generator) -> np.ndarray:
    """A regular fast rhythm, for all of the time or as a run within sinus rhythm."""
    fast = sinus(rng, np.exp(rng.uniform(np.log(130), np.log(220))), rng.choice([0.0, 0.005, 0.015]))
    if rng.random() < 0.6:
        return fast
    calm = sinus(rng, rng.uniform(55, 105), 0.03)
    runs = [calm[: rng.integers(2, 9)], fast[: rng.integers(5, 20)], calm[-1:] * rng.uniform(1, 1.6), calm[:25]]
    return np.concatenate(runs)


def fibrillation(rng: np.random.Generator) -> np.ndarray:
    """Intervals without memory above what the node lets through, their mean slowly changing."""
    mean, variation = 60 / np.exp(rng.uniform(np.log(50), np.log(185))), rng.uniform(0.11, 0.30)
    least = rng.uniform(0.24, 0.36)
    slow = 1 + 0.08 * np.sin(2 * np.pi * rng.uniform(0.01, 0.05) * np.arange(60) * mean + rng.uniform(0, 6.3))
    spread = max(mean - least, 0.25 * mean)
    shape = (spread / (variation * mean)) ** 2
    return np.maximum((mean - spread) + rng.gamma(shape, spread / shape, 60) * slow, 0.24)


def piece(d: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The intervals within 10 s from a moment in the first 10 s; one in six trains with a beat missed or too many."""
    beats = np.cumsum(d) - rng.uniform(0, min(10.0, max(d.sum() - 10, 0.1)))
    beats = beats[(beats >= 0) & (beats < 10)]
    if len(beats) > 6 and rng.random() < 0.08:
        beats = np.delete(beats, rng.integers(1, len(beats) - 1))
    if len(beats) > 6 and rng.random() < 0.08:
        beats = np.sort(np.append(beats, rng.uniform(0.5, 9.5)))
    return np.diff(beats)


def main() -> None:
    import lightgbm
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    rng = np.random.default_rng(0)
    rows, cls, person, label, weight = [], [], [], [], []

    def add(d: np.ndarray, name: str, who: str, mark: int, w: float) -> None:
        row = irregularity.of_intervals(d)
        if np.isfinite(row[0]):
            rows.append(row), cls.append(KNOWN.index(name)), person.append(who), label.append(mark), weight.append(w)

    with np.load(DATA / "ppg-arrhythmia/ppg_arrhythmia_uint16.npz") as kept:
        samples, labels, people = kept["ppg_u16"], kept["label"], kept["subject"]
    size = np.bincount(people)
    for raw, mark, who in zip(samples, labels, people, strict=True):
        d = find_beats(raw / 65535, 100.0).intervals()
        add(d, LABELS[mark], f"a{who}", int(mark), 1 / size[who])
        if LABELS[mark] != "other":
            add(d * rng.uniform(0.75, 1.55), LABELS[mark], f"a{who}", -1, 0.5 / size[who])
    real = sum(weight)
    for i in range(DRAWN):
        for name, draw in zip(KNOWN, (sinus, ectopy, tachycardia, fibrillation), strict=True):
            add(piece(draw(rng), rng), name, f"d{i % 200}", -2, real / (4 * DRAWN))
    x, y, who = np.array(rows, dtype=np.float32), np.array(cls), np.array(person)
    mark, w = np.array(label), np.array(weight) * len(weight) / sum(weight)
    settings = SETTINGS | {"num_class": len(KNOWN)}
    p = np.zeros((len(x), len(KNOWN)))
    for train, test in GroupKFold(7).split(x, groups=who):
        p[test] = lightgbm.train(settings, lightgbm.Dataset(x[train], y[train], weight=w[train]), ROUNDS).predict(
            x[test]
        )
    af = p[:, KNOWN.index("af")]
    for name, others in (("SR", [0]), ("all", [0, 1, 2, 3, 4]), ("PVC", [1]), ("PAC", [2]), ("VT", [3]), ("SVT", [4])):
        used = (mark == 5) | np.isin(mark, others)
        print(f"intervals: AF against {name} {roc_auc_score(mark[used] == 5, af[used], sample_weight=w[used]):.4f}")
    for c, name in enumerate(KNOWN):
        said = p[(mark == -2) & (y == c)].argmax(axis=1)
        print(f"  drawn {name} called", ", ".join(f"{k} {np.mean(said == i):.3f}" for i, k in enumerate(KNOWN)))
    save("rhythm_ecg", lightgbm.train(settings, lightgbm.Dataset(x, y, weight=w), ROUNDS), x)


if __name__ == "__main__":
    main()
