"""Explain a bundle's answers to one recording: where in the signal they come from, and whether that is of the model.

    Integrated Gradients   networks; adds up to the answer, with its completeness error
    occlusion              every model: what the answer loses without a stretch of the signal
    Grad-CAM               networks with convolutions
    attention              networks with attention over time

Every method is repeated with random weights: an explanation that does not change is not about the model, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError, NoSignalError, UsageError
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows
from pulsewise.judge import explaining, gradients
from pulsewise.judge.explaining import Found
from pulsewise.judge.explanation import TITLES, Completeness, Explanation, Method, Window, Without
from pulsewise.judge.occlusion import occlusion, without
from pulsewise.judge.randomised import randomised
from pulsewise.judge.waves import Waves, longest, waves
from pulsewise.learn import estimating
from pulsewise.learn.bundle import Bundle

Floats = NDArray[np.float64]

COST = 32
"""Steps of a gradient for a network with random weights: enough to compare, not to add up."""


@dataclass(frozen=True)
class Config:
    """How much is explained, and how.

    Parameters
    ----------
    quantity : str
        Which target; empty: the first.
    windows : int
        Windows at most, evenly spread over those that are answered.
    start_s : float, optional
        Only the window that begins last at or before this second.
    methods : tuple of str
        Of `explanation.TITLES`; empty: all that the model has.
    draws : int
        Models with random weights to compare with.
    steps : int
        Most steps of Integrated Gradients.
    seed : int
        Of the random weights.
    """

    quantity: str = ""
    windows: int = 6
    start_s: float | None = None
    methods: tuple[str, ...] = ()
    draws: int = 3
    steps: int = gradients.MOST_STEPS
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.windows, self.draws, self.steps) < 1:
            raise UsageError("config", "windows, draws and steps are at least 1")
        if unknown := sorted(set(self.methods) - set(TITLES)):
            fix = f"known: {', '.join(TITLES)}"
            raise UsageError("unknown_name", f"no way of explaining named {unknown[0][:40]!r}", fix=fix)


def explain(
    bundle: Bundle, of: Recording | Windows, config: Config | None = None, *, force: bool = False
) -> Explanation:
    """Explain what a bundle answers to a recording, or to windows that were cut from one.

    Parameters
    ----------
    bundle : Bundle
        With its model inside; an exported graph cannot be explained.
    of : Recording or Windows
    config : Config, optional
    force : bool
        Explain windows that the bundle refuses to answer, and bundles that were never trained.

    Returns
    -------
    Explanation

    Raises
    ------
    PulsewiseError
        `untrained`, `modality`, `rate`, `length` as predicting; `no_usable_signal` where no window is answered;
        `usage` for an exported bundle or a method that the model has not; `missing_dependency` without Captum.
    """
    config = config or Config()
    bundle.check_trained(force)
    if bundle.graph is not None:
        raise UsageError("usage", "an exported model cannot be explained", fix="use the bundle it was exported from")
    output = _output(bundle, config.quantity)
    windows = of if isinstance(of, Windows) else estimating.windows_for(bundle, of)[0]
    answered = _answered(bundle, windows, bundle.task.quantities[output], force)
    said = bundle.scaled(windows[answered])[:, output]
    chosen = answered[_choose(windows.columns["start"][answered], config)]
    picked = bundle.placed(windows[chosen])
    parts = [_waves(picked, n) for n in range(len(picked))]
    found = _all(bundle, picked, output, _spread(bundle, output, said), config, everything=True)
    drawn = [made for k in range(config.draws) if (made := randomised(bundle, config.seed + k)) is not None]
    random = [_all(other, picked, output, 0.0, config) for other in drawn]
    methods = []
    for name in TITLES:
        if name in found.values:
            others = [r.values[name] for r in random if name in r.values]
            methods.append(explaining.method(name, found, others, parts, picked.channels, len(drawn)))
    if config.methods and (absent := [m for m in config.methods if m not in found.values]):
        raise UsageError("usage", f"the model {bundle.facts.model.name!r} has no {TITLES[absent[0]]}")
    return _made(bundle, of, picked, parts, found, tuple(methods), output, len(answered))


def _spread(bundle: Bundle, output: int, said: Floats) -> float:
    """SD of what the model says: of validation people where the bundle knows it, else of this recording."""
    known = bundle.facts.training.said_sd
    return known[output] if known else float(np.std(said))


def _output(bundle: Bundle, quantity: str) -> int:
    names = bundle.task.quantities
    if quantity and quantity not in names:
        raise UsageError(
            "unknown_name", f"the bundle does not answer {quantity[:40]!r}", fix=f"it answers {', '.join(names)}"
        )
    return names.index(quantity) if quantity else 0


def _answered(bundle: Bundle, windows: Windows, quantity: str, force: bool) -> NDArray[np.int64]:
    """Rows that the bundle answers; `no_usable_signal` with the reasons where there are none."""
    if not len(windows):
        raise NoSignalError("no_usable_signal", "the recording holds no window that could be explained")
    estimates = [e for e in bundle.estimate_windows(windows, force=force) if e.quantity == quantity]
    rows = np.flatnonzero([not e.abstained for e in estimates])
    if not len(rows):
        reasons = sorted({reason for e in estimates for reason in e.reasons})
        raise NoSignalError(
            "no_usable_signal", "no window is answered, so there is nothing to explain", where=", ".join(reasons)
        )
    return rows


def _choose(start: Floats, config: Config) -> NDArray[np.int64]:
    if config.start_s is None:
        return np.unique(np.linspace(0, len(start) - 1, min(config.windows, len(start))).round().astype(np.int64))
    before = np.flatnonzero(start <= config.start_s + 1e-9)
    if not len(before):
        raise InputError("length", f"no answered window begins at or before {config.start_s:g} s", where="start_s")
    return before[-1:]


def _waves(windows: Windows, n: int) -> tuple[Waves, ...]:
    centred = bool(windows.columns["beat_index"][n] >= 0)
    return tuple(
        waves(windows.samples[n, c].astype(np.float64), windows.rate, kind, centred=centred)
        for c, kind in enumerate(windows.channels)
    )


def _all(
    bundle: Bundle, windows: Windows, output: int, spread: float, config: Config, *, everything: bool = False
) -> Found:
    """What every wanted method that the model has says of the windows, each (N, C, T)."""
    wanted, values, completeness = config.methods or tuple(TITLES), {}, None
    shape = windows.samples.shape
    if bundle.facts.model.neural:
        inputs = bundle.facts.scaling.inputs(windows.samples)
        if "integrated_gradients" in wanted:
            steps = config.steps if everything else min(COST, config.steps)
            made = gradients.integrated(bundle, inputs, output, spread, steps)
            values["integrated_gradients"] = made.values
            completeness = Completeness(
                met=bool((made.error <= gradients.LIMIT).all()),
                worst=float(made.error.max()),
                median=float(np.median(made.error)),
                limit=gradients.LIMIT,
                steps=int(made.steps.max()),
            )
        if "grad_cam" in wanted and (cam := gradients.grad_cam(bundle, inputs, output)) is not None:
            values["grad_cam"] = np.broadcast_to(cam[:, None], shape).astype(np.float64)
        if "attention" in wanted and (weights := gradients.attention(bundle, inputs)) is not None:
            values["attention"] = np.broadcast_to(weights[:, None], shape).astype(np.float64)
    if "occlusion" in wanted:
        values["occlusion"] = occlusion(bundle, windows, output)
    return Found(values, completeness)


def _made(
    bundle: Bundle, of: Recording | Windows, picked: Windows, parts: Sequence[tuple[Waves, ...]], found: Found,
    methods: tuple[Method, ...], output: int, answered: int,
) -> Explanation:  # fmt: skip
    facts, target = bundle.facts, bundle.task.targets[output]
    changes = without(bundle, picked, parts, output)
    values, said = bundle.predict_windows(picked, force=True)[:, output], bundle.scaled(picked)[:, output]
    number = picked.columns.get("window", np.arange(len(picked)))
    start = picked.columns["start"]
    windows = tuple(
        Window(
            int(number[n]),
            float(start[n]) if np.isfinite(start[n]) else n * picked.length / picked.rate,
            float(values[n]),
            float(said[n]),
            picked.samples[n].astype(np.float64),
            parts[n],
            {name: array[n] for name, array in found.values.items()},
        )
        for n in range(len(picked))
    )
    rows = tuple(row for c, name in enumerate(picked.channels) for row in _without(name, parts, c, changes[c]))
    stamps = ["synthetic"] * (facts.synthetic or picked.synthetic) + [facts.training.split] * facts.leaky
    made = Explanation(
        facts.name, bundle.fingerprint, facts.model.name, target.quantity, target.unit,
        "log odds" if facts.answer == "probability" and facts.model.neural else
        "probability" if facts.answer == "probability" else "SD of the target",
        picked.rate, picked.channels, of.id if isinstance(of, Recording) else "", answered,
        facts.synthetic or picked.synthetic, tuple(stamps), methods, rows, windows,
    )  # fmt: skip
    return explaining.in_words(made)


def _without(channel: str, parts: Sequence[tuple[Waves, ...]], c: int, changes: Floats) -> list[Without]:
    names = longest(parts, c)
    rows = []
    for p, part in enumerate(names):
        there = changes[np.isfinite(changes[:, p]), p]
        if len(there):
            rows.append(Without(channel, part, float(there.mean()), float(there.min()), float(there.max()), len(there)))
    return rows
