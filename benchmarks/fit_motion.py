"""How the coefficients of `signals.motion` were found: `python benchmarks/fit_motion.py` with PULSEWISE_DATA set.

A score per rate and window, from networks of three convolutions over the bins of `signals.motion_features`. Fitted on
the twelve treadmill runs of IEEE SPC 2015 (12 people), each told at seven speeds (a rate stated as another), with and
without the accelerometer, with one wrist channel or both; on simulated pulses over the arms of the same runs, coupled
by random filters; and on stretches without any pulse, whose target is even. Run i is scored by networks that saw
neither its pulse nor its arm; those shipped saw all. The constants of the tracker, the gate and the width of the
interval for run i are those best on the other runs. Not run by `python -m benchmarks`; needs torch. The steps, in this
order, KIND being arm or alone: `features`, `nets KIND`, `figures KIND`, `ship KIND`.

Left out: a gate without an accelerometer on lines that have no overtone beside others that have one. It would refuse
a strong pure tone that `track` still follows (`measure`, which asks the beats too, abstains), and with it 3 to 12 % of
the windows that are right.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fit_scorer import fit, gathered, nets, ship, targets, wide
from pulsewise.datasets import ieee_spc
from pulsewise.signals import motion_features as mf
from pulsewise.signals.motion import GRID, MEMORY, fine
from pulsewise.signals.motion_work import bring
from pulsewise.signals.track import around, follow, moves, read, smooth, support

SCRATCH = Path(os.environ.get("PULSEWISE_SCRATCH", Path(tempfile.gettempdir()) / "fit_motion"))
RUNS = 12
KINDS = ("arm", "alone")
"""With an accelerometer and without: a network each."""
WAYS = ("causal", "whole")
SETTINGS = {"arm": {"epochs": 15, "rows": 7680}, "alone": {"epochs": 15, "rows": 5120}}
MADE = {"arm": 0.2, "alone": 0.35}
"""Share of the simulated among the rows of an epoch."""
SEEDS = {"arm": (0, 1, 2), "alone": (0,)}
"""Several networks where the features cost ten times as much as they do; one where they are half of the work."""
CHOICES = {
    "arm": [(heat, step, 1e-5, drift) for heat in (0.5, 0.7, 1.0) for step in (1.5, 2.5, 4.0) for drift in (0, 2)],
    "alone": [(heat, step, 1e-5, drift) for heat in (0.35, 0.5, 0.7, 1.0) for step in (2.5, 4.0) for drift in (0, 2)],
}
"""Heat, step, floor and drift of the tracker."""
WORDS = ("heat", "step", "floor", "drift")
SPEEDS = (1.0, 0.7, 0.8, 0.9, 1.12, 1.25, 1.4)


def read_runs() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """PPG (2, T), accelerometer (3, T) and the true rate of each 8 s window, per run."""
    dataset = ieee_spc.build(ieee_spc.Config())
    runs = []
    for name in dataset.ids():
        run = dataset.read(name)
        ppg, arm = (np.stack([s.samples for s in run.channels(kind)]).astype(float) for kind in ("ppg", "acc"))
        runs.append((ppg, arm, np.array([float(r.value) for r in run.references])))
    return runs


def seen(ppg, good, arm, whole: bool) -> np.ndarray:
    """Features of all windows, half precision."""
    work = mf.Work(ppg.astype(np.float32), good, None if arm is None else arm.astype(np.float32))
    count = mf.window_count(ppg.shape[1])
    return np.concatenate(
        [mf.features(work, a, min(a + 128, count), whole=whole)[0].astype(np.float16) for a in range(0, count, 128)]
    )


def truth_at(truth: np.ndarray, count: int, speed: float) -> np.ndarray:
    centre = (np.arange(count) * 2 + 4) * speed
    return np.interp(centre, np.arange(len(truth)) * 2 + 4, truth) * speed


def real(runs, rng) -> None:
    """SCRATCH/run<i>_<kind>.npz: rows to learn from; and at speed 1 all windows of both channels."""
    for i, (ppg, arm, truth) in enumerate(runs):
        rows, kept = Rows(), {kind: {"truth": truth} for kind in KINDS}
        for speed in SPEEDS:
            p, good = bring(ppg, 125 * speed)
            a, _ = bring(arm, 125 * speed)
            y = truth_at(truth, mf.window_count(p.shape[1]), speed)
            if speed == 1:
                y = truth[: len(y)] if len(truth) >= len(y) else np.append(truth, y[len(truth) :])
            for kind in KINDS:
                beside = a if kind == "arm" else None
                for whole in (False, True):
                    pick = [[0, 1], [0, 1], [0], [1]][rng.integers(4)]
                    rows.add(kind, seen(p[pick], good[pick], beside, whole), y)
                    if speed == 1:
                        name = "whole" if whole else "causal"
                        kept[kind] |= {name: seen(p, good, beside, whole)}
        rows.save(f"run{i}", kept)


class Rows:
    """Features and rates, with an accelerometer and without."""

    def __init__(self) -> None:
        self.x, self.y = {kind: [] for kind in KINDS}, {kind: [] for kind in KINDS}

    def add(self, kind: str, features: np.ndarray, rates: np.ndarray) -> None:
        self.x[kind].append(features)
        self.y[kind].append(rates)

    def save(self, name: str, more) -> None:
        for kind in KINDS:
            x, y = np.concatenate(self.x[kind]), np.concatenate(self.y[kind])
            np.savez(SCRATCH / f"{name}_{kind}.npz", x=x, y=y, **more.get(kind, {}))
        print(name, len(y), flush=True)


def pulse(rng, seconds: float, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """A pulse (T,) whose rate wanders, of one of several shapes, and its rate (bpm) at each sample."""
    t = np.arange(round(seconds * rate)) / rate
    knots = np.arange(0, seconds + 20, 10)
    drift = np.cumsum(rng.normal(0, rng.choice([1.0, 4.0, 8.0]), len(knots)))
    bpm = np.clip(np.exp(rng.uniform(np.log(34), np.log(190))) + drift, 32, 210)
    bpm = np.interp(t, knots, bpm)
    wobble = 1 + rng.choice([0.0, 0.02, 0.05]) * np.sin(2 * np.pi * rng.uniform(0.1, 0.35) * t + rng.uniform(0, 6))
    jitter = 1 + rng.choice([0.0, 0.02, 0.06]) * np.interp(
        t, np.arange(0, seconds + 1, 0.8), rng.normal(size=len(np.arange(0, seconds + 1, 0.8)))
    )
    phase = 2 * np.pi * np.cumsum(bpm * wobble * jitter) / 60 / rate
    tilt, second, third = rng.uniform(0, 6), rng.uniform(0.1, 0.7), rng.uniform(0, 0.3)
    x = np.cos(phase) + second * np.cos(2 * phase + tilt) + third * np.cos(3 * phase + 2 * tilt)
    if rng.random() < 0.3:  # a narrow pulse
        x = np.exp(rng.uniform(1, 4) * np.cos(phase - 0.3 * np.sin(phase)))
    return x / x.std(), bpm


def coloured(rng, count: int, rate: float, slope: float) -> np.ndarray:
    f = np.maximum(np.fft.rfftfreq(count, 1 / rate), 0.1)
    x = np.fft.irfft(np.fft.rfft(rng.normal(size=count)) * f**-slope, count)
    return x / x.std()


def coupled(rng, arm: np.ndarray) -> np.ndarray:
    """What an arm (3, T) at 25 Hz does to a PPG (T,): a random short filter, drifting, and a little of its square."""
    taps = rng.normal(size=(2, 3, 7)) * np.exp(-np.abs(np.arange(-3, 4)) / rng.uniform(0.5, 2))
    share = np.interp(np.arange(arm.shape[1]), np.linspace(0, arm.shape[1], 12), rng.uniform(0, 1, 12))
    parts = [sum(np.convolve(a, h, "same") for a, h in zip(arm, set_, strict=True)) for set_ in taps]
    x = parts[0] * share + parts[1] * (1 - share)
    bent = x + rng.choice([0, 0, 0.3, 0.6]) * (np.abs(x) - np.abs(x).mean())
    return bent / (bent.std() + 1e-9)


def scene(rng, arm: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PPG (C, T) and arm (3, T) at 25 Hz, and the rate at each sample (NaN: there is no pulse).

    `moving`: the arm of a run, coupled; `still`: an arm at rest, with or without other tones in the PPG; `empty`: the
    disturbances only.
    """
    count = arm.shape[1]
    t = np.arange(count) / 25
    beat, bpm = pulse(rng, count / 25, 25)
    beat, bpm = beat[:count], bpm[:count]
    if kind == "still" or (kind == "empty" and rng.random() < 0.6):
        arm = coloured(rng, 3 * count, 25, rng.choice([0, 0.5])).reshape(3, count)
        moved, strength = coloured(rng, count, 25, rng.choice([0, 0.5, 1.0])), 10 ** rng.uniform(-1.5, 0)
    else:
        moved, strength = coupled(rng, arm), 10 ** rng.uniform(-1, 0.6)
    tone = np.zeros(count)
    if kind == "still" and rng.random() < 0.7:
        f, phase = rng.uniform(0.6, 3.2), rng.uniform(0, 6, 3)
        tone = np.sin(2 * np.pi * f * t + phase[0]) + rng.choice([0, 0, 0.3]) * np.sin(4 * np.pi * f * t + phase[1])
        tone *= 10 ** rng.uniform(-0.7, 0.5) * (1 + 0.3 * np.sin(2 * np.pi * t / rng.uniform(8, 60) + phase[2]))
    if kind == "empty":
        beat, bpm = 0 * beat, np.full(count, np.nan)
    ppg = []
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        x = beat + tone + rng.uniform(0.5, 1.5) * strength * moved
        ppg.append(x + 10 ** rng.uniform(-1.5, 0.2) * coloured(rng, count, 25, rng.choice([0, 0.5, 1.0])))
    return np.array(ppg), arm, bpm


