"""How the forests of `signals.quality` were fitted: `python -m benchmarks.fit_quality KIND` with PULSEWISE_DATA set.

A forest of small trees for "the heart rate of this window is right" (within 5 bpm or 5 % of the reference) on what
`signals.evidence` sees. Windows of 2.1 to 30 s from recordings with a reference (MARSH and BIDMC against their ECG,
IEEE SPC 2015 against its truth, PPG-BP against its table, CPSC 2021, MIT-BIH 100 and 118 with noise against marks),
segments labelled by rhythm (PPG arrhythmia, taken as right), simulated pulses of four shapes and simulated ECG, some
fibrillating, with noise, wander, other tones, clipping and hum, and noise of eight colours, which is never right. Noise
counts double; the figures printed are from people held out (grouped 5-fold), with the error of the rate of the windows
trusted most against all, and the area under the curve of error over coverage against rejection by chance.
`python -m benchmarks.fit_quality ppg` or `ecg`; needs lightgbm, scikit-learn, wfdb and openpyxl.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from scipy import io

from benchmarks.trees import save
from pulsewise.signals.beats import find_beats
from pulsewise.signals.evidence import look
from pulsewise.signals.rate import rate_of

DATA = Path(os.environ.get("PULSEWISE_DATA", "../shared/data"))
COLOURS = ("white", "uniform", "pink", "brown", "walk", "band", "low", "narrow")
LENGTHS = (2.1, 4.0, 10.0, 30.0)
RATES = (25.0, 40.0, 64.0, 100.0, 125.0, 250.0, 500.0)


class Table:
    """Rows of evidence with source, person and whether the rate was right."""

    def __init__(self, kind: str) -> None:
        self.kind, self.values, self.right, self.source, self.person = kind, [], [], [], []
        self.length, self.off = [], []

    def add(self, source: str, person: str, x, rate: float, reference: float, right: bool | None = None) -> None:
        x = np.asarray(x, dtype=np.float64)
        seen = look(x, np.isfinite(x), rate, self.kind)
        if not len(seen.values):
            return
        bpm = rate_of(seen.beats)
        ok = bool(abs(bpm - reference) <= max(5.0, 0.05 * reference)) if right is None else right
        self.values.append(seen.values)
        self.right.append(ok)
        self.source.append(source)
        self.person.append(person)
        self.length.append(len(x) / rate)
        self.off.append(abs(bpm - reference))


def noise(colour: str, count: int, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Noise (T,) of a colour: flat, falling, or within a band."""
    if colour == "white":
        return rng.normal(size=count)
    if colour == "uniform":
        return rng.uniform(-1, 1, size=count)
    if colour == "walk":
        return np.cumsum(rng.normal(size=count))
    f = np.fft.rfftfreq(count, 1 / rate)
    shape = {
        "pink": 1 / np.sqrt(np.maximum(f, f[1])),
        "brown": 1 / np.maximum(f, f[1]),
        "band": (f > 0.5) & (f < 8),
        "low": f < 4,
        "narrow": (f > 0.8) & (f < 3),
    }[colour]
    return np.fft.irfft(np.fft.rfft(rng.normal(size=count)) * shape, count)


