"""What the autoencoder and the hybrid add to the hypoglycaemia network, on simulated people whose ECG shows it.

    python benchmarks/ablate_hypoglycemia.py [--people 16] [--sessions 24] [--epochs 10] [--seeds 0 1 2]

Five versions (the signal alone; latents of patches; the latent joined; convolutions alone; LSTM alone), three seeds,
one split by person; the area under the ROC curve on people never seen, clean and with white noise added to the test
windows. Each figure is the mean over seeds with the smallest and the largest; the people are the same for all.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pulsewise.clinical import detection
from pulsewise.core.truth import truths
from pulsewise.data import split as splitting
from pulsewise.data.prepare import prepare
from pulsewise.learn import recipe as recipes
from pulsewise.learn.train import train

VERSIONS: dict[str, dict[str, Any]] = {
    "raw": {"reading": "raw"},
    "patch": {"reading": "patch", "patch": 50, "hop": 5},
    "fusion": {"reading": "fusion"},
    "raw, CNN alone": {"reading": "raw", "parts": "cnn"},
    "raw, LSTM alone": {"reading": "raw", "parts": "lstm"},
}
NOISE = (0.0, 0.25, 0.5)
"""SD of the noise added to the test windows, in SD of the window."""
RECIPE = Path(__file__).parent.parent / "recipes" / "hypoglycemia-cnn-lstm.toml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, default in (("people", 16), ("sessions", 24), ("epochs", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--preset", default="hypo_pos")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    begun = time.process_time()
    settings = [f"dataset.{n}={v}" for n, v in (("people", given.people), ("sessions", given.sessions))]
    settings += ["dataset.windows=1", "dataset.rate=125", f"dataset.preset={given.preset}", "split.name=by-person"]
    settings += ["dataset.effects.hypo_per_day=5.0"]  # more windows with low glucose among few
    settings += ["split.train=0.55", "split.validation=0.1", "split.test=0.35", f"train.epochs={given.epochs}"]
    found: dict[str, list[list[float]]] = {name: [] for name in VERSIONS}
    with tempfile.TemporaryDirectory() as folder:
        base = recipes.load(RECIPE, settings)
        parts = {"condition": base.condition, "window": base.window, "label": base.label}
        store = prepare(
            base.build_dataset(), Path(folder) / "store", **parts, quantities=base.build_task().sources, workers=1
        )
        fold = splitting.make(store.columns(), base.split).folds[0]
        windows = store.windows(fold.test)
        truth = truths(base.build_task(), windows.columns, len(windows))[:, 0]
        noise = np.random.default_rng(0).normal(0, 1, windows.samples.shape).astype(np.float32)
        for seed in given.seeds:
            for name, options in VERSIONS.items():
                table = base.table()
                table["model"] |= options
                mine = replace(recipes.fill(table), seed=seed)
                bundle = train(store, fold, mine, Path(folder) / f"{name}-{seed}", progress=False)
                areas = []
                for level in NOISE:
                    x = windows.samples + level * noise
                    x = (x - x.mean(axis=2, keepdims=True)) / x.std(axis=2, keepdims=True)
                    areas.append(area(truth, bundle.predict_windows(replace(windows, samples=x))[:, 0]))
                found[name].append(areas)
                print(f"seed {seed}  {name:16}", "  ".join(f"{a:.3f}" for a in areas), flush=True)
    people = len(np.unique(windows.columns["person"]))
    low = int(np.nansum(truth))
    print(f"\n{given.preset}: {len(windows)} windows of {people} people never seen, {low} with low glucose")
    print(f"{'':18}" + "".join(f"noise {level:g} SD".ljust(24) for level in NOISE))
    for name, rows in found.items():
        table_row = np.array(rows)
        print(f"{name:18}" + "".join(f"{c.mean():.3f} ({c.min():.3f} to {c.max():.3f})".ljust(24) for c in table_row.T))
    print(f"{time.process_time() - begun:.0f} s of one core")
    if given.out:
        given.out.write_text(json.dumps({"preset": given.preset, "noise": NOISE, "areas": found}, indent=1) + "\n")


def area(truth: np.ndarray, said: np.ndarray) -> float:
    known = np.isfinite(truth) & np.isfinite(said)
    found = detection.auroc(truth[known], said[known])
    return float("nan") if found is None else float(found)


if __name__ == "__main__":
    main()
