"""How the coefficients of `signals.respiration` were found: `python benchmarks/fit_respiration.py` with PULSEWISE_DATA.

A score per rate and step of 5 s, from networks of three convolutions over the bins of
`signals.respiration_features`. Fitted on MARSH (finger PPG and ECG at rest, breaths marked in nasal flow), each person
told at several speeds (a rate stated as another). Two people (ECG: three) at a time are scored by networks that have
not seen them; those shipped saw all. Constants for a person are those best on the others. Not run by
`python -m benchmarks`; needs torch. The steps, in this order, KIND being ppg or ecg: `features`, `nets KIND`,
`figures KIND`, `ship KIND`.

The marks themselves are in doubt: nose and chest differ by 0.5 breaths/min on average, and by 2 in the person with the
largest error but one, whose chest, PPG and ECG agree. Half of the target at each mark did not help, nor did a rule for
the doubt (Poisson regression of the error on spread, support, steadiness, rate and disagreement of the networks).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fit_scorer import fit, gathered, nets, ship, targets, wide
from pulsewise.datasets.marsh import per_minute
from pulsewise.signals import respiration_features as rf
from pulsewise.signals.beats import find_beats
from pulsewise.signals.modulations import modulations
from pulsewise.signals.respiration import MEMORY, REACH, unsure
from pulsewise.signals.track import around, moves, read, smooth, support

DATA = Path(os.environ.get("PULSEWISE_DATA", "../shared/data"))
SCRATCH = Path(os.environ.get("PULSEWISE_SCRATCH", Path(tempfile.gettempdir()) / "fit_respiration"))
GROUPS = {"ppg": 8, "ecg": 5}
"""People i, i + 8 (i + 5), ... are left out together."""
SEEDS = (0, 1)
SETTINGS = {"epochs": 13, "rows": 6144, "hidden": 16, "taps": 9}
SPEEDS = (1.0, 0.75, 0.87, 1.15, 1.3, 1.5, 1.75)
PEOPLE = sorted((DATA / "marsh/compact").glob("[0-9]*.npz"))


def local(breaths: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Mean rate of the breaths in 18 s around each time; NaN where there are none."""
    intervals, out = np.diff(breaths), []
    for c in centre:
        at = np.linspace(c - 9, c + 9, 50)
        at = at[(at > breaths[0]) & (at < breaths[-1])]
        k = np.clip(np.searchsorted(breaths, at) - 1, 0, len(intervals) - 1)
        out.append(60 / intervals[k].mean() if len(at) >= 10 else np.nan)
    return np.array(out)


def make() -> None:
    """SCRATCH/<kind><i>.npz: features and rates at every speed, and the breaths."""
    for i, path in enumerate(PEOPLE):
        with np.load(path, allow_pickle=False) as read_:
            kept = dict(read_)
        breaths = kept["nasal_annot"] / float(kept["fs_ecg"])
        for kind in ("ppg", "ecg"):
            x, rate, out = kept[kind].astype(float), float(kept[f"fs_{kind}"]), {}
            for speed in SPEEDS:
                beats = find_beats(x, rate * speed, kind)
                seen = modulations(x, rate * speed, kind, beats, np.ones(len(x), bool))
                count = rf.window_count(seen.series.shape[1])
                centre = rf.SPAN_S / 2 + rf.STEP_S * np.arange(count)
                out[f"x{speed}"] = rf.features(seen, 0, count)[0].astype(np.float16)
                out[f"y{speed}"] = local(breaths / speed, centre)
            np.savez(SCRATCH / f"{kind}{i}.npz", breaths=breaths, **out)
        print(path.stem, out["x1.0"].shape, f"{np.nanmean(out['y1.0']):.1f}", flush=True)


def learned(kind: str, without, seed: int):
    """A network fitted on all people but some."""
    xs, ys = [], []
    for i in range(len(PEOPLE)):
        if i not in without:
            with np.load(SCRATCH / f"{kind}{i}.npz") as kept:
                xs += [kept[f"x{s}"] for s in SPEEDS]
                ys += [kept[f"y{s}"] for s in SPEEDS]
    x, y = np.concatenate(xs), np.concatenate(ys)
    ok = np.isfinite(y) & (y < rf.BINS[-1] + 2)
    share = np.histogram(y[ok], np.arange(3, 49, 2.0))[0] / ok.sum()
    rare = 1 / np.sqrt(share[np.clip(((y[ok] - 3) / 2).astype(int), 0, len(share) - 1)] + 0.005)
    return fit(x[ok], targets(y[ok], rf.BINS, 0.8), rare, seed=seed, **SETTINGS)


CHOICES = [(heat, step, 1e-5) for heat in (1.0, 1.4, 2.0) for step in (0.5, 0.7, 1.0, 1.5)]


