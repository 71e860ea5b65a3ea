"""How the forests of `signals.rhythm` were fitted: `python -m benchmarks.fit_rhythm` with PULSEWISE_DATA set.

People: all of the PPG arrhythmia set (Liu et al., JAHA 2022) that are there, each as heavy as every other; sinus
rhythm also from MARSH (10 s in which the ECG is regular) and from IEEE SPC 2015 (10 s whose rate was found right, up to
120 bpm) and Stress-Predict (wrists of healthy people, where intervals are alike), noise from windows of IEEE SPC 2015
whose rate was found wrong, of Stress-Predict where intervals are not alike, and simulated noise of seven colours.
Every segment comes a second time as another device would give it: at another rate, with noise, drift or other filters.
Constants were fixed beforehand (12 leaves, so many rounds), so the figures printed, of people held out (7 folds of
people), chose nothing. `FILE.npz` keeps the table of features. Needs lightgbm.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from scipy import io, signal

from benchmarks.fit_quality import COLOURS, RATES, noise
from benchmarks.trees import save
from pulsewise.signals import irregularity
from pulsewise.signals.beats import find_beats
from pulsewise.signals.rate import heart_rate, rate_of
from pulsewise.signals.rhythm import CLASSES, features

DATA = Path(os.environ.get("PULSEWISE_DATA", "../shared/data"))
LABELS = ("sinus", "ectopy", "ectopy", "other", "other", "af")
"""Classes of the labels 0 to 5 of the set: SR, PVC, PAC, VT, SVT, AF."""
SETTINGS = {
    "objective": "multiclass", "num_class": len(CLASSES), "learning_rate": 0.05, "num_leaves": 12,
    "min_data_in_leaf": 40, "feature_fraction": 0.3, "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5.0,
    "verbose": -1, "num_threads": 1, "seed": 0, "deterministic": True,
}  # fmt: skip
ROUNDS = 200


class Table:
    """Rows of features with class, person, set, whether altered, and the set's own label."""

    def __init__(self) -> None:
        self.rows, self.cls, self.person, self.source, self.altered, self.label = [], [], [], [], [], []

    def add(self, x, rate, cls, person, source, altered=False, label=-1) -> None:
        row = features(x, np.isfinite(x), rate, "ppg")
        if np.isfinite(row[0]):
            self.rows.append(row)
            self.cls.append(CLASSES.index(cls))
            self.person.append(person)
            self.source.append(source)
            self.altered.append(altered)
            self.label.append(label)

    def arrays(self):
        return (np.array(v) for v in (self.rows, self.cls, self.person, self.source, self.altered, self.label))


