"""Look for leaks: in a store, a split of it, a run, or anyone's table of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsewise.cli._options import Json

if TYPE_CHECKING:
    from pulsewise.judge.finding import Audit

PANEL = "Models"


def audit(
    what: Annotated[
        Path,
        typer.Argument(metavar="STORE|SPLIT|RUN|PAIRS", help="A store, the JSON of a split, a run folder, or a table."),
    ],
    store: Annotated[
        Path | None, typer.Option("--store", metavar="DIR", help="The store a split is of [store beside it].")
    ] = None,
    split: Annotated[
        Path | None, typer.Option("--split", metavar="JSON", help="A split of the store to look at too.")
    ] = None,
    quantity: Annotated[str, typer.Option("--quantity", help="Of a table of pairs: glucose, sbp, dbp, …")] = "",
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="NAME=ROLE", help="What a column of a table is; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Look for leaks: people, moments or waveforms on both sides, labels carried by something else than the signal.

    Each finding says what was expected, what came, where, and what to do. Exit 5 where a leak was found; warnings and
    notes do not change the exit status.

    Examples: pulsewise audit runs/demo/store; pulsewise audit split.json --store runs/demo/store;
    pulsewise audit pairs.csv --quantity sbp
    """
    from pulsewise.cli import _output
    from pulsewise.judge.finding import refuse

    table = what.is_file() and what.suffix.lower() != ".json"
    made = _pairs(what, quantity, column or ()) if table else _audited(what, store, split)
    if json:
        _output.emit("audit", made.to_dict())
    else:
        show(made)
    refuse(made)


def _pairs(what: Path, quantity: str, column: Sequence[str]) -> Audit:
    from pulsewise.cli.compare import roles
    from pulsewise.core.errors import UsageError
    from pulsewise.judge.audit_pairs import audit_pairs
    from pulsewise.judge.pairs import TASKS, read_pairs

    if not quantity:
        raise UsageError("usage", "a table of pairs needs --quantity", fix=f"one of {', '.join(TASKS)}")
    return audit_pairs(read_pairs(what, quantity, given=roles(column)).rows, quantity)


def _audited(what: Path, store: Path | None, split: Path | None) -> Audit:
    from pulsewise.cli._run import read_json
    from pulsewise.core.errors import InputError
    from pulsewise.data.split import from_dict
    from pulsewise.data.store import HEADER, Store
    from pulsewise.judge.audit import audit as look
    from pulsewise.judge.audit import with_bundles
    from pulsewise.judge.audit_bundle import of_bundles
    from pulsewise.learn.bundle import Bundle

    if not what.exists():
        raise InputError("not_found", f"no file or folder {what.name!r}", fix="name a store, a split or a run")
    if what.is_dir() and not (what / HEADER).is_file() and (what / "store" / HEADER).is_file():
        store, split = what / "store", what / "split.json" if (what / "split.json").is_file() else None
    elif what.is_file():
        store, split = store or what.parent / "store", what
    else:
        store = what
    opened = Store(store)
    made = from_dict(read_json(split)) if split else None
    found = look(opened, made)
    bundles = [what / "folds" / str(k) / "bundle" for k in range(len(made.folds))] if made and what.is_dir() else []
    if made is None or not bundles or not all((folder / "bundle.json").is_file() for folder in bundles):
        return found
    return with_bundles(found, *of_bundles([Bundle.load(folder) for folder in bundles], opened, made))


def show(made: Audit) -> None:
    """Print the verdict, a table of findings, and what could not be looked for."""
    from pulsewise.cli import _output

    _output.prose(made.verdict)
    if made.findings:
        rows = [
            {"severity": f.severity, "check": f.check, "came": f.came, "where": f.where, "what to do": f.fix}
            for f in made.findings
        ]
        _output.table(rows, list(rows[0]))
    for name, why in (made.skipped or {}).items():
        _output.prose(f"Not looked for: {name} ({why}).")
