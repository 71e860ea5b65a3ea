"""How much a heart rate read from an encoder suffers from artefacts: quality pairs, SimCLR, BYOL, random weights.

    python -m benchmarks.artefact_tolerance STORE OUT [--data DIR] [--width 16] [--epochs 4] [--part 2] [--methods …]

STORE is that of `pulsewise pretrain siamquality-18` (Stress-Predict and simulated people). All methods get the same
pairs, batches, steps, optimiser, learning rate and augmentation, three seeds each; nothing was chosen on the people
they are scored on. The probe is ridge regression on the encoder's features, fitted on clean windows (its penalty chosen
on validation people), and scored

- on simulated people nobody saw, the same windows again and again with movement over 0 to all of the window,
- with --data, on the wrist PPG of IEEE SPC (heart rate from an ECG), each person by a probe fitted on the others, over
  segments whose artefact share (1 - quality) is below 0.1, 0.2, ... all.

Resumable: an encoder that is finished in OUT is not trained again. Writes OUT/artefact_tolerance.json and .png.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import registry
from pulsewise.core.config import fill
from pulsewise.core.disk import write_json
from pulsewise.data.prepare import windows_of
from pulsewise.data.store import Store
from pulsewise.data.window import cut
from pulsewise.learn import pretrained, recipe
from pulsewise.learn.network import forward, start
from pulsewise.learn.pretrain.pretrain import pretrain
from pulsewise.learn.scaling import Scaling, moments
from pulsewise.learn.train_config import Config
from pulsewise.signals.condition import condition
from pulsewise.simulate.waves import PULSE, tones

RECIPE = Path(__file__).parent.parent / "recipes" / "siamquality-18.toml"
METHODS: dict[str, dict[str, str] | None] = {
    "siamquality": {"method": "simsiam", "views": "quality"},
    "simclr": {"method": "simclr", "views": "augment"},
    "byol": {"method": "byol", "views": "augment"},
    "random": None,
}
"""What is compared."""
SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
PENALTIES = (1.0, 10.0, 100.0, 1000.0)
SEEDS = (0, 1, 2)

Floats = NDArray[np.float64]


def encoder(
    name: str, seed: int, store: Store, out: Path, made: recipe.Recipe, rows: NDArray[np.int64]
) -> tuple[Any, Scaling]:
    """A network of one method and seed, pre-trained or not, and the scale of its inputs."""
    plugin = registry.load("models", made.model.name)
    config = made.model_config(1, store.length, 1)
    scaling = Scaling(*moments(store, rows), (), ())
    import torch

    torch.manual_seed(seed)
    net = plugin.build(config)
    how = METHODS[name]
    if how is not None:
        made = replace(made, seed=seed, pretrain=replace(made.pretrain, **how))  # type: ignore[arg-type]  # checked there
        found = pretrain(store, rows, made, out / f"{name}-{seed}", resume=True, progress=False)
        start.begin(net, found.arrays, Config())
    net.eval()
    return net, scaling


def published(name: str) -> list[tuple[Any, Scaling]]:
    """An encoder that comes with the package; as `random-NAME`, three of its shape with random weights."""
    import torch

    found = pretrained.load(name.removeprefix("random-"))
    plugin = registry.load("models", found.facts.model)
    scaling = Scaling(found.facts.input_mean, found.facts.input_sd, (), ())
    nets = []
    for seed in SEEDS if name.startswith("random-") else SEEDS[:1]:
        torch.manual_seed(seed)
        net = plugin.build(fill(plugin.Config, found.facts.config))
        if not name.startswith("random-"):
            start.begin(net, found.arrays, Config())
        nets.append((net.eval(), scaling))
    return nets


def simulated(people: int, seed: int) -> tuple[list[Any], Floats, NDArray[np.str_]]:
    """Raw recordings of one clean window each, their heart rates (bpm) and whose they are."""
    plugin = registry.load("datasets", "simulated")
    options = {"preset": "null", "people": people, "sessions": 1, "windows": 8, "duration_s": 30.0, "seed": seed}
    made = plugin.build(fill(plugin.Config, options))
    parts, rates, who = [], [], []
    for name in made.ids():
        whole = made.read(name)
        readings = [(r.time, float(r.value)) for r in whole.references if r.kind == "heart_rate" and r.time is not None]
        (signal,) = [s for s in whole.signals if s.kind == "ppg"]
        for time, value in readings:
            first = int(np.searchsorted(signal.times, time - 15.0))
            count = round(30 * signal.rate)
            samples, valid = signal.samples[first : first + count], signal.valid[first : first + count]
            if len(samples) == count and valid.all():
                cut = replace(signal, samples=samples, valid=valid, start=0.0, clocks={})
                parts.append(replace(whole, signals=(cut,), references=()))
                rates.append(value)
                who.append(whole.person)
    return parts, np.array(rates), np.array(who)


def moved(part: Any, share: float, seed: int) -> Any:
    """A recording with movement, as strong as 3 pulses, over this share of it."""
    random = np.random.default_rng([seed, round(100 * share)])
    (signal,) = part.signals
    times = signal.times
    begin = times[0] + random.uniform(0, 1 - share) * (times[-1] - times[0])
    inside = (times >= begin) & (times < begin + share * (times[-1] - times[0]) + 1e-9)
    axes = tones(times, random)
    samples = signal.samples + 3.0 * PULSE * inside * (0.8 * axes[0] + 0.4 * axes[1])
    return replace(part, signals=(replace(signal, samples=samples.astype(np.float32)),))


def ridge(x: Floats, y: Floats, penalty: float) -> tuple[Floats, Floats, Floats, float]:
    """Weights of a ridge on standardised features, with what is needed to use them."""
    mean, sd = x.mean(0), x.std(0) + 1e-9
    z = (x - mean) / sd
    weight = np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ (y - y.mean()))
    return weight, mean, sd, float(y.mean())


def told(fitted: tuple[Floats, Floats, Floats, float], x: Floats) -> Floats:
    """What a ridge says."""
    weight, mean, sd, level = fitted
    return np.asarray((x - mean) / sd @ weight + level)


def probe(x: Floats, y: Floats, who: NDArray[np.str_]) -> tuple[Floats, Floats, Floats, float]:
    """A ridge whose penalty is chosen on a fifth of the people."""
    people = np.unique(who)
    aside = np.isin(who, people[::5])
    errors = [np.abs(told(ridge(x[~aside], y[~aside], p), x[aside]) - y[aside]).mean() for p in PENALTIES]
    return ridge(x, y, PENALTIES[int(np.argmin(errors))])


def windows(parts: list[Any], made: recipe.Recipe) -> NDArray[np.float32]:
    """One window of every recording, as the recipe conditions and cuts it."""
    config = replace(made.window, step_s=None, refuse=())
    ready = [replace(part, signals=(condition(part.signals[0], made.condition),)) for part in parts]
    return np.concatenate([cut(part, config).samples[:1] for part in ready])


def exercise(data: Path, made: recipe.Recipe) -> tuple[NDArray[np.float32], Floats, NDArray[np.str_], Floats]:
    """Windows of IEEE SPC every 4 s with heart rate, person and artefact share (1 - quality)."""
    plugin = registry.load("datasets", "ieee_spc")
    source = plugin.build(fill(plugin.Config, {"root": str(data)}))
    config = replace(made.window, step_s=4.0, refuse=())
    samples, rates, people, share = [], [], [], []
    for name in source.ids():
        recording = source.read(name)
        time = np.array([r.time for r in recording.references if r.kind == "heart_rate"], np.float64)
        value = np.array([r.value for r in recording.references if r.kind == "heart_rate"], np.float64)
        first = next(s for s in recording.signals if s.kind == "ppg")
        found, _ = windows_of(replace(recording, signals=(first,)), made.condition, config)
        for i, begin in enumerate(found.columns["start"].tolist()):
            inside = (time >= begin + 4) & (time <= begin + 26)  # whole 8 s of the reference within the 30 s
            if inside.any():
                samples.append(found.samples[i])
                rates.append(value[inside].mean())
                people.append(recording.person)
                share.append(1 - float(found.columns["quality"][i]))
    return np.stack(samples), np.array(rates), np.array(people), np.array(share)


def by_person(x: Floats, y: Floats, who: NDArray[np.str_]) -> Floats:
    """Absolute errors of each person by a probe fitted on the others."""
    errors = np.zeros(len(y))
    for person in np.unique(who):
        out = who == person
        errors[out] = np.abs(told(probe(x[~out], y[~out], who[~out]), x[out]) - y[out])
    return errors


def main() -> None:
    """Pre-train what is missing, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=None, help="folder of IEEE SPC 2015")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--part", type=int, default=2, help="every n-th window of the store")
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=METHODS)
    parser.add_argument("--seeds", nargs="*", type=int, default=list(SEEDS))
    parser.add_argument("--also", nargs="*", default=[], help="encoders by name, or random-NAME")
    a = parser.parse_args()
    store = Store(a.store)
    rows = np.arange(0, len(store), a.part)
    made = recipe.load(RECIPE, [f"model.width={a.width}", f"pretrain.epochs={a.epochs}", "pretrain.half=false"])
    nets = {(name, seed): encoder(name, seed, store, a.out, made, rows) for seed in a.seeds for name in a.methods}
    nets |= {(name, seed): net for name in a.also for seed, net in enumerate(published(name))}
    fit, fit_rate, fit_who = simulated(30, 101)
    test, test_rate, test_who = simulated(30, 202)
    fit_x = windows(fit, made)
    test_x = {share: windows([moved(p, share, i) for i, p in enumerate(test)], made) for share in SHARES}
    real = exercise(a.data, made) if a.data else None
    result: dict[str, Any] = {
        "width": a.width, "epochs": a.epochs, "windows": len(rows), "seeds": a.seeds, "shares": list(SHARES),
        "simulated": {"people": len(np.unique(test_who)), "windows": len(test)}, "methods": {},
    }  # fmt: skip
    if real is not None:
        result["real"] = {"people": len(np.unique(real[2])), "windows": len(real[1]), "segments": counts(real[3])}
    for (name, seed), (net, scaling) in nets.items():
        fitted = probe(forward.features(net, scaling.inputs(fit_x)), fit_rate, fit_who)
        curve = []
        for share in SHARES:
            said = told(fitted, forward.features(net, scaling.inputs(test_x[share])))
            curve.append(float(np.abs(said - test_rate).mean()))
        row = result["methods"].setdefault(name, {"simulated": [], "real": []})
        row["simulated"].append(curve)
        if real is not None:
            x, y, who, share_of = real
            errors = by_person(forward.features(net, scaling.inputs(x)), y, who)
            row["real"].append([float(errors[share_of < limit].mean()) for limit in limits()])
        print(name, seed, [round(v, 2) for v in curve], row["real"][-1:] if real else "", flush=True)
    level = float(np.median(fit_rate))
    result["constant"] = {"simulated": float(np.abs(test_rate - level).mean())}
    if real is not None:
        others = [np.abs(real[1][real[2] == p] - np.median(real[1][real[2] != p])) for p in np.unique(real[2])]
        result["constant"]["real"] = float(np.concatenate(others).mean())
    write_json(a.out / "artefact_tolerance.json", result)
    draw(result, a.out / "artefact_tolerance.png")
    print(json.dumps(result["constant"]))


def draw(result: dict[str, Any], path: Path) -> None:
    """Mean of the seeds as lines, their range as bands: simulated people on the left, real ones on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    sides = [("simulated", result["shares"], "share of the window with movement")]
    sides += [("real", [min(x, 1.0) for x in limits()], "segments with an artefact share below")] * ("real" in result)
    for axes, (side, x, text) in zip(np.atleast_1d(figure.subplots(1, len(sides))), sides, strict=True):
        for name, row in result["methods"].items():
            curves = np.array(row[side])
            axes.plot(x, curves.mean(0), marker="o", markersize=3, label=name)
            axes.fill_between(x, curves.min(0), curves.max(0), alpha=0.15)
        axes.axhline(result["constant"][side], color="0.5", linestyle="--", label="constant")
        axes.set(xlabel=text, ylabel="error of the heart rate (bpm)", title=f"{side} people: {result[side]['people']}")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=100)


def limits() -> list[float]:
    """Artefact shares below which segments are scored; the last takes all."""
    return [*(round(0.1 * i, 1) for i in range(1, 10)), 1.01]


def counts(share: Floats) -> list[int]:
    """Segments below each limit."""
    return [int((share < limit).sum()) for limit in limits()]


if __name__ == "__main__":
    main()