def pulse(rate: float, bpm: float, seconds: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A pulse (T,) of one of four shapes with varying interval and height, and its heart rate."""
    period, spread = 60 / bpm, rng.choice([0.02, 0.05, 0.15])
    steps = period * (1 + spread * np.clip(rng.normal(size=int(seconds / period) + 12), -3, 3))
    onsets = -2 * period + rng.uniform(0, period) + np.concatenate(([0.0], np.cumsum(steps)))
    t = np.arange(round(seconds * rate)) / rate
    k = np.clip(np.searchsorted(onsets, t, side="right") - 1, 0, len(onsets) - 2)
    phase = (t - onsets[k]) / (onsets[k + 1] - onsets[k])
    shape, x = rng.integers(4), np.zeros_like(t)
    if shape <= 1:
        width, second, place = rng.uniform(0.06, 0.12), shape * rng.uniform(0.1, 0.6), rng.uniform(0.45, 0.62)
        for turn in (-1, 0, 1):
            x += np.exp(-(((phase - 0.22 + turn) / width) ** 2) / 2)
            x += second * np.exp(-(((phase - place + turn) / 0.11) ** 2) / 2)
    elif shape == 2:
        x = np.sin(2 * np.pi * phase) + rng.uniform(0, 0.5) * np.sin(4 * np.pi * phase - rng.uniform(0, 2))
    else:
        top, fall = rng.uniform(0.15, 0.3), rng.uniform(2, 4)
        x = np.where(phase < top, 0.5 - 0.5 * np.cos(np.pi * phase / top), np.exp(-(phase - top) * fall))
    whole = np.arange(seconds + 2)
    x = x / x.std() * np.interp(t, whole, 1 + 0.15 * rng.normal(size=len(whole)))
    inside = (onsets[:-1] >= 0) & (onsets[1:] <= seconds)
    return x, 60 / float(np.diff(onsets)[inside].mean()) if inside.any() else bpm


def disturbed(x: np.ndarray, rate: float, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """The pulse with one of eight disturbances, of any strength, and its name."""
    t, phase = np.arange(len(x)) / rate, rng.uniform(0, 6)
    name = str(rng.choice(["clean", "white", "white", "wander", "tone", "tone", "clipped", "hum", "coloured"]))
    if name == "white":
        x = x + 10 ** rng.uniform(-1.5, 0.8) * rng.normal(size=len(x))
    elif name == "wander":
        x = x + rng.uniform(0, 8) * np.sin(2 * np.pi * rng.uniform(0.05, 0.35) * t + phase)
    elif name == "tone":
        x = x + rng.uniform(0.2, 3) * np.sin(2 * np.pi * rng.uniform(0.7, 3.5) * t + phase)
    elif name == "clipped":
        x = np.clip(x, *np.percentile(x, [rng.uniform(0, 25), 100 - rng.uniform(0, 25)]))
    elif name == "hum":
        x = x + rng.uniform(0, 4) * np.sin(2 * np.pi * 50 * t + phase)
    elif name == "coloured":
        z = noise(str(rng.choice(["pink", "low", "band", "narrow"])), len(x), rate, rng)
        x = x + 10 ** rng.uniform(-1.5, 0.6) * z / z.std()
    return x, name


def ecg(rate: float, bpm: float, seconds: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """An ECG (T,) of five waves with varying interval, and its heart rate."""
    period, spread = 60 / bpm, rng.choice([0.02, 0.05, 0.15, 0.25])
    peaks = -period + np.cumsum(period * (1 + spread * np.clip(rng.normal(size=int(seconds / period) + 6), -2.5, 3)))
    t, root = np.arange(round(seconds * rate)) / rate, np.sqrt(period)
    x, inverted = np.zeros_like(t), 1 if rng.random() < 0.7 else -1
    for at, width, height in (
        (-0.17 * root, 0.02 * root, rng.uniform(0, 0.2)),
        (-0.025, 0.009, -rng.uniform(0, 0.3)),
        (0.0, rng.uniform(0.009, 0.02), 1.0),
        (0.027, 0.01, -rng.uniform(0, 0.4)),
        (0.28 * root, 0.045 * root, rng.uniform(-0.1, 0.4)),
    ):
        w = np.hypot(width, 0.35 / rate)
        for peak in peaks + at:
            a, b = np.searchsorted(t, (peak - 6 * w, peak + 6 * w))
            x[a:b] += height * width / w * np.exp(-(((t[a:b] - peak) / w) ** 2) / 2)
    inside = (peaks[:-1] >= 0) & (peaks[1:] <= seconds)
    return inverted * x / 0.2, 60 / float(np.diff(peaks)[inside].mean()) if inside.any() else bpm


def windows(x: np.ndarray, rate: float, count: int, rng: np.random.Generator):
    """`count` windows of each length at random places: start (s), length (s), samples."""
    for seconds in LENGTHS:
        for start in rng.uniform(0, max(len(x) / rate - seconds - 1, 0), count):
            yield start, seconds, x[int(start * rate) : int((start + seconds) * rate)]


def mean_rate(times: np.ndarray, start: float, seconds: float, beyond: int = 0) -> float:
    """Heart rate (bpm) of the beats within a window, and of so many beyond it on either side."""
    a, b = np.searchsorted(times, (start, start + seconds))
    inside = times[max(a - beyond, 0) : b + beyond]
    return 60 / float(np.diff(inside).mean()) if len(inside) > 1 else float("nan")


def real(table: Table, rng: np.random.Generator) -> None:
    """Recordings with a reference."""
    beyond = int(table.kind == "ppg")  # a pulse comes later than its R peak, and clocks drift
    for path in sorted((DATA / "marsh/compact").glob("*.npz")):
        d = np.load(path)
        ecg_rate, ppg_rate = float(d["fs_ecg"]), float(d["fs_ppg"])
        truth = find_beats(d["ecg"], ecg_rate, "ecg").time
        x, rate = (d["ppg"], ppg_rate) if table.kind == "ppg" else (d["ecg"], ecg_rate)
        for start, seconds, part in windows(x, rate, 25, rng):  # the clocks drift 1 s apart: wider for PPG
            table.add("marsh", path.stem, part, rate, mean_rate(truth, start - 1, seconds + 1, beyond))
    b = np.genfromtxt(DATA / "bidmc-record01/raw/bidmc_01_Signals.csv", delimiter=",", skip_header=1)
    truth = find_beats(b[:, 5], 125, "ecg").time
    for start, seconds, part in windows(b[:, 2] if table.kind == "ppg" else b[:, 5], 125, 25, rng):
        table.add("bidmc", "bidmc", part, 125, mean_rate(truth, start, seconds, beyond))
    spc(table)
    marked(table, rng) if table.kind == "ecg" else ppg_bp(table)
    if table.kind == "ppg":
        d = np.load(DATA / "ppg-arrhythmia/ppg_arrhythmia_uint16.npz")
        for i in rng.choice(len(d["label"]), 800, replace=False):
            table.add("arrhythmia", f"a{d['subject'][i]}", d["ppg_u16"][i] / 65535, 100, np.nan, True)


def spc(table: Table) -> None:
    """IEEE SPC 2015: 8 s windows every 2 s, of which every third."""
    folder = DATA / "ieee-spc-2015/raw/Training_data"
    for path in sorted(folder.glob("DATA_*.mat")):
        if "BPM" in path.name or "REF" in path.name:
            continue
        samples = io.loadmat(path)["sig"]
        truth = io.loadmat(next(folder.glob(f"*{path.name[5:12]}*BPM*.mat")))["BPM0"].ravel()
        for w in range(0, len(truth), 3):
            row = samples[1 + w % 2 if table.kind == "ppg" else 0, 250 * w : 250 * w + 1000]
            table.add("spc", path.stem, row, 125, truth[w])


def ppg_bp(table: Table) -> None:
    """PPG-BP: 2.1 s each, the heart rate of its table (taken with the cuff, not in those two seconds)."""
    import openpyxl

    folder = DATA / "ppg-bp/raw"
    rows = list(
        openpyxl.load_workbook(folder / "PPG-BP dataset.xlsx", data_only=True).worksheets[0].iter_rows(values_only=True)
    )
    head = next(i for i, row in enumerate(rows) if "subject_ID" in row)
    who, what = rows[head].index("subject_ID"), rows[head].index("Heart_Rate_b_m")
    stated = {str(row[who]): float(row[what]) for row in rows[head + 1 :] if row[who] is not None}
    for path in sorted((folder / "0_subject").glob("*.txt")):
        person = path.stem.split("_")[0]
        x = np.array(path.read_text().split(), dtype=np.float64)
        off = abs(rate_of(find_beats(x, 1000)) - stated[person])
        table.add("ppg-bp", f"b{person}", x, 1000, stated[person], bool(off <= 12))


def marked(table: Table, rng: np.random.Generator) -> None:
    """ECGs with beat marks: CPSC 2021, MIT-BIH 100, and 118 with noise at four ratios."""
    import wfdb

    names = [*sorted((DATA / "ecg-af-cpsc2021-sample/raw").glob("*.hea")), DATA / "wfdb-samples/raw/100.hea"]
    for path in names:
        record, marks = wfdb.rdrecord(str(path.with_suffix(""))), wfdb.rdann(str(path.with_suffix("")), "atr")
        truth = marks.sample[np.isin(marks.symbol, list("NVAaLRJSjFeE/fQ"))] / record.fs
        source, person = ("cpsc", path.stem.split("_")[1]) if "data_" in path.stem else ("mitdb", "100")
        for lead in (0, 1):
            for start, seconds, part in windows(record.p_signal[:, lead], record.fs, 12, rng):
                table.add(source, person, part, record.fs, mean_rate(truth, start, seconds))
    folder = DATA / "heartpy-samples/raw/examples/5_noisy_ECG"
    for snr in ("00", "06", "12", "24"):
        x, truth = np.loadtxt(folder / f"118e{snr}.csv"), np.loadtxt(folder / f"118e{snr}_ann.csv") / 360
        for start, seconds, part in windows(x, 360, 25, rng):
            table.add("mitdb", "118", part, 360, mean_rate(truth, start, seconds))


def made(table: Table, rng: np.random.Generator) -> None:
    """Simulated pulses and noise."""
    for i in range(2000):
        rate, seconds = float(rng.choice(RATES)), float(rng.choice(LENGTHS))
        bpm = float(np.exp(rng.uniform(np.log(32), np.log(215))))
        make = pulse if table.kind == "ppg" else ecg
        x, truth = make(rate, bpm, seconds, rng)
        x, name = disturbed(x, rate, rng)
        table.add(name, f"s{i}", x * (1 if rng.random() < 0.7 else -1), rate, truth)
    for colour in COLOURS:
        for rate in RATES:
            for seconds in LENGTHS:
                for i in range(10):
                    table.add("noise", f"n{i}", noise(colour, int(seconds * rate), rate, rng), rate, np.nan, False)


SETTINGS = {
    "objective": "binary", "num_leaves": 8, "learning_rate": 0.05, "min_data_in_leaf": 40, "feature_fraction": 0.7,
    "lambda_l2": 5.0, "verbose": -1, "num_threads": 1, "seed": 0, "deterministic": True,
}  # fmt: skip
ROUNDS = 150


def fitted(x: np.ndarray, y: np.ndarray, w: np.ndarray):
    import lightgbm

    return lightgbm.train(SETTINGS, lightgbm.Dataset(x, y.astype(int), weight=w), ROUNDS)


def fit(table: Table) -> None:
    """Print the figures on held-out people, and keep the forest of all."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    x, y = np.array(table.values, dtype=np.float32), np.array(table.right)
    source, person, length = np.array(table.source), np.array(table.person), np.array(table.length)
    w = np.where(source == "noise", 2.0, 1.0)
    p = np.zeros(len(y))
    for train, test in GroupKFold(5).split(x, y, person):
        p[test] = fitted(x[train], y[train], w[train]).predict(x[test])
    print(f"{table.kind}: {len(y)} windows, AUROC {roc_auc_score(y, p):.4f}, Brier {((p - y) ** 2).mean():.4f}")
    for low in np.arange(0, 1, 0.2):
        rows = (p >= low) & (p < low + 0.2)
        print(f"  score {low:.1f} to {low + 0.2:.1f}: right {y[rows].mean():.3f} of {rows.sum()}")
    for name in dict.fromkeys(source.tolist()):
        rows = source == name
        right, wrong = p[rows & y], p[rows & ~y]
        low = f"right below 0.5: {(right < 0.5).mean():.3f} of {len(right)}" if len(right) else ""
        high = f"wrong above 0.5: {(wrong >= 0.5).mean():.3f} of {len(wrong)}" if len(wrong) else ""
        print(f"  {name:<12} {low:<32} {high}")
        if name in ("marsh", "bidmc", "spc", "ppg-bp", "cpsc", "mitdb"):
            coverage(p[rows], np.array(table.off)[rows], person[rows])
    for seconds in LENGTHS:
        rows = (source == "noise") & (np.abs(length - seconds) < 0.1)
        print(f"  noise of {seconds:g} s above 0.5: {(p[rows] >= 0.5).mean():.4f}")
    save(f"quality_{table.kind}", fitted(x, y, w), x)


def coverage(score: np.ndarray, off: np.ndarray, person: np.ndarray) -> None:
    """Print the error (bpm, at most 60) of the half trusted most and of all, and the area with its interval."""
    off = np.where(np.isfinite(off), np.minimum(off, 60), 60)
    people, rng = np.unique(person), np.random.default_rng(0)

    def area(rows: np.ndarray) -> float:
        """Mean error over all coverages, over the mean error: 1 where the score knows nothing."""
        ordered = off[rows[np.argsort(-score[rows], kind="stable")]]
        return float((np.cumsum(ordered) / np.arange(1, len(rows) + 1)).mean() / max(ordered.mean(), 1e-9))

    whole = np.arange(len(off))
    half = whole[np.argsort(-score, kind="stable")[: len(off) // 2]]
    of = [np.flatnonzero(person == who) for who in people]
    many = [area(np.concatenate([of[k] for k in rng.integers(len(of), size=len(of))])) for _ in range(500)]
    low, high = np.percentile(many, (2.5, 97.5))
    print(
        f"    {len(off)} windows of {len(people)} people: best half {off[half].mean():.2f} bpm, all {off.mean():.2f}; "
        f"area over chance {area(whole):.2f} ({low:.2f} to {high:.2f})"
    )


if __name__ == "__main__":
    for kind in sys.argv[1:] or ("ppg", "ecg"):
        rng, table = np.random.default_rng(0), Table(kind)
        made(table, rng)
        real(table, rng)
        fit(table)
