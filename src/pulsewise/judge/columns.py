"""What the columns of a table of pairs are: by their names, or as the user says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pulsewise.core import units
from pulsewise.core.errors import InputError, UsageError

# fmt: off
NAMES: dict[str, tuple[str, ...]] = {
    "reference": ("reference", "ref", "reference value", "truth", "true", "y true", "ground truth", "target", "actual",
                  "measured", "gold", "gold standard", "label", "y", "comparator", "reference method"),
    "estimate": ("estimate", "est", "estimated", "estimation", "prediction", "predicted", "pred", "y pred", "yhat",
                 "y hat", "output", "test", "result", "index test", "test method", "device value", "sensor", "cgm"),
    "person": ("person", "subject", "subject id", "person id", "patient", "patient id", "participant",
               "participant id", "id", "pid", "sid", "subj", "case", "case id", "caseid", "user", "user id",
               "subjectid", "patientid", "participantid"),
    "time": ("time", "timestamp", "datetime", "date time", "date", "t", "start", "elapsed", "time s", "t s", "when"),
    "calibration": ("calibration", "cal", "calibration value", "calibration reading", "baseline", "calib"),
    "reference_2": ("reference 2", "second reference", "repeated reference", "reference repeat", "ref 2"),
    "reference_sd": ("reference sd", "sd of the reference", "ref sd"),
    "unit": ("unit", "units"),
    "quantity": ("quantity",),
    "estimator": ("estimator", "device", "method", "model", "algorithm", "sensor name", "device name"),
    "probability": ("probability", "prob", "p", "score", "risk", "predicted probability", "y prob", "y score"),
    "low": ("low", "lower", "pi low", "ci low", "lower bound", "interval low", "q05", "lo"),
    "high": ("high", "upper", "pi high", "ci high", "upper bound", "interval high", "q95", "hi"),
    "quality": ("quality", "sqi", "signal quality"),
    "abstained": ("abstained", "rejected", "refused"),
    "reasons": ("reasons",),
    "record": ("record", "recording", "file", "record id"),
    "session": ("session", "visit", "session id"),
    "reading": ("reading", "reading id"),
    "window": ("window", "window index"),
    "fold": ("fold",),
    "label_age": ("label age",),
    "site": ("site", "centre", "center", "hospital"),
    "hour": ("hour", "hour of day", "time of day"),
    "age": ("age", "age years"),
    "sex": ("sex", "gender", "sex m f"),
    "height": ("height", "height cm"),
    "weight": ("weight", "weight kg"),
    "bmi": ("bmi", "body mass index"),
    "heart_rate": ("heart rate", "hr", "pulse rate", "bpm"),
    "condition_skin_tone": ("skin tone", "fitzpatrick", "monk", "skin type", "monk skin tone", "fitzpatrick type"),
}
# fmt: on
"""Names of columns by what they are, folded to words of small letters; the first that fits wins."""

TEXT = (
    "person",
    "quantity",
    "unit",
    "estimator",
    "record",
    "session",
    "reading",
    "site",
    "sex",
    "reasons",
    "abstained",
)
"""What is read as words; `condition_<name>` too. The rest is numbers."""

FIGURES = ("reference", "estimate")


def is_text(role: str, binary: bool) -> bool:
    """Whether a column is read as words: yes and no too, where the quantity is one of them."""
    return role in TEXT or role == "device" or role.startswith("condition_") or (binary and role in FIGURES)


SHORT: dict[str, tuple[str, ...]] = {
    "glucose": ("glucose", "bg", "gluc", "glu"),
    "sbp": ("sbp", "sys", "systolic"),
    "dbp": ("dbp", "dia", "diastolic"),
    "map": ("map", "mean pressure"),
    "heart_rate": ("heart rate", "hr"),
    "respiratory_rate": ("respiratory rate", "rr", "resp rate", "resp"),
    "spo2": ("spo2",),
    "af": ("af", "afib", "atrial fibrillation"),
    "hypoglycemia": ("hypoglycemia", "hypoglycaemia", "hypo"),
}
"""How column names begin or end that hold a value of each quantity: `sbp_ref`, `predicted SBP`."""


def folded(name: str) -> tuple[str, str]:
    """The words of a column's name in small letters, and the unit it states.

    >>> folded("SBP_ref [mmHg]"), folded("glucose_mg_dl"), folded("Y.True")
    (('sbp ref', 'mmHg'), ('glucose', 'mg/dL'), ('y true', ''))
    """
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.strip())
    unit = ""
    if (found := re.search(r"[\[(]\s*([^\])]*?)\s*[\])]\s*$", text)) and found[1] and units.known(found[1]):
        unit, text = units.unit(found[1]), text[: found.start()]
    words = re.sub(r"[\s_.\-:/]+", " ", text.casefold()).strip()
    for ending in ("mg dl", "mmol l", "mgdl", "mmoll", "mmol", "mmhg", "kpa"):
        if not unit and words.endswith(f" {ending}"):
            unit, words = units.unit(ending.replace("mg dl", "mgdl").replace(" ", "_")), words[: -len(ending) - 1]
    return words, unit


def guess(names: Sequence[str], quantity: str, given: Mapping[str, str]) -> dict[str, int]:
    """Which column is what: role to number of the column.

    Parameters
    ----------
    names : sequence of str
        The header.
    quantity : str
        So that `sbp_ref` is a reference where pressure is asked for.
    given : mapping of str to str
        Role to name of the column, as the user says; `ignore` is no role. These win.

    Raises
    ------
    UsageError
        `usage` where a given column is not there or a role is unknown.
    InputError
        `shape` where reference or estimate cannot be found.
    """
    found = {role: _place(names, role, name) for role, name in given.items()}
    words = [folded(name)[0] for name in names]
    ours = [word in ("label age",) or word.startswith("control ") for word in words]
    for role, known in NAMES.items():
        if role in found or (role == quantity):
            continue
        if role == "estimator" and any(ours) and "estimator" not in words:
            continue  # rows of an evaluation: their device is the one that recorded
        for name in _with_quantity(role, known, quantity):
            free = [i for i, word in enumerate(words) if word == name and i not in found.values()]
            if free:
                found[role] = free[0]
                break
    for i, name in enumerate(names):
        if i not in found.values() and re.match(r"(control|condition)_\w+$", name):
            found[name] = i
    for i, word in enumerate(words):
        if word == "device" and i not in found.values():
            found["device"] = i
    for role in ("reference", "estimate"):
        if role not in found and not (role == "estimate" and "probability" in found):
            raise InputError(
                "shape",
                f"which column is the {role} is not clear: {', '.join(n[:30] for n in names[:12])}",
                fix=f"give --{role} NAME",
            )
    return found


def _with_quantity(role: str, known: Sequence[str], quantity: str) -> list[str]:
    """The names of a role, first with the quantity in front or behind: `sbp ref`, `ref sbp`."""
    if role not in ("reference", "estimate", "calibration", "probability"):
        return list(known)
    more = ("device", "wearable", "cuffless", "algorithm") if role == "estimate" else ()
    both = [form for q in SHORT.get(quantity, ()) for k in (*known, *more) for form in (f"{q} {k}", f"{k} {q}")]
    alone = list(SHORT.get(quantity, ())) if role == "reference" else []
    return [*both, *known, *alone]


def _place(names: Sequence[str], role: str, name: str) -> int:
    if role not in NAMES and not re.fullmatch(r"condition_\w+|control_\w+|device", role):
        raise UsageError("usage", f"no column is a {role[:40]!r}", fix=f"one of {', '.join(NAMES)}, condition_NAME")
    if name not in names:
        import difflib

        near = difflib.get_close_matches(name, names, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(n[:30] for n in names[:12])}"
        raise UsageError("usage", f"the table has no column {name[:40]!r}", where=role, fix=fix)
    return list(names).index(name)
