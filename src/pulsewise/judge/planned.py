"""An evaluation under a frozen plan: the look is recorded first, then judged, then what came of it is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pulsewise.core import config
from pulsewise.core.errors import ArtifactError
from pulsewise.data.split import Split
from pulsewise.data.store import Store
from pulsewise.judge import frozen, ledger
from pulsewise.judge.result import Result
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.recipe import Recipe


def planned(
    path: Path,
    bundles: Sequence[Bundle],
    store: Store,
    split: Split,
    recipe: Recipe,
    judge: Callable[[], Result],
    before: Result | None = None,
) -> Result:
    """The result of `judge`, with what it says of the plan.

    Parameters
    ----------
    path : Path
        The plan; its ledger lies beside it (`ledger.path_of`).
    judge : callable
        Makes the result; called after the look was recorded.
    before : Result, optional
        What the run was judged to be last time, if it was.

    Raises `artifact_invalid` where plan or ledger were changed, or where the ledger lost the look that `before` names.
    """
    plan = frozen.load(path)
    book = ledger.path_of(path)
    found = frozen.deviations(plan, recipe)
    known = {entry["hash"] for entry in ledger.read(book)}
    if before is not None and before.plan is not None and before.plan.hash == plan.hash:
        if before.plan.head not in known:
            raise ArtifactError(
                "artifact_invalid", "the ledger has lost a look that the run's result names", fix="restore it"
            )
    elif before is not None:
        found.append("The run had been judged before without this plan: at least one look is not in the ledger.")
    people = np.unique(store.column("person")[np.concatenate([fold.test for fold in split.folds])])
    whom = config.fingerprint(sorted(people.tolist()))
    look = {
        "event": "look",
        "plan": plan.hash,
        "people": whom,
        "tested": len(people),
        "store": store.fingerprint,
        "split": config.fingerprint(split.to_dict()),
        "bundles": [bundle.fingerprint for bundle in bundles],
    }
    _, earlier = ledger.append(book, look)
    same = [entry for entry in earlier if entry.get("event") == "look" and entry.get("people") == whom]
    if same and same[0]["plan"] != plan.hash:
        found.append("These people had been looked at under another plan.")
    if same and same[0]["utc"] < plan.frozen_at:
        found.append("The plan was frozen after a look at these people.")
    result = judge()
    line, _ = ledger.append(
        book, {"event": "result", "plan": plan.hash, "people": whom, "verdict": result.verdict.code}
    )
    return replace(result, plan=frozen.used(plan, result, len(same) + 1, found, line["hash"]))
