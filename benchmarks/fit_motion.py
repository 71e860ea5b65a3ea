"""How the coefficients of `signals.motion` were found: `python benchmarks/fit_motion.py` with PULSEWISE_DATA set.

A score per rate and window, from a network of three convolutions over the bins of `signals.motion_features`. Fitted on
the twelve treadmill runs of IEEE SPC 2015 (12 people), each told at seven speeds (a rate stated as another), with and
without the accelerometer, with one wrist channel or both; on simulated pulses over the arms of the same runs, coupled
by random filters; and on stretches without any pulse, whose target is even. Run i is scored by a network that saw
neither its pulse nor its arm; the shipped one saw all. The constants of the tracker, the gate and the width of the
interval for run i are those best on the other runs. Not run by `python -m benchmarks`; needs torch. The steps, in this
order: `features`, `folds TAG`, `figures TAG`, `ship TAG`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import io

from pulsewise.signals import motion_features as mf
from pulsewise.signals.motion import GRID, fine
from pulsewise.signals.motion_work import bring
from pulsewise.signals.score import pack
from pulsewise.signals.track import follow, read, smooth, steps

DATA = Path(os.environ.get("PULSEWISE_DATA", "../shared/data"))
SCRATCH = Path(os.environ.get("PULSEWISE_SCRATCH", Path(tempfile.gettempdir()) / "fit_motion"))
RUNS = 12
SPEEDS = (1.0, 0.7, 0.8, 0.9, 1.12, 1.25, 1.4)


def load() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """PPG (2, T), accelerometer (3, T) and the true rate of each 8 s window, per run."""
    folder = DATA / "ieee-spc-2015/raw/Training_data"
    runs = []
    for path in sorted(folder.glob("DATA_*_TYPE0?.mat")):
        sig = io.loadmat(path)["sig"].astype(float)
        truth = io.loadmat(path.with_name(path.stem + "_BPMtrace.mat"))["BPM0"].ravel()
        runs.append((sig[1:3], sig[3:6], truth))
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
    """SCRATCH/run<i>.npz: causal, whole, alone, alone_whole at speed 1 with both channels; and rows to learn from."""
    for i, (ppg, arm, truth) in enumerate(runs):
        kept, rows, rates = {}, [], []
        for speed in SPEEDS:
            p, good = bring(ppg, 125 * speed)
            a, _ = bring(arm, 125 * speed)
            y = truth_at(truth, mf.window_count(p.shape[1]), speed)
            if speed == 1:
                y = truth[: len(y)] if len(truth) >= len(y) else np.append(truth, y[len(truth) :])
            for with_arm in (True, False):
                for whole in (False, True):
                    pick = [[0, 1], [0, 1], [0], [1]][rng.integers(4)]
                    rows.append(seen(p[pick], good[pick], a if with_arm else None, whole))
                    rates.append(y)
                    if speed == 1:
                        kept[f"{'arm' if with_arm else 'alone'}_{'whole' if whole else 'causal'}"] = seen(
                            p, good, a if with_arm else None, whole
                        )
                        kept[f"one_{'arm' if with_arm else 'alone'}_{'whole' if whole else 'causal'}"] = seen(
                            p[:1], good[:1], a if with_arm else None, whole
                        )
        np.savez(SCRATCH / f"run{i}.npz", truth=truth, x=np.concatenate(rows), y=np.concatenate(rates), **kept)
        print("run", i + 1, sum(map(len, rows)), flush=True)


def pulse(rng, seconds: float, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """A pulse (T,) whose rate wanders, of one of several shapes, and its rate (bpm) at each sample."""
    t = np.arange(round(seconds * rate)) / rate
    knots = np.arange(0, seconds + 20, 10)
    drift = np.cumsum(rng.normal(0, rng.choice([1.0, 4.0, 8.0]), len(knots)))
    bpm = np.clip(np.exp(rng.uniform(np.log(45), np.log(185))) + drift, 35, 210)
    bpm = np.interp(t, knots, bpm)
    wobble = 1 + rng.choice([0.0, 0.02, 0.05]) * np.sin(2 * np.pi * rng.uniform(0.1, 0.35) * t + rng.uniform(0, 6))
    jitter = 1 + rng.choice([0.0, 0.02, 0.06]) * np.interp(
        t, np.arange(0, seconds + 1, 0.8), rng.normal(size=len(np.arange(0, seconds + 1, 0.8)))
    )
    phase = 2 * np.pi * np.cumsum(bpm * wobble * jitter) / 60 / rate
    tilt, second, third = rng.uniform(0, 6), rng.uniform(0.1, 0.7), rng.uniform(0, 0.3)
    x = np.cos(phase) + second * np.cos(2 * phase + tilt) + third * np.cos(3 * phase + 2 * tilt)
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


def made(runs, rng, each: int = 6) -> None:
    """SCRATCH/made<i>.npz: simulated pulses over the arm of run i, and stretches without a pulse (target NaN)."""
    for i, (_, arm, _) in enumerate(runs):
        rows, rates = [], []
        for k in range(each):
            speed = rng.uniform(0.6, 1.5)
            seconds = 150.0
            a, _ = bring(arm[:, int(rng.integers(0, 5000)) :], 125 * speed)
            count = int(min(seconds * 25, a.shape[1]))
            a = a[:, :count] / np.sqrt((a[:, :count] ** 2).mean())
            if k % 3 == 2:  # an arm at rest, or tones without an accelerometer that sees them
                a = coloured(rng, 3 * count, 25, rng.choice([0, 0.5])).reshape(3, count)
            t = np.arange(count) / 25
            channels, empty = int(rng.choice([1, 1, 2, 3])), k == each - 1
            beat, bpm = pulse(rng, count / 25, 25)
            beat = beat[:count] * (0.0 if empty else 1.0)
            strength = 10 ** rng.uniform(-1, 0.6)
            ppg = []
            for _ in range(channels):
                x = beat + rng.uniform(0.5, 1.5) * strength * coupled(rng, a)
                x += 10 ** rng.uniform(-1.5, 0.2) * coloured(rng, count, 25, rng.choice([0, 0.5, 1.0]))
                if k % 3 == 2 and rng.random() < 0.5:
                    x += 10 ** rng.uniform(-1, 0.3) * np.sin(2 * np.pi * rng.uniform(0.6, 3) * t + rng.uniform(0, 6))
                ppg.append(x)
            z, good = bring(np.array(ppg), 25.0)
            b, _ = bring(a, 25.0)
            n = mf.window_count(z.shape[1])
            y = np.array([bpm[j * 50 : j * 50 + 200].mean() for j in range(n)]) if not empty else np.full(n, np.nan)
            for with_arm in (True, False):
                rows.append(seen(z, good, b if with_arm else None, bool(rng.integers(2))))
                rates.append(y)
        np.savez(SCRATCH / f"made{i}.npz", x=np.concatenate(rows), y=np.concatenate(rates))
        print("made", i + 1, sum(map(len, rows)), flush=True)


def learned(without: int, *, seed: int = 0, **settings):
    """A scorer fitted on all runs but one (none is left out with -1)."""
    from fit_scorer import fit, targets

    xs, ys, parts = [], [], []
    for i in range(RUNS):
        if i == without:
            continue
        for name, share in (("run", 0.75), ("made", 0.25)):
            with np.load(SCRATCH / f"{name}{i}.npz") as kept:
                xs.append(kept["x"])
                ys.append(kept["y"])
            parts.append(np.full(len(ys[-1]), share / len(ys[-1])))
    x, y, part = np.concatenate(xs), np.concatenate(ys), np.concatenate(parts)
    return fit(x, targets(y, mf.BINS, 1.5), part, seed=seed, **settings)


VARIANTS = [f"{one}{arm}_{whole}" for one in ("", "one_") for arm in ("arm", "alone") for whole in ("causal", "whole")]


def folds(which, tag: str, **settings) -> None:
    """SCRATCH/scores_<tag>_<i>.npz: log-probabilities of the run left out, for every variant."""
    for i in which:
        begun = time.time()
        scorer = learned(i, **settings)
        with np.load(SCRATCH / f"run{i}.npz") as kept:
            out = {name: scorer(kept[name].astype(np.float32)) for name in VARIANTS}
            truth = kept["truth"]
        n = len(out["arm_causal"])
        errors = [np.abs(mf.BINS[out[name].argmax(1)] - truth[:n]).mean() for name in VARIANTS]
        print(i + 1, " ".join(f"{e:.2f}" for e in errors), f"{time.time() - begun:.0f} s", flush=True)
        np.savez(SCRATCH / f"scores_{tag}_{i}.npz", truth=truth[:n], **out)


KINDS = ("arm_causal", "arm_whole", "alone_causal", "alone_whole")
CHOICES = [
    (heat, step, floor) for heat in (0.5, 0.7, 1.0) for step in (1.5, 2.0, 2.5, 3.0, 4.0) for floor in (1e-5, 1e-4)
]


def tracked(scores: np.ndarray, kind: str, choice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rate, spread and trust with the tracker's constants."""
    heat, step, floor = choice
    moves = steps(GRID, step, floor)
    score = fine(scores.astype(float)) * heat
    return read(smooth(score, moves) if kind.endswith("whole") else follow(score, moves), GRID, 5.0)