def altered(x: np.ndarray, rate: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A pulse (T,) as another device might give it, and its rate: resampled, with noise, drift, other filters."""
    to = float(rng.choice([25, 32, 50, 64, 125, 250]))
    x = signal.resample_poly(x - x.mean(), int(to), int(rate), padtype="line")
    t = np.arange(len(x)) / to
    x = x / x.std() + 10 ** rng.uniform(-2, -0.6) * rng.normal(size=len(x))
    x = x + rng.uniform(0, 2) * np.sin(2 * np.pi * rng.uniform(0.05, 0.35) * t + rng.uniform(0, 6))
    if rng.random() < 0.3:
        sos = signal.butter(2, (rng.uniform(0.3, 0.6), rng.uniform(4, 10)), "bandpass", fs=to, output="sos")
        x = signal.sosfilt(sos, x)[int(0.5 * to) :]
    return x[: int(rng.uniform(9, 10) * to)] * rng.choice([-1, 1]), to


def arrhythmia(table: Table, rng: np.random.Generator) -> None:
    """The segments of the set, and each a second time as another device would give it."""
    with np.load(DATA / "ppg-arrhythmia/ppg_arrhythmia_uint16.npz") as d:
        samples, labels, people = d["ppg_u16"], d["label"], d["subject"]
    for raw, label, who in zip(samples, labels, people, strict=True):
        x = raw / 65535
        table.add(x, 100.0, LABELS[label], f"a{who}", "arrhythmia", label=label)
        table.add(*altered(x, 100.0, rng), LABELS[label], f"a{who}", "arrhythmia", altered=True, label=label)


def regular(table: Table, rng: np.random.Generator) -> None:
    """Sinus rhythm of MARSH, sinus rhythm and movement of IEEE SPC 2015, and noise."""
    for path in sorted((DATA / "marsh/compact").glob("*.npz")):
        d = np.load(path)
        rate, peaks = float(d["fs_ppg"]), find_beats(d["ecg"], float(d["fs_ecg"]), "ecg").time
        for start in rng.uniform(10, len(d["ppg"]) / rate - 20, 60):
            seconds = np.diff(peaks[(peaks > start - 2) & (peaks < start + 12)])
            if len(seconds) > 5 and np.ptp(seconds) < 0.35 * np.median(seconds):
                table.add(d["ppg"][int(start * rate) : int((start + 10) * rate)], rate, "sinus", path.stem, "marsh")
    folder = DATA / "ieee-spc-2015/raw/Training_data"
    for path in sorted(p for p in folder.glob("DATA_*.mat") if "BPM" not in p.name and "REF" not in p.name):
        samples = io.loadmat(path)["sig"]
        truth = io.loadmat(next(folder.glob(f"*{path.name[5:12]}*BPM*.mat")))["BPM0"].ravel()
        for w in range(0, len(truth) - 1, 2):
            x = samples[1 + w // 2 % 2, 250 * w : 250 * w + 1250]
            off = abs(rate_of(heart_rate(x, 125.0).beats) - truth[w : w + 2].mean())
            if off > 10 or not off >= 0:
                table.add(x, 125.0, "noise", path.stem, "spc")
            elif off < 3 and truth[w] < 120:
                table.add(x, 125.0, "sinus", path.stem, "spc")
    for colour in (one for one in COLOURS if one != "walk"):
        for rate in RATES:
            for i in range(20):
                table.add(noise(colour, int(10 * rate), rate, rng), rate, "noise", f"n{i}", "noise")


def wrist(table: Table, rng: np.random.Generator) -> None:
    """Wrists of healthy people at a desk: sinus rhythm where nearly all intervals are alike, else movement (noise)."""
    place = irregularity.NAMES.index("near_15")
    for path in sorted((DATA / "stress-predict-e4/raw/Raw_data").glob("*/BVP.csv")):
        column = np.loadtxt(path, delimiter=",")
        rate, x = float(column[1]), column[2:]
        for start in rng.uniform(30, len(x) / rate - 40, 100):
            part = x[int(start * rate) : int((start + 10) * rate)]
            row = features(part, np.isfinite(part), rate, "ppg")
            if row[0] < 120:
                table.add(
                    part, rate, "sinus" if row[place] >= 0.85 else "noise", f"e{path.parent.name}", "stress-predict"
                )


def weights(person: np.ndarray, source: np.ndarray, is_altered: np.ndarray) -> np.ndarray:
    """Every person of a set weighs the same, an altered piece half; the other sets weigh a tenth each in all."""
    w = np.where(is_altered, 0.5, 1.0)
    for who in np.unique(person):
        w[person == who] /= w[person == who].sum()
    for name, share in (("arrhythmia", 1.0), ("marsh", 0.1), ("spc", 0.1), ("stress-predict", 0.1), ("noise", 0.1)):
        if (source == name).any():
            w[source == name] *= share / w[source == name].sum()
    return w * len(w) / w.sum()


def folds(person: np.ndarray):
    from sklearn.model_selection import GroupKFold

    return GroupKFold(7).split(person, groups=person)


def fitted(x: np.ndarray, cls: np.ndarray, w: np.ndarray):
    import lightgbm

    return lightgbm.train(SETTINGS, lightgbm.Dataset(x, cls, weight=w), ROUNDS)


def report(kind: str, p: np.ndarray, cls, person, source, is_altered, label) -> None:
    """Figures of people held out: AF against others, people weighing the same; how often noise is called so."""
    from sklearn.metrics import roc_auc_score

    known = p[:, :-1] / p[:, :-1].sum(axis=1, keepdims=True)
    af = known[:, CLASSES.index("af")]
    for name, again in (("as recorded", False), ("altered", True)):
        rows = (source == "arrhythmia") & (is_altered == again)
        counts = {who: (person[rows] == who).sum() for who in np.unique(person[rows])}
        w = np.array([1 / counts.get(who, 1) for who in person])

        def score(others, rows=rows, w=w):
            used = rows & ((label == 5) | np.isin(label, others))
            return roc_auc_score(label[used] == 5, af[used], sample_weight=w[used])

        print(
            f"{kind} {name}: {rows.sum()} windows of {len(counts)} people: AF against SR {score([0]):.4f}, "
            f"all {score([0, 1, 2, 3, 4]):.4f}, PVC {score([1]):.3f}, PAC {score([2]):.3f}, VT {score([3]):.3f}, "
            f"SVT {score([4]):.3f}; class right {np.average(known.argmax(1)[rows] == cls[rows], weights=w[rows]):.3f}"
        )
    for name in dict.fromkeys(source.tolist()):
        for c, word in enumerate(CLASSES):
            rows = (source == name) & (cls == c)
            if rows.any():
                said = p[rows].argmax(axis=1)
                shares = ", ".join(f"{k} {np.mean(said == i):.3f}" for i, k in enumerate(CLASSES))
                print(f"  {kind} {name} {word}: {rows.sum()} windows called {shares}")


def main() -> None:
    kept = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if kept and kept.exists():
        with np.load(kept) as d:
            rows, cls, person, source, is_altered, label = (d[k] for k in d.files)
    else:
        rng, table = np.random.default_rng(0), Table()
        arrhythmia(table, rng)
        regular(table, rng)
        wrist(table, np.random.default_rng(0))
        rows, cls, person, source, is_altered, label = table.arrays()
        if kept:
            np.savez(kept, rows=rows, cls=cls, person=person, source=source, altered=is_altered, label=label)
        if "features" in sys.argv:
            return
    w = weights(person, source, is_altered)
    x = np.where(np.isfinite(rows), rows, np.nanmedian(rows, axis=0)).astype(np.float32)
    save("rhythm_ppg", fitted(x, cls, w), x)
    p = np.zeros((len(x), len(CLASSES)))
    for train, test in folds(person):
        p[test] = fitted(x[train], cls[train], w[train]).predict(x[test])
    report("ppg", p, cls, person, source, is_altered, label)


if __name__ == "__main__":
    main()
