"""From what methods say of single samples to what is said of the parts of a beat, of the model, and in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsewise.judge.explanation import SIGNED, TITLES, Check, Completeness, Explanation, Method, Part
from pulsewise.judge.randomised import LIMIT, alike
from pulsewise.judge.waves import MEANINGS, Waves, longest

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """What each method says of N windows, each (N, C, T), and whether Integrated Gradients add up."""

    values: dict[str, Floats]
    completeness: Completeness | None = None


def method(
    name: str, found: Found, random: Sequence[Floats], parts: Sequence[tuple[Waves, ...]], channels: Sequence[str],
    draws: int,
) -> Method:  # fmt: skip
    """What one method says, part by part, with random weights beside it."""
    values = found.values[name]
    rows: list[Part] = []
    for c, channel in enumerate(channels):
        rows += _parts(name, channel, c, values, random, parts)
    completeness = found.completeness if name == "integrated_gradients" else None
    return Method(name, TITLES[name], tuple(rows), check(name, values, random, draws), completeness)


def _parts(
    name: str, channel: str, c: int, values: Floats, random: Sequence[Floats], parts: Sequence[tuple[Waves, ...]]
) -> list[Part]:
    names = longest(parts, c)
    use = [n for n, row in enumerate(parts) if row[c].names == names]
    time = np.mean([parts[n][c].shares() for n in use], axis=0)
    share, signed = _shares(values, c, parts, use), _sums(values, c, parts, use)
    others = np.array([_shares(r, c, parts, use) for r in random]).reshape(len(random), len(names))
    rows = []
    for p, part in enumerate(names):
        if time[p] <= 0:
            continue
        beside = others[:, p] / time[p]
        rows.append(
            Part(
                channel, part, MEANINGS[part], float(share[p]), float(time[p]), float(share[p] / time[p]),
                float(beside.min()) if len(beside) else None, float(beside.max()) if len(beside) else None,
                float(signed[p]) if name in SIGNED else None,
            )
        )  # fmt: skip
    return rows


def _shares(values: Floats, c: int, parts: Sequence[tuple[Waves, ...]], use: Sequence[int]) -> Floats:
    """Share of the weight of all windows in each part; every window counts the same."""
    rows = [parts[n][c].sums(np.abs(values[n, c])) for n in use]
    shares = [row / row.sum() for row in rows if row.sum() > 0]
    return np.asarray(np.mean(shares, axis=0)) if shares else np.zeros(len(parts[use[0]][c].names))


def _sums(values: Floats, c: int, parts: Sequence[tuple[Waves, ...]], use: Sequence[int]) -> Floats:
    return np.asarray(np.mean([parts[n][c].sums(values[n, c]) for n in use], axis=0))


def check(name: str, values: Floats, random: Sequence[Floats], draws: int) -> Check:
    """Compare an explanation (N, C, T) with those of models with random weights."""
    title = TITLES[name]
    found = [a for other in random if np.isfinite(a := alike(values, other))]
    if not draws:
        words = f"{title}: the model has no weights that could be made random, so nothing shows that this is about it."
        return Check(False, None, None, None, 0, LIMIT, words)
    if not np.abs(values).any():
        none = "nothing that speaks for more" if name not in SIGNED else "no sample the answer depends on"
        return Check(False, None, None, None, draws, LIMIT, f"{title}: finds {none}, so there is nothing to explain.")
    if not found:
        words = f"{title}: models with random weights do not look at the signal at all; this one does."
        return Check(True, None, None, None, draws, LIMIT, words)
    mean, title = round(float(np.mean(found)), 2) + 0.0, f"{title}:"
    figures = f"rank correlation {mean:.2f}, {min(found):.2f} to {max(found):.2f} over {len(found)}; limit {LIMIT:g}"
    if mean <= LIMIT:
        words = f"{title} changes when the weights are random ({figures}): it is about the model."
    else:
        words = f"{title} hardly changes when the weights are random ({figures}): it is not about the model."
    return Check(mean <= LIMIT, mean, min(found), max(found), draws, LIMIT, words)


def in_words(made: Explanation) -> Explanation:
    """The explanation with its sentences: what weighs most, whether it adds up, whether it is about the model."""
    words = []
    waves = [w for w in made.without if w.part != "between"]
    most = max(waves, key=lambda w: abs(w.change), default=None)
    if most is not None and most.change:
        words.append(
            f"Without {most.part} of {most.channel} in any beat the answer changes most: by {most.change:+.2g} "
            f"({most.low:+.2g} to {most.high:+.2g} over {most.windows} windows; {made.scale})."
        )
    true, other = ([m.title for m in made.methods if m.check.passed is good] for good in (True, False))
    said = [
        f"{', '.join(names)}: {what}"
        for names, what in ((true, "about the model"), (other, "not about the model"))
        if names
    ]
    words.append(f"Against random weights: {'; '.join(said)}.")
    lead = len(words)
    words += [text for m in made.methods for text in _sentences(m, len(made.windows))]
    return dataclasses.replace(made, words=tuple(words), lead=lead)


def _sentences(m: Method, windows: int) -> list[str]:
    """What a method says, what the check says of that, and whether it adds up."""
    learnt = [p for p in m.parts if p.part != "all" and p.beyond_random]
    learnt.sort(key=lambda p: -p.density / max(p.random_high or 0.0, 1e-9))
    named = ", ".join(
        f"{_of(p)} ({p.density:.1f}, with random weights {p.random_low:.1f} to {p.random_high:.1f})" for p in learnt[:3]
    )
    words = []
    if m.check.passed:
        top = max(m.parts, key=lambda p: p.density)
        if top.part != "all":
            words.append(f"{m.title}: most weight for its length has {_of(top)}, {top.density:.1f} times its "
                         f"share of time; more than random weights give it: {named or 'no part'}.")  # fmt: skip
        words.append(m.check.words)
    else:
        words.append(m.check.words + (f" Only this is more than random weights give: {named}." if named else ""))
    if m.completeness is not None:
        c = m.completeness
        state = "adds up" if c.met else "does not add up"
        words.append(
            f"{m.title} {state}: completeness error at most {100 * c.worst:.2g} % over {windows} windows "
            f"(limit {100 * c.limit:g} %, {c.steps} steps)."
        )
    return words


def _of(p: Part) -> str:
    return f"{p.part} of {p.channel}"
