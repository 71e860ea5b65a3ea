"""The one plain sentence: is there skill on people never seen, against the best predictor without any?"""

from __future__ import annotations

from collections.abc import Sequence

from pulsewise.judge.result import REASONS, ControlScore, Scores, Verdict

FEWEST_PEOPLE = 6
"""With fewer test people no verdict is given: even if the model were better on every one of them, chance
alone would do as well in more than one of forty trials (2^-5)."""

FEW_PEOPLE = 30
"""With fewer test people an interval over people is shown but called rough."""

KNOWN = {"by-day", "by-time"}
"""Stamps of splits whose test people were in training, on other days or at other times."""

COLLAPSE = 0.1
"""Estimates that vary by less than this share of the references' SD are called a constant: even in the
best case such a model explains 1 % of the variance."""


def decide(
    title: str, unit: str, scores: Scores, controls: Sequence[ControlScore], *, stamps: Sequence[str] = (), level: float
) -> Verdict:
    """The verdict on one quantity.

    Skill is claimed only where the whole interval of the skill lies above zero against every no-skill
    predictor that needs nothing (so also against the best of them), on people never seen, with at least
    `FEWEST_PEOPLE` of them, by a model whose estimates vary.

    Parameters
    ----------
    title, unit : str
        E.g. `glucose`, `mg/dL`, for the sentence.
    scores : Scores
        Of the view `readings`.
    controls : sequence of ControlScore
        On the same readings.
    stamps : sequence of str
        `leaky-random` forbids any claim; `synthetic` is said.
    level : float
        Of the intervals.
    """
    mae = scores.numbers["mae"]
    decisive = [c for c in controls if c.decisive and c.skill.value is not None]
    if mae.value is None:
        return Verdict("no_estimates", False, f"There is no {title} estimate to judge", REASONS[mae.reason] + ".")
    if not decisive:
        return Verdict(
            "no_controls", False, f"Skill for {title} cannot be judged", "No no-skill predictor covers these rows."
        )
    best = min(decisive, key=_error)
    facts = _facts(unit, scores, best, stamps, level)
    code, headline = _judge(title, scores, decisive, best, stamps)
    return Verdict(code, code == "skill", headline, facts)


def _judge(
    title: str, scores: Scores, decisive: Sequence[ControlScore], best: ControlScore, stamps: Sequence[str]
) -> tuple[str, str]:
    if "leaky-random" in stamps:
        return "leaky", f"Not a valid evaluation of {title}: training and test share people and moments"
    if not scores.people:
        return "people_unknown", f"Skill for {title} cannot be judged: the rows do not say who is who"
    if scores.people < FEWEST_PEOPLE:
        return "too_few_people", f"Skill for {title} cannot be judged on {_people(scores.people)}"
    if collapsed(scores):
        return "constant", f"The model predicts nearly a constant for {title}"
    if all(c.skill.low is not None and c.skill.low > 0 for c in decisive):
        if KNOWN & set(stamps):
            return "known_people", f"The model shows skill for {title}, but only on people it was trained on"
        who = "simulated people" if "synthetic" in stamps else "people"
        return "skill", f"The model shows skill for {title} on {who} it never saw"
    if best.skill.high is not None and best.skill.high < 0:
        return "worse", f"For {title} the model is worse than {best.title}"
    return "no_evidence", f"No evidence of skill for {title} over {best.title}"


def collapsed(scores: Scores) -> bool:
    """Whether the estimates hardly vary beside the references."""
    estimate, reference = scores.numbers["sd_estimate"].value, scores.numbers["sd_reference"].value
    return estimate is not None and reference is not None and estimate < COLLAPSE * reference


def _error(control: ControlScore) -> float:
    return control.mae.value if control.mae.value is not None else float("inf")


def _facts(unit: str, scores: Scores, best: ControlScore, stamps: Sequence[str], level: float) -> str:
    mae, skill = scores.numbers["mae"], best.skill
    seen = "it was also trained on" if {"leaky-random", *KNOWN} & set(stamps) else "it never saw"
    who = f"{_people(scores.people)} {seen}" if scores.people else "unknown people"
    text = f"Mean absolute error {mae.value:.3g} {unit} over {scores.n} readings of {who}; {best.title} scores "
    text += f"{best.mae.value:.3g} {unit}. Skill {_percent(skill.value)}"
    if skill.low is not None and skill.high is not None:
        text += f" ({100 * level:g} % interval over people {_percent(skill.low)} to {_percent(skill.high)})"
    text += "."
    estimate, reference = scores.numbers["sd_estimate"].value, scores.numbers["sd_reference"].value
    if collapsed(scores):
        text += f" Its estimates vary by {estimate:.2g} {unit} (SD) where the references vary by {reference:.3g}."
    if FEWEST_PEOPLE <= scores.people < FEW_PEOPLE:
        text += f" With fewer than {FEW_PEOPLE} people the interval is rough."
    if 0 < scores.people < FEWEST_PEOPLE:
        text += f" A verdict needs at least {FEWEST_PEOPLE} people."
    return text


def together(parts: Sequence[tuple[str, Verdict]]) -> Verdict:
    """One verdict for several quantities, given as (title, verdict): a claim only where each makes it."""
    if len(parts) == 1:
        return parts[0][1]
    codes = {verdict.code for _, verdict in parts}
    code = codes.pop() if len(codes) == 1 else "mixed"
    return Verdict(
        code,
        bool(parts) and all(verdict.claim for _, verdict in parts),
        "; ".join(verdict.headline for _, verdict in parts),
        " ".join(f"{title[:1].upper()}{title[1:]}: {verdict.sentence}" for title, verdict in parts),
    )


def _people(count: int) -> str:
    return "one person" if count == 1 else f"{count} people"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %".replace("-", "−")