def figures(tag: str) -> dict[str, float]:
    """Print what people held out get, the tracker's constants chosen without them; return the constants for all."""
    kept = [dict(np.load(SCRATCH / f"scores_{tag}_{i}.npz")) for i in range(RUNS)]
    table = {(k, c): [tracked(r[k], k, c) for r in kept] for k in KINDS for c in CHOICES}
    miss = {key: [np.abs(t[0] - r["truth"]) for t, r in zip(rows, kept, strict=True)] for key, rows in table.items()}

    def best(kinds, runs) -> tuple[float, float, float]:
        return min(CHOICES, key=lambda c: sum(miss[k, c][i].mean() for k in kinds for i in runs))

    constants: dict[str, float] = {}
    for group in (KINDS[:2], KINDS[2:]):
        name = group[0].partition("_")[0]
        nested = [best(group, [j for j in range(RUNS) if j != i]) for i in range(RUNS)]
        constants |= dict(zip((f"heat_{name}", f"step_{name}", f"floor_{name}"), best(group, range(RUNS)), strict=True))
        for kind in group:
            error = [miss[kind, nested[i]][i] for i in range(RUNS)]
            rows = [table[kind, nested[i]][i] for i in range(RUNS)]
            excess = [np.where(e <= 1, 0, e / (r[1] + 0.5)) for e, r in zip(error, rows, strict=True)]
            least = [gate([error[j] for j in o], [rows[j][2] for j in o], kind) for o in others()]
            width = [wide([excess[j] for j in o]) for o in others()]
            inside = [(x <= w).mean() for x, w in zip(excess, width, strict=True)]
            held = [r[2] >= g for r, g in zip(rows, least, strict=True)]
            constants[f"least_{kind}"] = gate(error, [r[2] for r in rows], kind)
            constants[f"width_{kind}"] = wide(excess)
            every, answered = np.concatenate(error), np.concatenate([e[h] for e, h in zip(error, held, strict=True)])
            print(
                f"{kind:<13} {np.mean([e.mean() for e in error]):.3f} bpm, off by > 10: {(every > 10).mean():.4f}"
                f" | answered {len(answered) / len(every):.3f}: {answered.mean():.3f}, off {(answered > 10).mean():.4f}"
                f" | interval holds {np.mean(inside):.3f} | " + " ".join(f"{e.mean():.2f}" for e in error)
            )
    print(constants)
    return constants


