"""The one plain sentence: is there skill on people never seen, against the best predictor without any?"""

from __future__ import annotations

from collections.abc import Sequence

from pulsewise.clinical.resample import FEW_PEOPLE
from pulsewise.judge.result import REASONS, ControlScore, Scores, Verdict

FEWEST_PEOPLE = 6
"""With fewer test people no verdict is given: even if the model were better on every one of them, chance
alone would do as well in more than one of forty trials (2^-5)."""

KNOWN = {"by-day", "by-time"}
"""Stamps of splits whose test people were in training, on other days or at other times."""

COLLAPSE = 0.1
"""Estimates that vary by less than this share of the references' SD are called a constant: even in the
best case such a model explains 1 % of the variance."""


FEW_SILENT = 0.05
"""A larger share of windows without any number is said beside the figures of the others."""


HEADLINES: dict[str, str] = {
    "skill": "The model shows skill for {title} on people it never saw",
    "skill_unchecked": "The estimates show skill for {title} on these people",
    "skill_simulated": "The model shows skill for {title} on simulated people it never saw",
    "known_people": "The model shows skill for {title}, but only on people it was trained on",
    "no_evidence": "No evidence of skill for {title} over {best}",
    "worse": "For {title} the model is worse than {best}",
    "constant": "The model predicts nearly a constant for {title}",
    "leaky": "Not a valid evaluation of {title}: training and test share people and moments",
    "too_few_people": "Skill for {title} cannot be judged on so few people",
    "people_unknown": "Skill for {title} cannot be judged: the rows do not say who is who",
    "no_controls": "Skill for {title} cannot be judged: there is nothing to compare with",
    "one_class": "Skill for {title} cannot be judged: all readings are of one class",
    "no_estimates": "There is no estimate of {title} to judge",
}
"""The first sentence, by code."""