def made(runs, rng, kinds=("moving", "still", "moving", "still", "moving", "still", "empty", "still", "empty")) -> None:
    """SCRATCH/made<i>.npz: simulated pulses over the arm of run i, over an arm at rest, and no pulse at all."""
    for i, (_, arm, _) in enumerate(runs):
        rows = Rows()
        for kind in kinds:
            a, _ = bring(arm[:, int(rng.integers(0, 5000)) :], 125 * rng.uniform(0.6, 1.5))
            a = a[:, :3750] / np.sqrt((a[:, :3750] ** 2).mean())
            ppg, a, bpm = scene(rng, a, kind)
            z, good = bring(ppg, 25.0)
            b, _ = bring(a, 25.0)
            y = np.array([bpm[j * 50 : j * 50 + 200].mean() for j in range(mf.window_count(z.shape[1]))])
            for arms in KINDS:
                rows.add(arms, seen(z, good, b if arms == "arm" else None, bool(rng.integers(2))), y)
        rows.save(f"made{i}", {})


def learned(kind: str, without, seed: int):
    """A network fitted on all runs but some."""
    xs, ys, parts = [], [], []
    for i in range(RUNS):
        if i in without:
            continue
        for name, share in (("run", 1 - MADE[kind]), ("made", MADE[kind])):
            with np.load(SCRATCH / f"{name}{i}_{kind}.npz") as kept:
                xs.append(kept["x"])
                ys.append(kept["y"])
            parts.append(np.full(len(ys[-1]), share / len(ys[-1])))
    x, y, part = np.concatenate(xs), np.concatenate(ys), np.concatenate(parts)
    return fit(x, targets(y, mf.BINS, 1.5), part, seed=seed, **SETTINGS[kind])