def minutes(score: np.ndarray, breaths: np.ndarray, choice) -> dict[str, np.ndarray]:
    """Error, spread and truth of every minute with a reference, as `Track.over` takes the mean; and of single steps."""
    heat, step, floor = choice
    score = score.astype(float)
    value, spread, _ = read(smooth(score * heat, moves(rf.BINS, step, floor)), rf.BINS, REACH)
    backed = around(support(score, value, rf.BINS, REACH), MEMORY, causal=False)
    width = unsure(spread, backed)
    time = rf.SPAN_S / 2 + rf.STEP_S * np.arange(len(value))
    rows = []
    for start in np.arange(0, time[-1] + rf.SPAN_S / 2 + rf.STEP_S - 60, 60):
        truth = per_minute(breaths, start, start + 60)
        inside = (time >= start + rf.SPAN_S / 2) & (time <= start + 60 - rf.SPAN_S / 2)
        if np.isfinite(truth):
            rows.append((abs(value[inside].mean() - truth), width[inside].mean(), truth))
    error, width_, truth = np.array(rows).T
    here = np.abs(value - local(breaths, time))
    ok = np.isfinite(here)
    return {"error": error, "width": width_, "truth": truth,
            "here": here[ok], "here_width": width[ok], "here_backed": backed[ok]}  # fmt: skip


def chosen(who, table) -> dict[str, float]:
    """The constants that are best on some people."""

    def cost(choice) -> float:
        rows = [table[choice][i] for i in who]
        error, width = (np.concatenate([r[k] for r in rows]) for k in ("error", "width"))
        return error.mean() + error[np.argsort(width)[: int(0.8 * len(error))]].mean()

    best = min(CHOICES, key=cost)
    rows = [table[best][i] for i in who]
    off, width, backed = (np.concatenate([r[k] for r in rows]) for k in ("here", "here_width", "here_backed"))
    constants = dict(zip(("heat", "step", "floor"), best, strict=True))
    constants["width"] = wide([factor(r) for r in rows])
    constants["widest"] = float(np.quantile(width[off < 3], 0.98))
    constants["least"] = float(np.quantile(backed[off < 3], 0.01))
    return constants


def factor(row) -> np.ndarray:
    """The factor on the spread that an interval would have needed."""
    return np.asarray(row["here"] / row["here_width"])


def figures(kind: str) -> tuple[dict[str, float], list[dict[str, float]]]:
    """Print what people held out get; the constants from all, and for each person those from the others."""
    people, kept = range(len(PEOPLE)), []
    for i in people:
        scorer = gathered(SCRATCH, f"respiration_{kind}", PEOPLE[i].stem, SEEDS)
        with np.load(SCRATCH / f"{kind}{i}.npz") as seen:
            kept.append((scorer(seen["x1.0"].astype(np.float32)), seen["breaths"]))
    table = {c: [minutes(score, breaths, c) for score, breaths in kept] for c in CHOICES}
    nested = [chosen([j for j in people if j != i], table) for i in people]
    rows = [table[tuple(c[k] for k in ("heat", "step", "floor"))][i] for i, c in enumerate(nested)]
    every = {k: np.concatenate([r[k] for r in rows]) for k in ("error", "width", "truth")}
    error = every["error"]
    order = np.argsort(every["width"])
    parts = [f"best {s:.0%} {error[order[: int(s * len(error))]].mean():.3f}" for s in (1.0, 0.8, 0.5)]
    print(f"{kind}: {len(error)} minutes, " + ", ".join(parts))
    print("by person", " ".join(f"{r['error'].mean():.2f}" for r in rows), "| median", f"{np.median(error):.2f}")
    fast = every["truth"] > 20
    print(f"above 20/min: {error[fast].mean():.2f} of {fast.sum()}; others {error[~fast].mean():.2f}")
    inside = [(factor(r) <= c["width"]).mean() for r, c in zip(rows, nested, strict=True)]
    pairs = list(zip(rows, nested, strict=True))
    holds = np.mean(inside)
    held = np.concatenate([(r["here_width"] <= c["widest"]) & (r["here_backed"] >= c["least"]) for r, c in pairs])
    off = np.concatenate([r["here"] for r in rows])
    print(f"steps {off.mean():.2f}, answered {held.mean():.3f}: {off[held].mean():.2f}, interval holds {holds:.3f}")
    constants = chosen(people, table)
    print(constants)
    return constants, nested


if __name__ == "__main__":
    SCRATCH.mkdir(exist_ok=True)
    begun, step = time.time(), sys.argv[1]
    if step == "features":
        make()
    elif step in ("nets", "figures", "ship"):
        kind, people = sys.argv[2], [path.stem for path in PEOPLE]
        name = f"respiration_{kind}"
        if step == "nets":
            groups = [range(first, len(people), GROUPS[kind]) for first in range(GROUPS[kind])]
            nets(SCRATCH, name, people, groups, SEEDS, lambda out, seed: learned(kind, out, seed))
        if step == "figures":
            figures(kind)
        if step == "ship":
            constants, nested = figures(kind)
            ship(SCRATCH, name, SEEDS, constants, dict(zip(people, nested, strict=True)))
    print(round(time.time() - begun), "s")
