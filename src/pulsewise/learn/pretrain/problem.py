"""What is to be learnt without labels: which segments, paired how, in which scale, under which fingerprints."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise import __version__
from pulsewise.core import config, registry
from pulsewise.core.errors import UsageError
from pulsewise.learn import scaling
from pulsewise.learn.pretrain import pairs
from pulsewise.learn.pretrained import Facts, Told, marks
from pulsewise.learn.recipe import Recipe
from pulsewise.learn.scaling import Scaling, Source

RESULT_TABLES = ("seed", "condition", "window", "model", "pretrain")
"""Tables of a recipe that decide the weights."""


@dataclass(frozen=True)
class Problem:
    """Segments of one pre-training, their pairs, and their scale."""

    recipe: Recipe
    source: Source
    rows: NDArray[np.int64]
    pairs: pairs.Pairs
    scaling: Scaling

    @property
    def model_config(self) -> Any:
        """The model's config for these windows; its head (1 output) is not pre-trained."""
        return self.recipe.model_config(len(self.source.channels), self.source.length, 1)

    def run(self) -> dict[str, str]:
        """Fingerprints of everything that decides the weights: what a resumed run must agree in."""
        table = self.recipe.table()
        return {
            "recipe": config.fingerprint({key: table[key] for key in RESULT_TABLES}),
            "data": self.source.fingerprint,
            "rows": hashlib.sha256(np.ascontiguousarray(self.rows).tobytes()).hexdigest()[:16],
            "version": __version__,
        }

    def facts(self, history: list[dict[str, float]], sources: tuple[str, ...] = ()) -> Facts:
        """What the published encoder says of itself after these epochs."""
        r, s, run = self.recipe, self.source, self.run()
        last = history[-1] if history else {}
        people = np.asarray(s.columns()["person"])[self.rows]
        c = r.pretrain
        return Facts(
            name=r.name,
            model=r.model.name,
            config={k: v for k, v in config.to_table(self.model_config).items() if k != "outputs"},
            rate=s.rate,
            length=s.length,
            channels=tuple(s.channels),
            condition=config.to_table(r.condition),
            window=config.to_table(r.window),
            input_mean=self.scaling.input_mean,
            input_sd=self.scaling.input_sd,
            synthetic=s.synthetic,
            sources=sources,
            told=Told(
                recipe=run["recipe"],
                data=run["data"],
                method=c.method,
                views=c.views,
                seed=r.seed,
                pairs=int(last.get("pairs", 0)),
                windows=len(self.rows),
                people=marks(people.tolist(), r.dataset),
                epochs=len(history),
                steps=int(last.get("step", 0)),
                loss=float(last.get("loss", 0.0)),
                spread=float(last.get("spread", 0.0)),
                table=config.to_table(c),
            ),
        )


def pose(source: Source, rows: NDArray[np.int64], recipe: Recipe) -> Problem:
    """The problem that some rows of a store pose under a recipe.

    Raises `config` where the recipe has no pre-training or a model without a network, `no_usable_signal` where nobody
    gives a pair, `modality` where no quality is known, and `malformed` for samples that are not numbers.
    """
    if not recipe.pretrain.epochs:
        raise UsageError("config", "the recipe has no pre-training", where="pretrain.epochs", fix="add [pretrain]")
    if not getattr(registry.load("models", recipe.model.name), "NEURAL", False):
        raise UsageError("config", f"{recipe.model.name!r} is no network", where="model.name")
    rows = np.asarray(rows, np.int64)
    found = pairs.find(source.columns(), rows, recipe.pretrain)
    mean, sd = scaling.moments(source, rows)
    return Problem(recipe, source, rows, found, Scaling(mean, sd, (), ()))