def others() -> list[list[int]]:
    return [[j for j in range(RUNS) if j != i] for i in range(RUNS)]


def wide(excess) -> float:
    """The factor on the spread that holds 90 % of the time, people weighted alike."""
    from pulsewise.clinical.conformal import quantile

    people = np.repeat(np.arange(len(excess)), [len(e) for e in excess])
    return float(quantile(np.concatenate(excess), people, 0.9))


def gate(error, trust, kind: str) -> float:
    """The least trust at which at most 1 in 500 (alone: 1 in 100) of those answered is off by more than 10 bpm."""
    e, t = np.concatenate(error), np.concatenate(trust)
    allowed = 0.002 if kind.startswith("arm") else 0.01
    for least in np.arange(0.2, 0.96, 0.05):
        if (e[t >= least] > 10).mean() <= allowed:
            return float(least)
    return 0.95


def ship(tag: str, **settings) -> None:
    """Fit on all runs and write the coefficients."""
    constants = figures(tag)
    scorer = replace(learned(-1, **settings), constants=constants)
    place = Path(__file__).resolve().parent.parent / "src/pulsewise/signals/coefficients/motion.npz"
    np.savez_compressed(place, **pack(scorer))
    print(place.stat().st_size, "bytes")


if __name__ == "__main__":
    SCRATCH.mkdir(exist_ok=True)
    begun = time.time()
    step = sys.argv[1] if len(sys.argv) > 1 else "features"
    if step == "features":
        runs = load()
        real(runs, np.random.default_rng(0))
        print(round(time.time() - begun), "s")
        made(runs, np.random.default_rng(1))
    if step == "folds":
        which = range(*map(int, sys.argv[3].split("-"))) if len(sys.argv) > 3 else range(RUNS)
        folds(which, sys.argv[2], epochs=18, rows=8192)
    if step == "figures":
        figures(sys.argv[2])
    if step == "ship":
        ship(sys.argv[2], epochs=18, rows=8192)
    print(round(time.time() - begun), "s")
