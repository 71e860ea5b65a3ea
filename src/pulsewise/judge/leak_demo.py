"""One model, the same windows, three ways to divide them: what a leaking split makes of it, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pulsewise.core.errors import UsageError
from pulsewise.data import split as splitting
from pulsewise.data.split import STAMPS
from pulsewise.data.store import Store
from pulsewise.judge.evaluate import evaluate
from pulsewise.judge.number import Number
from pulsewise.judge.result import QuantityResult, Result
from pulsewise.judge.score import TITLES
from pulsewise.learn.recipe import Recipe, fill
from pulsewise.learn.train import train

SPLITS: dict[str, str] = {
    "leaky-random": "windows at random",
    "by-day": "days of the same people",
    "by-person": "people never seen",
}
"""The splits compared, from the most to the least generous, and in words whom each tests on."""

FAST: dict[str, dict[str, str]] = {
    "forest": {"name": "classical", "kind": "forest"},
    "ridge": {"name": "classical", "kind": "ridge"},
}
"""Models that are trained in seconds."""


@dataclass(frozen=True)
class Line:
    """One quantity under one split; `against` names the predictor without skill that decides its verdict."""

    split: str
    tested: str
    quantity: str
    title: str
    unit: str
    readings: int
    people: int
    r: Number
    mae: Number
    skill: Number
    against: str
    claimed: bool
    leaks: tuple[str, ...]


@dataclass(frozen=True)
class LeakDemo:
    """The lines, in the order of `SPLITS`, what could not be divided so, and what it means in plain words."""

    name: str
    model: str
    lines: tuple[Line, ...]
    skipped: dict[str, str]
    words: tuple[str, ...]
    stamps: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def with_model(recipe: Recipe, model: str) -> Recipe:
    """The recipe with a fast model in place of its own (`FAST`), or with its own (`recipe`)."""
    if model == "recipe":
        return recipe
    if model not in FAST:
        fix = f"one of {', '.join(FAST)}, recipe"
        raise UsageError("unknown_name", f"no fast model {model[:40]!r}", where="--model", fix=fix)
    return fill({**recipe.table(), "model": FAST[model]})


def leak_demo(store: Store, recipe: Recipe, folder: Path, *, say: Callable[[str], None] = print) -> LeakDemo:
    """Train and judge the recipe's model on a store under each of `SPLITS`.

    Parameters
    ----------
    store : Store
    recipe : Recipe
        Its model, its seed, and the shares of its split, taken for all three.
    folder : Path
        Where the bundles go.
    say : callable
        Gets one sentence per split.
    """
    lines: list[Line] = []
    skipped: dict[str, str] = {}
    stamps: list[str] = []
    model = ""
    shares = {name: getattr(recipe.split, name) for name in ("train", "validation", "test", "seed")}
    for name, tested in SPLITS.items():
        mine = replace(recipe, split=splitting.Config(name, **shares))  # type: ignore[arg-type]  # keys of STAMPS and by-person are names of splits
        try:
            made = splitting.make(store.columns(), mine.split, length_s=store.window_s)
        except UsageError as error:
            skipped[name] = str(error.what)
            say(f"{name}: {error.what}")
            continue
        bundle = train(store, made.folds[0], mine, folder / name, progress=False)
        result, _ = evaluate(bundle, store, made, mine, folders=[folder / name])
        model = result.model
        stamps += [stamp for stamp in result.stamps if stamp not in (*stamps, *STAMPS)]
        lines += [_line(part, result, name, tested) for part in result.quantities]
        say(f"{name}: {result.verdict.headline}")
    return LeakDemo(recipe.name, model, tuple(lines), skipped, tuple(words(lines)), tuple(stamps))


def _line(part: QuantityResult, result: Result, name: str, tested: str) -> Line:
    numbers = part.view("readings").numbers
    decisive = [c for c in part.controls if c.decisive and c.skill.value is not None]
    hardest = min(decisive, key=lambda c: c.skill.value or 0.0) if decisive else None
    nothing = Number(None, reason="not_available")
    skill = hardest.skill if hardest else nothing
    return Line(
        split=name,
        tested=tested,
        quantity=part.quantity,
        title=part.title,
        unit=part.unit,
        readings=part.view("readings").n,
        people=part.view("readings").people,
        r=numbers["r"],
        mae=numbers["mae"],
        skill=skill,
        against=hardest.title if hardest else "",
        claimed=skill.low is not None and skill.low > 0,
        leaks=tuple(f.came for f in result.audit.leaks) if result.audit else (),
    )


def words(lines: Sequence[Line]) -> list[str]:
    """What the lines mean, a sentence or two per quantity."""
    found = []
    for quantity in dict.fromkeys(line.quantity for line in lines):
        mine = {line.split: line for line in lines if line.quantity == quantity}
        random, person = mine.get("leaky-random"), mine.get("by-person")
        if random is None or person is None:
            continue
        title = TITLES.get(quantity, quantity)
        text = f"{title[0].upper()}{title[1:]}: tested on windows drawn at random, the model {_says(random)}. "
        text += f"Tested on {person.people} people it never met, the same model {_says(person)}. "
        if random.claimed and not person.claimed:
            text += "The difference is memory: it knew the people, not the quantity."
        elif random.claimed:
            text += "Part of it is real: skill is left on people it never met."
        else:
            text += "Here even the leaking split shows no skill."
        found.append(text)
    return found


def _says(line: Line) -> str:
    r = f"r = {line.r.value:.2f}" if line.r.value is not None else "no correlation"
    if line.skill.value is None:
        return f"reaches {r}"
    if abs(line.skill.value) < 0.005:
        return f"reaches {r} and the error of {line.against}"
    better = "smaller" if line.skill.value > 0 else "larger"
    return f"reaches {r} and an error {abs(line.skill.value) * 100:.0f} % {better} than that of {line.against}"
