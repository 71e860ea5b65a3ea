"""What the limits of `signals.fuse` do: `python benchmarks/sweep_fuse.py` with PULSEWISE_DATA set.

Every 8 s window of the twelve treadmill runs of IEEE SPC 2015 is measured from one wrist channel, with the
accelerometer and without; the tracker of each run has not seen it (the quality's forest has). Then one limit at a time
is moved and the heart rate told again. Printed: share answered, mean error (bpm) and share off by more than 10 bpm.
Not run by `python -m benchmarks`: about three minutes, and nothing to compare with.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pulsewise.datasets import ieee_spc
from pulsewise.signals import fuse, measure, motion, score, vitals
from pulsewise.signals.rate import rate_of

ROOT = Path(__file__).resolve().parent.parent
MOVED = {
    "LEAST_QUALITY": (0.3, 0.4, 0.6, 0.7),
    "CLEAN": (0.8, 0.95),
    "AGREE_BPM": (2.0, 3.0, 4.0, 6.0, 8.0),
    "AGREE_WITH_ARM_BPM": (0.5, 1.5, 2.0, 3.0, 5.0),
    "SLOW_BPM": (50.0, 70.0),
    "CLEAR": (0.9, 0.99),
    "LITTLE_NOISE": (0.0, 0.01, 0.05, 0.1),
    "SOME_NOISE": (0.0, 0.1, 0.5),
}


def held_out(name: str, run: int) -> score.Scorer:
    """The scorer that has not seen a run."""
    with np.load(ROOT / f"tests/known_answers/{name}_held_out.npz", allow_pickle=False) as kept:
        return score.unpack({k.partition("/")[2]: kept[k] for k in kept.files if k.startswith(f"{run}/")})


def asked() -> dict[bool, list[tuple]]:
    """What `heart_rate_value` is asked in each window, and the truth; with an accelerometer (True) and without."""
    dataset, out, asked_now = ieee_spc.build(ieee_spc.Config()), {True: [], False: []}, []
    told = vitals.heart_rate_value

    def spy(judged, beats, track, doubt, alone, *, noise):
        bpm = rate_of(beats)
        known = np.isfinite(bpm)
        asked_now.append((judged, beats, track, known and doubt(bpm), known and alone(bpm), noise))
        return told(judged, beats, track, doubt, alone, noise=noise)

    vitals.heart_rate_value = spy
    vitals.is_clear = lambda judged, noise: False  # so that the tracker is asked in every window
    for i, name in enumerate(dataset.ids()):
        run = dataset.read(name)
        motion.load = lambda word, i=i: held_out(word, i)
        acc = np.stack([s.samples for s in run.channels("acc")])
        for arm in out:
            asked_now.clear()
            beside = {"acc": acc, "acc_rate": 125.0} if arm else {}
            measure.measure(run.channels("ppg")[0].samples, 125.0, window=8.0, step=2.0, **beside)
            out[arm] += zip(asked_now, [float(r.value) for r in run.references], strict=False)
    return out


def figures(rows: list[tuple]) -> str:
    """Of the limits as they are now."""
    error = []
    for (judged, beats, track, doubt, alone, noise), truth in rows:
        said = fuse.heart_rate_value(judged, beats, track, lambda _, d=doubt: d, lambda _, a=alone: a, noise=noise)
        error.append(np.nan if said.reasons else abs(said.value - truth))
    there = np.array(error)[np.isfinite(error)]
    return f"answered {len(there) / len(error):.3f}, {there.mean():.3f} bpm, off by > 10: {(there > 10).mean():.4f}"


if __name__ == "__main__":
    for arm, rows in asked().items():
        print("with" if arm else "without", f"accelerometer, {len(rows)} windows: {figures(rows)}")
        for name, values in MOVED.items():
            usual = getattr(fuse, name)
            for value in values:
                setattr(fuse, name, value)
                print(f"  {name} {value:g} (is {usual:g}): {figures(rows)}")
            setattr(fuse, name, usual)