def held_out(kind: str) -> list[dict[str, np.ndarray]]:
    """Log-probabilities of each run by the networks that have not seen it, and its truth."""
    out = []
    for i in range(RUNS):
        scorer = gathered(SCRATCH, f"motion_{kind}", str(i), SEEDS[kind])
        with np.load(SCRATCH / f"run{i}_{kind}.npz") as kept:
            truth = kept["truth"][: len(kept["causal"])]
            out.append({"truth": truth} | {way: scorer(kept[way].astype(np.float32)) for way in WAYS})
    return out


def tracked(scores: np.ndarray, causal: bool, choice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rate, spread and support with the tracker's constants."""
    heat, step, floor, drift = choice
    how, score = moves(GRID, step, floor, drift), fine(scores.astype(float))
    value, spread, _ = read((follow if causal else smooth)(score * heat, how), GRID, 5.0)
    return value, spread, around(support(score, value, GRID, 6.0), MEMORY, causal=causal)


def choices(kind: str, way: str) -> list[tuple[float, ...]]:
    """Those of a kind; hours of PPG alone are followed without a drift, which would cost as much as all the rest."""
    return [c for c in CHOICES[kind] if (kind, way) != ("alone", "whole") or not c[3]]


def chosen(kind: str, runs, table, miss) -> dict[str, float]:
    """The constants that are best on some runs."""
    constants = {}
    for way in WAYS:
        best = min(choices(kind, way), key=lambda c: sum(miss[way, c][i].mean() for i in runs))
        constants |= {f"{word}_{way}": value for word, value in zip(WORDS, best, strict=True)}
        error, rows = [miss[way, best][i] for i in runs], [table[way, best][i] for i in runs]
        constants[f"width_{way}"] = wide([excess(e, r[1]) for e, r in zip(error, rows, strict=True)])
        constants[f"widest_{way}"] = gate(error, [r[1] for r in rows], kind)
        right = np.concatenate([r[2][e < 5] for e, r in zip(error, rows, strict=True)])
        constants[f"least_{way}"] = float(np.quantile(right, 0.01))
    return constants


def figures(kind: str) -> tuple[dict[str, float], list[dict[str, float]]]:
    """Print what people held out get; the constants from all runs, and for each run those from the others."""
    kept = held_out(kind)
    table = {(w, c): [tracked(r[w], w == "causal", c) for r in kept] for w in WAYS for c in choices(kind, w)}
    miss = {key: [np.abs(t[0] - r["truth"]) for t, r in zip(rows, kept, strict=True)] for key, rows in table.items()}
    nested = [chosen(kind, [j for j in range(RUNS) if j != i], table, miss) for i in range(RUNS)]
    for way in WAYS:
        error, held, inside = [], [], []
        for i, constants in enumerate(nested):
            choice = tuple(constants[f"{word}_{way}"] for word in WORDS)
            e, (_, spread, backed) = miss[way, choice][i], table[way, choice][i]
            error.append(e)
            held.append((spread <= constants[f"widest_{way}"]) & (backed >= constants[f"least_{way}"]))
            inside.append((excess(e, spread) <= constants[f"width_{way}"]).mean())
        every, answered = np.concatenate(error), np.concatenate([e[h] for e, h in zip(error, held, strict=True)])
        print(
            f"{kind} {way:<6} {np.mean([e.mean() for e in error]):.3f} bpm, off by > 10: {(every > 10).mean():.4f}"
            f" | answered {len(answered) / len(every):.3f}: {answered.mean():.3f}, off {(answered > 10).mean():.4f}"
            f" | interval holds {np.mean(inside):.3f} | " + " ".join(f"{e.mean():.2f}" for e in error)
        )
    constants = chosen(kind, range(RUNS), table, miss)
    print(constants)
    return constants, nested


def excess(error: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """The factor on the spread that an interval would have needed."""
    return error / (spread + 0.5)


def gate(error, spread, kind: str) -> float:
    """The largest spread at which at most 3 in 1000 (alone: 1 in 100) of those answered is off by more than 10 bpm.

    At least 60 % are answered: where the aim asks for fewer, it is given up.
    """
    e, s = np.concatenate(error), np.concatenate(spread)
    allowed = 0.003 if kind == "arm" else 0.01
    for share in np.arange(0.995, 0.6, -0.005):
        widest = float(np.quantile(s, share))
        if (e[s <= widest] > 10).mean() <= allowed:
            return widest
    return float(np.quantile(s, 0.6))


if __name__ == "__main__":
    SCRATCH.mkdir(exist_ok=True)
    begun, step = time.time(), sys.argv[1]
    if step == "features":
        real(read_runs(), np.random.default_rng(0))
        made(read_runs(), np.random.default_rng(1))
    elif step in ("nets", "figures", "ship"):
        kind = sys.argv[2]
        people = [str(i) for i in range(RUNS)]
        if step == "nets":
            groups = [[i] for i in range(RUNS)]
            nets(SCRATCH, f"motion_{kind}", people, groups, SEEDS[kind], lambda out, seed: learned(kind, out, seed))
        if step == "figures":
            figures(kind)
        if step == "ship":
            constants, nested = figures(kind)
            ship(SCRATCH, f"motion_{kind}", SEEDS[kind], constants, dict(zip(people, nested, strict=True)))
    print(round(time.time() - begun), "s")
