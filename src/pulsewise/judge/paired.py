"""Two estimators on the same rows: how much one errs more than the other, with an interval over people."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.judge.number import Number
from pulsewise.judge.pairs import Pairs
from pulsewise.judge.parts import PAIRED, Paired
from pulsewise.judge.rows import Columns, columns_of
from pulsewise.judge.tally import Tally
from pulsewise.judge.verdict import FEWEST_PEOPLE

KEYS = ("person", "session", "record", "window", "start")
"""What tells rows apart, where both tables have it."""


def match(first: Pairs, second: Pairs) -> tuple[Pairs, tuple[str, str]]:
    """Two tables as one with two estimators, only rows that are in both; and the names of the two.

    Rows belong together where person and time (session, recording, window) are equal, where the tables say so; else by
    their place in the table.

    Raises `shape` where rows of one table cannot be told apart or none is in both, `label` where the references of
    rows that belong together differ.
    """
    names = (first.name, second.name) if first.name != second.name else ("A", "B")
    if "estimator" in first.rows.column_names or "estimator" in second.rows.column_names:
        raise InputError(
            "shape", "each table of a pair holds one estimator", fix="one table with several needs no pair"
        )
    left, right = columns_of(first.rows), columns_of(second.rows)
    both = [k for k in KEYS if k in first.rows.column_names and k in second.rows.column_names]
    by = both if {"record", "window", "start"} & set(both) else ["row"]
    one, other = _codes(left, right, by)
    if len(np.unique(one)) < len(one) or len(np.unique(other)) < len(other):
        raise InputError(
            "shape", f"rows have the same {', '.join(by)} and cannot be told apart", fix="name their --time"
        )
    _, at, to = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    if not len(at):
        raise InputError("shape", f"no row is in both tables (by {', '.join(by)})")
    differ = ~np.isclose(_float(left, "reference")[at], _float(right, "reference")[to], rtol=1e-6, atol=1e-9)
    if "person" in both:
        differ |= left["person"][at] != right["person"][to]
    if differ.any():
        row = int(left["row"][at][differ][0])
        raise InputError("label", f"{int(differ.sum())} rows that belong together have other references or people",
                         where=f"first at row {row}", fix="the two tables must be of the same readings")  # fmt: skip
    lost = (len(one) - len(at), len(other) - len(to))
    said = [f"Rows were matched by {', '.join(by)}; {lost[0]} of {names[0]} and {lost[1]} of {names[1]} have no match."]
    notes = [*first.notes, *(n for n in second.notes if n not in first.notes), *said]
    parts = zip((first, second), (np.sort(at), to[np.argsort(at)]), names, strict=True)
    tables = [_only(pairs.rows, rows, name) for pairs, rows, name in parts]
    rows = pa.concat_tables(tables, promote_options="default").combine_chunks()
    return dataclasses.replace(first, name=" and ".join(names), rows=rows, notes=tuple(notes)), names


def _only(table: pa.Table, rows: NDArray[np.int64], name: str) -> pa.Table:
    taken = table.take(pa.array(rows))
    for i, field in enumerate(taken.schema):
        if pa.types.is_dictionary(field.type):
            taken = taken.set_column(i, field.name, taken.column(i).cast(pa.string()))
    return taken.append_column(
        "estimator", pa.array([name] * len(rows), pa.string()).dictionary_encode().cast(pa.string())
    )


def _codes(left: Columns, right: Columns, names: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number per row of each table, equal where all the named columns are."""
    total = len(left["reference"])
    code = np.zeros(total + len(right["reference"]), dtype=np.int64)
    for name in names:
        values = np.concatenate([left[name], right[name]])
        one = np.unique(values, return_inverse=True)[1]
        code = np.unique(code * (int(one.max(initial=0)) + 1) + one, return_inverse=True)[1]
    return code[:total], code[total:]


def _float(columns: Columns, name: str) -> NDArray[np.float64]:
    return np.asarray(columns[name], dtype=np.float64)


def paired(
    rows: pa.Table,
    names: tuple[str, str],
    quantity: str,
    unit: str,
    *,
    margin: float | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Paired:
    """The difference of two estimators on the rows of `match`."""
    columns = columns_of(rows)
    mine = [columns["estimator"] == name for name in names]
    person, reference = columns["person"][mine[0]].astype(str), _float(columns, "reference")[mine[0]]
    estimates = [_float(columns, "estimate")[ours] for ours in mine]
    answered = [np.isfinite(e) & np.isfinite(reference) for e in estimates]
    both = answered[0] & answered[1]
    tally = Tally(person[both])
    errors = [np.abs(e - reference)[both] for e in estimates]
    for name, estimate in zip("ab", estimates, strict=True):
        tally.add(name, person[both], reference[both], estimate[both])
    closer = (errors[0] < errors[1]) + 0.5 * (errors[0] == errors[1])
    tally.add("closer", person[both], np.zeros(len(closer)), closer)
    tally.resample(resamples, seed=seed, level=level)
    difference = tally.difference("a", "b")
    code = _code(difference, margin)
    words = {"first": names[0], "second": names[1], "unit": unit, "margin": "" if margin is None else f"{margin:g}"}
    return Paired(
        names[0], names[1], quantity, unit, code, PAIRED[code].format(**words), int(both.sum()), tally.people("a"),
        int((answered[0] & ~both).sum()), int((answered[1] & ~both).sum()), int((~answered[0] & ~answered[1]).sum()),
        (tally.number("a", "mae"), tally.number("b", "mae")), difference, tally.difference("a", "b", "rmse"),
        tally.skill("a", "b"), tally.number("closer", "bias"), margin,
    )  # fmt: skip


def _code(difference: Number, margin: float | None) -> str:
    if difference.value is None:
        return "no_rows"
    if difference.reason == "people_unknown":
        return "people_unknown"
    if difference.people < FEWEST_PEOPLE or difference.low is None or difference.high is None:
        return "too_few_people"
    if difference.high < 0:
        return "better"
    if margin is not None and difference.high < margin:
        return "non_inferior"
    if margin is not None and difference.low >= margin:
        return "inferior"
    return "worse" if difference.low > 0 else "inconclusive"