def decide(
    title: str,
    unit: str,
    scores: Scores,
    controls: Sequence[ControlScore],
    *,
    stamps: Sequence[str] = (),
    level: float,
    checked: bool = True,
    calibrated: bool = False,
    silent: tuple[int, int] = (0, 0),
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
        `leaky-random`, `by-day` and `by-time` forbid any claim; `synthetic` is said.
    level : float
        Of the intervals.
    checked : bool
        Whether it is known that the people were not in training; a table of pairs does not tell, and the words say so.
    calibrated : bool
        Whether the estimates were given a reading of the person (then `controls` has other decisive ones).
    silent : (int, int)
        Windows with a reference and without any number, of how many; more than one in twenty is said.
    """
    decisive = [c for c in controls if c.decisive and c.skill.value is not None]
    best = min(decisive, key=_error, default=None)
    code = _code(scores, decisive, best, set(stamps))
    against = best.title if best else ""
    facts = (
        _facts(unit, scores, best, stamps, level, checked) if best else "There is no no-skill predictor on these rows."
    )
    reason = scores.numbers["mae"].reason
    if code in ("no_estimates", "one_class"):
        facts = REASONS[reason][:1].upper() + REASONS[reason][1:] + "."
    words = "skill_unchecked" if code == "skill" and not checked else code
    if best and silent[0] > FEW_SILENT * silent[1]:
        facts += f" No number for {silent[0]} of {silent[1]} windows: these figures are of the others."
    if calibrated and best and not any(c.decisive and c.needs == "reading" for c in decisive):
        facts += " The estimates were calibrated, and no earlier reading of the people is known to compare with."
        words = code = "no_controls" if code == "skill" else code
    protocol = "calibration-based" if calibrated else "calibration-free"
    return Verdict(code, code == "skill", _headline(words, title, against, stamps), facts, against, protocol)


def _code(scores: Scores, decisive: Sequence[ControlScore], best: ControlScore | None, stamps: set[str]) -> str:
    if scores.numbers["mae"].value is None:
        return "one_class" if scores.numbers["mae"].reason in ("no_positives", "no_negatives") else "no_estimates"
    if "leaky-random" in stamps:
        return "leaky"
    if not scores.people:
        return "people_unknown"
    if best is None:
        return "no_controls"
    if scores.people < FEWEST_PEOPLE:
        return "too_few_people"
    if collapsed(scores):
        return "constant"
    if all(c.skill.low is not None and c.skill.low > 0 for c in decisive):
        return "known_people" if KNOWN & stamps else "skill"
    return "worse" if best.skill.high is not None and best.skill.high < 0 else "no_evidence"


def _headline(code: str, title: str, best: str, stamps: Sequence[str]) -> str:
    key = "skill_simulated" if code == "skill" and "synthetic" in stamps else code
    return HEADLINES[key].format(title=title, best=best)


def collapsed(scores: Scores) -> bool:
    """Whether the estimates hardly vary beside the references."""
    estimate, reference = scores.numbers["sd_estimate"].value, scores.numbers["sd_reference"].value
    return estimate is not None and reference is not None and estimate < COLLAPSE * reference


def _error(control: ControlScore) -> float:
    return control.mae.value if control.mae.value is not None else float("inf")


def _facts(unit: str, scores: Scores, best: ControlScore, stamps: Sequence[str], level: float, checked: bool) -> str:
    mae, skill = scores.numbers["mae"], best.skill
    seen = " it was also trained on" if {"leaky-random", *KNOWN} & set(stamps) else " it never saw" if checked else ""
    who = f"{_people(scores.people)}{seen}" if scores.people else "unknown people"
    error = "Mean absolute error" if unit else "Balanced error (mean of the shares missed and falsely called)"
    text = f"{error} {_value(mae.value, unit)} over {scores.n} readings of {who}; {best.title} scores "
    text += f"{_value(best.mae.value, unit)}. Skill {_percent(skill.value)}"
    if skill.low is not None and skill.high is not None:
        text += f" ({100 * level:g} % interval over people {_percent(skill.low)} to {_percent(skill.high)})"
    text += "."
    estimate, reference = scores.numbers["sd_estimate"].value, scores.numbers["sd_reference"].value
    if collapsed(scores) and unit:
        text += (
            f" Its estimates vary by {_number(estimate)} {unit} (SD) where the references vary by {_number(reference)}."
        )
    if not checked and scores.people:
        text += " Whether these people took part in making the model is not known."
    if FEWEST_PEOPLE <= scores.people < FEW_PEOPLE:
        text += f" With fewer than {FEW_PEOPLE} people the interval is rough."
    if 0 < scores.people < FEWEST_PEOPLE:
        text += f" A verdict needs at least {FEWEST_PEOPLE} people."
    return text


def together(parts: Sequence[tuple[str, Verdict]], stamps: Sequence[str] = (), *, checked: bool = True) -> Verdict:
    """One verdict for several quantities, given as (title, verdict): a claim only where each makes it."""
    if len(parts) == 1:
        return parts[0][1]
    codes = {verdict.code for _, verdict in parts}
    against = {verdict.against for _, verdict in parts}
    best = against.pop() if len(against) == 1 else "predictors that never look at the signal"
    sentences = [f"{title[:1].upper()}{title[1:]}: {verdict.sentence}" for title, verdict in parts]
    if len(codes) > 1:
        protocol = parts[0][1].protocol
        return Verdict("mixed", False, ". ".join(v.headline for _, v in parts), " ".join(sentences), best, protocol)
    code = codes.pop()
    unchecked = code == "skill" and not checked
    headline = _headline("skill_unchecked" if unchecked else code, joined([t for t, _ in parts]), best, stamps)
    claim, protocol = all(verdict.claim for _, verdict in parts), parts[0][1].protocol
    return Verdict(code, claim, headline, " ".join(sentences), best, protocol)


def joined(titles: Sequence[str]) -> str:
    """Several titles as one, what they end in said once.

    >>> joined(["systolic pressure", "diastolic pressure"]), joined(["glucose", "heart rate"])
    ('systolic and diastolic pressure', 'glucose and heart rate')
    """
    words = [title.split() for title in titles]
    if len(words) > 1 and all(len(w) > 1 and w[-1] == words[0][-1] for w in words):
        return f"{joined([' '.join(w[:-1]) for w in words])} {words[0][-1]}"
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"


def _people(count: int) -> str:
    return "one person" if count == 1 else f"{count} people"


def _number(value: float | None) -> str:
    """Three significant digits, written out."""
    return "unknown" if value is None else f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def _value(value: float | None, unit: str) -> str:
    return f"{_number(value)} {unit}" if unit else _percent(value)


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %".replace("-", "−")
