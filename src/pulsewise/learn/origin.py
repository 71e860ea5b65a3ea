"""A training that begins with a pre-trained encoder: what must agree, and what the bundle says of it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pulsewise.core import config, registry
from pulsewise.core.errors import InputError, UsageError
from pulsewise.data import window
from pulsewise.learn import pretrained
from pulsewise.learn.facts import RATE_TOLERANCE, Origin
from pulsewise.learn.pretrained import Pretrained, marks
from pulsewise.learn.recipe import FILLED_IN, Choice, Recipe
from pulsewise.learn.scaling import Scaling, Source
from pulsewise.signals import condition


def adopt(recipe: Recipe, where: str | Path, *, freeze: bool = False, adapters: int = 0) -> Recipe:
    """The recipe, beginning with an encoder: its model, conditioning and normalising become those of the encoder.

    Task, dataset, labels, split and the length of the windows stay, and a model that is made to begin with an encoder
    (`embedding`). Raises what `pretrained.load` does, and `config`.

    >>> from pulsewise.learn.recipe import fill
    >>> plain = fill({"name": "x", "dataset": {"name": "simulated"}, "task": {"name": "heart_rate"},
    ...               "model": {"name": "resnet"}})
    >>> made = adopt(plain, "siamquality-18", freeze=True)
    >>> made.model.name, made.condition.rate, made.window.normalise, made.train.freeze
    ('siamquality', 40.0, 'minmax', True)
    """
    facts = pretrained.load(where).facts
    plugin = registry.load("models", facts.model)
    options = {key: value for key, value in facts.config.items() if key not in FILLED_IN}
    model = recipe.model if begins(recipe) else Choice(facts.model, config.fill(plugin.Config, options, where="model"))
    told = {"normalise": facts.window.get("normalise", recipe.window.normalise), "channels": list(facts.channels)}
    place = str(Path(where).resolve()) if Path(where).is_dir() else str(where)
    train = {**config.to_table(recipe.train), "from": place, "freeze": freeze, "adapters": adapters}
    return replace(
        recipe,
        model=model,
        condition=config.fill(condition.Config, facts.condition, where="condition"),
        window=config.fill(window.Config, {**config.to_table(recipe.window), **told}, where="window"),
        train=config.fill(type(recipe.train), train, where="train"),
        pretrain=replace(recipe.pretrain, epochs=0),
    )


def begins(recipe: Recipe) -> bool:
    """Whether the recipe's model is one that takes the embedding of an encoder, whatever that is."""
    return bool(getattr(registry.load("models", recipe.model.name), "BEGINS", False))


def begin(source: Source, recipe: Recipe) -> Pretrained | None:
    """The encoder a recipe begins with, None without one.

    Raises what `pretrained.load` does, and what keeps it from being trained further on these windows: `modality` for
    other channels, `rate` for another rate, `config` for another model or another normalising, or where nothing is
    there to freeze. Another length is taken where the model takes it.
    """
    if not recipe.train.from_:
        if recipe.train.freeze or recipe.train.adapters or begins(recipe):
            who = f"the model {recipe.model.name!r} needs" if begins(recipe) else "freeze and adapters need"
            what = f"{who} an encoder to begin with"
            raise UsageError("config", what, where="train.from", fix="give --from, or add [pretrain]")
        return None
    found = pretrained.load(recipe.train.from_)
    _check(found, source, recipe)
    return found


def _check(found: Pretrained, source: Source, recipe: Recipe) -> None:
    f = found.facts
    if tuple(source.channels) != f.channels:
        what = f"the encoder was pre-trained on {', '.join(f.channels)}; the windows hold {', '.join(source.channels)}"
        raise InputError("modality", what, fix="set window.channels")
    if abs(source.rate / f.rate - 1) > RATE_TOLERANCE:
        fix = f"set condition.rate = {f.rate:g}"
        raise InputError("rate", f"the encoder was pre-trained at {f.rate:g} Hz; {source.rate:g} Hz came", fix=fix)
    if not begins(recipe):
        _check_model(f, recipe)
    if (wanted := f.window.get("normalise")) not in (None, recipe.window.normalise):
        what = f"the encoder saw windows normalised by {wanted!r}, the recipe says {recipe.window.normalise!r}"
        raise UsageError("config", what, where="window.normalise", fix=f"set window.normalise = {wanted}")


def _check_model(f: pretrained.Facts, recipe: Recipe) -> None:
    """Raise `config` for another model than the encoder's, or another shape of it."""
    if recipe.model.name != f.model:
        what = f"the encoder is a {f.model!r}, the recipe's model a {recipe.model.name!r}"
        raise UsageError("config", what, where="model.name", fix=f"set model.name = {f.model}")
    kept = {k: v for k, v in f.config.items() if k not in (*FILLED_IN, "dropout")}
    own = config.to_table(recipe.model.config)
    if differs := sorted(key for key in kept if own.get(key) != kept[key]):
        key = differs[0]
        what = f"the encoder has {key} = {kept[key]}, the recipe's model {own.get(key)}"
        raise UsageError("config", what, where=f"model.{key}", fix=f"set model.{key} = {kept[key]}")


def scaled(found: Pretrained, fitted: Scaling) -> Scaling:
    """The scaling of a training: inputs as the encoder saw them, targets as fitted."""
    return replace(fitted, input_mean=found.facts.input_mean, input_sd=found.facts.input_sd)


def describe(found: Pretrained, recipe: Recipe, train: Sequence[str], test: Sequence[str]) -> Origin:
    """What the bundle says of where its weights began; `train` and `test` are the people of the two sides."""
    f, t, own = found.facts, found.facts.told, recipe.train
    known = set(t.people)
    return Origin(
        name=f.name,
        fingerprint=found.fingerprint,
        method=t.method,
        views=t.views,
        how="probe" if own.freeze or begins(recipe) else "adapters" if own.adapters else "fine-tuning",
        rank=own.adapters,
        pairs=t.pairs,
        people=len(t.people),
        length_s=f.length / f.rate,
        synthetic=f.synthetic,
        sources=f.sources,
        train_people_seen=len(known & set(marks(train, recipe.dataset))),
        test_people_seen=len(known & set(marks(test, recipe.dataset))),
    )
