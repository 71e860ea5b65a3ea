"""The roles of a table's columns, with a header or without."""

from __future__ import annotations

import itertools
import math

from pulsewise.core.plugin import ReadOptions
from pulsewise.formats._cells import number
from pulsewise.formats._columns import Role, plan, unnamed
from pulsewise.formats._dialect import Dialect
from pulsewise.formats._stamps import looks_like_stamp


def roles_of(dialect: Dialect, options: ReadOptions) -> list[Role]:
    """What the columns are: by their names, or by their content where they have none."""
    if dialect.names:
        return plan(dialect.names, dialect.units, options)
    width = 1 if dialect.one_line else dialect.width
    return unnamed(width, options, timed=_first_is_time(dialect))


def _first_is_time(dialect: Dialect) -> bool:
    """Without a header: whether the first of several columns holds dates, or grows in even steps other than 1."""
    if dialect.width < 2 or dialect.one_line:
        return False
    first = [row[0] for row in dialect.probed if row]
    if all(looks_like_stamp(cell) for cell in first):
        return True
    values = [number(cell, dialect.decimal) for cell in first]
    steps = [b - a for a, b in itertools.pairwise(values)]
    if len(steps) < 2 or any(math.isnan(step) or step <= 0 for step in steps):
        return False
    middle = sorted(steps)[len(steps) // 2]
    return middle != 1 and sum(abs(step - middle) <= 0.45 * middle for step in steps) >= 0.9 * len(steps)
