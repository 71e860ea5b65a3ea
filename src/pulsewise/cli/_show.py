"""How results and plans of runs are printed, and gates on their figures."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pulsewise.cli import _output
from pulsewise.core.errors import GateError, UsageError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from pulsewise.cli._run import Run
    from pulsewise.judge.parts import Paired
    from pulsewise.judge.result import Number, QuantityResult, Result

GATES = ("skill", "skill_low")
"""What --fail-under can be asked for: the lower end of the interval of the skill, the smallest over every deciding
no-skill predictor and quantity. Both names mean this."""


def verdict(result: Result) -> None:
    """Print the verdict, its stamps, and for each quantity the model beside what has no skill."""
    from pulsewise.judge.result import STAMPS

    for stamp in result.stamps:
        _output.prose(STAMPS.get(stamp, stamp))
    _output.prose(f"{result.verdict.headline}.")
    if result.verdict.sentence:
        _output.prose(result.verdict.sentence)
    for part in result.quantities:
        scores = part.view("readings")
        title = f"{part.title}{', ' if part.unit else ''}{part.unit}: {scores.n} readings of {scores.people} people"
        rows = list(_rows(scores.numbers, part))
        columns = [name for name in rows[0] if not (part.detection and name == "sqrt of wrong")]
        _output.table(rows, (*columns, "skill"), title=title)
        without = [control.title for control in part.controls if not control.mae.n]
        if without:
            _output.prose(f"Not possible on these data: {', '.join(without)}.")
    _output.prose("skill: how much smaller the model's error is than this predictor's; intervals are over people.\n")


def paired(found: Paired) -> None:
    """Print two estimators beside each other."""
    _output.prose(f"{found.headline}.")
    names = (found.first, found.second)
    rows: list[Mapping[str, Any]] = [
        {"figure": f"MAE of {name}, {found.unit}", "value": interval(mae)}
        for name, mae in zip(names, found.mae, strict=True)
    ]
    rows += [
        {"figure": "difference of the MAE", "value": interval(found.difference, digits=2)},
        {"figure": "difference of the RMSE", "value": interval(found.difference_rmse, digits=2)},
        {"figure": f"{found.first} is closer on", "value": interval(found.closer, 100, " %", digits=0)},
        {"figure": "rows both answer", "value": f"{found.rows} of {found.people} people"},
        {"figure": "rows only one answers", "value": f"{found.first_only} and {found.second_only}"},
    ]
    _output.table(rows, ("figure", "value"))
    print()


def _rows(numbers: Mapping[str, Number], part: QuantityResult) -> Iterator[Mapping[str, Any]]:
    share = (100, " %") if part.detection else (1, "")
    names = ("balanced error", "sqrt of wrong") if part.detection else ("mae", "rmse")
    yield {
        "predictor": "the model",
        **{n: interval(numbers[k], *share) for n, k in zip(names, ("mae", "rmse"), strict=True)},
    }
    for control in part.controls:
        if control.mae.n:
            yield {
                "predictor": control.title + (" (oracle)" if control.needs == "oracle" else ""),
                names[0]: interval(control.mae, *share),
                names[1]: interval(control.rmse, *share),
                "skill": interval(control.skill, 100, " %", digits=0),
            }


def interval(number: Number, scale: float = 1.0, unit: str = "", digits: int = 1) -> str:
    """A figure with its interval over people, as text; why there is none where there is none.

    >>> from pulsewise.judge.result import Number
    >>> interval(Number(12.345, 10.0, 15.0)), interval(Number(None, reason="one_person"))
    ('12.3 (10.0 to 15.0)', 'one person')
    """
    if number.value is None:
        return number.reason.replace("_", " ")
    text = f"{scale * number.value:.{digits}f}{unit}"
    if number.low is None or number.high is None:
        return text
    return f"{text} ({scale * number.low:.{digits}f} to {scale * number.high:.{digits}f})"


def plan(run: Run, until: str, *, json: bool) -> None:
    """Print what a run would do and write."""
    from pulsewise.cli._stages import STAGES

    stages = list(STAGES)
    stages = stages[: stages.index(until) + 1] if until in stages else stages
    ids = run.dataset.ids()
    about = {
        "recipe": run.recipe.name,
        "folder": run.folder.as_posix(),
        "there_already": run.folder.exists(),
        "recordings": len(ids),
        "stages": stages,
    }
    if json:
        _output.emit("run", {**about, "written": False})
    else:
        _output.facts({**about, "written": "nothing (dry run)"})


def gate(text: str) -> tuple[str, float]:
    """`skill=0.05` as a name and a bound; `usage` where it is not of that form."""
    name, _, bound = text.partition("=")
    try:
        value = float(bound)
    except ValueError:
        value = float("nan")
    if name not in GATES or value != value:
        raise UsageError("usage", f"--fail-under wants {' or '.join(GATES)}=NUMBER, {text[:40]!r} came")
    return name, value


def check_gates(result: Result, gates: Sequence[tuple[str, float]]) -> None:
    """Raise `gate` where a figure is below its bound, or cannot be computed."""
    from pulsewise.judge.number import REASONS

    for name, bound in gates:
        deciding = [c.skill for part in result.quantities for c in part.controls if c.decisive]
        known = [skill.low for skill in deciding if skill.low is not None]
        if not known:
            reasons = sorted({REASONS[skill.reason] for skill in deciding if skill.reason})
            why = f": {'; '.join(reasons)}" if reasons else ": there is no predictor without skill on these rows"
            raise GateError("gate", f"the {name} has no lower bound{why}", where="--fail-under")
        if min(known) < bound:
            what = f"the lower bound of the skill is {min(known):.3f}, at least {bound:g} was asked for"
            raise GateError("gate", what, where="--fail-under")


@contextmanager
def cluster(address: str) -> Iterator[Executor | None]:
    """An executor on the Dask cluster at an address; None without one."""
    if not address:
        yield None
        return
    from pulsewise.core.errors import SetupError
    from pulsewise.core.registry import needs

    try:
        distributed: Any = import_module("distributed")
    except ModuleNotFoundError:
        raise needs("distributed", "--scheduler") from None
    try:
        client = distributed.Client(address, timeout="10s")
    except (OSError, TimeoutError, ValueError) as error:
        raise SetupError(
            "environment", "the Dask scheduler does not answer", where="--scheduler", fix="e.g. tcp://127.0.0.1:8786"
        ) from error
    with client:
        yield client.get_executor()


PREDICTED = ("file", "recording", "quantity", "unit", "mean", "sd", "min", "max", "low", "high", "windows", "used")


def predictions(rows: Sequence[Mapping[str, Any]], *, title: str = "") -> None:
    """Print a row per recording and quantity; columns that say nothing are left out."""
    shown = [{**row, "abstained": reasons(row.get("abstained"))} for row in rows]
    columns = list(PREDICTED)
    columns += [name for name in ("quality", "abstained", "error") if any(row.get(name) for row in shown)]
    if len({row["file"] for row in rows}) == 1 and len({row.get("recording") for row in rows}) == 1:
        columns.remove("recording")
        if _output.decorated(sys.stdout):
            columns.remove("file")
    _output.table(shown, columns, title=title)


def reasons(counts: Mapping[str, int] | None) -> str:
    """Reasons for abstaining with their counts, as text.

    >>> reasons({"flat": 2, "motion": 1})
    '2 flat, 1 motion'
    """
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in (counts or {}).items())
