"""Set a published figure beside what a predictor without skill would print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pulsewise.core.errors import UsageError

if TYPE_CHECKING:
    from pulsewise.clinical.detection import Confusion

PANEL = "Use"


def check_claim(
    quantity: Annotated[str, typer.Option("--quantity", help="glucose, sbp, dbp, map, heart_rate, …")] = "",
    r: Annotated[float | None, typer.Option("--r", help="Published correlation with the reference.")] = None,
    rmse: Annotated[float | None, typer.Option("--rmse", help="Published RMSE, in the quantity's unit.")] = None,
    mae: Annotated[float | None, typer.Option("--mae", help="Published mean absolute error.")] = None,
    mard: Annotated[float | None, typer.Option("--mard", help="Published MARD in percent (glucose).")] = None,
    sd: Annotated[float | None, typer.Option("--sd", help="SD of the reference values.")] = None,
    mean: Annotated[float | None, typer.Option("--mean", help="Mean of the reference values.")] = None,
    zone_ab: Annotated[float | None, typer.Option("--zone-ab", help="Percent in zones A and B of Clarke.")] = None,
    zone_a: Annotated[float | None, typer.Option("--zone-a", help="Percent in zone A of Clarke.")] = None,
    confusion: Annotated[str, typer.Option("--confusion", help="A 2 x 2 table: TN,FP,FN,TP.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON with a schema_version.")] = False,
) -> None:
    """Say what published figures are worth, from the numbers alone.

    Examples: pulsewise check-claim --quantity sbp --r 0.498 --rmse 12.5 --sd 13.64;
    pulsewise check-claim --confusion 4273,44,96,150
    """
    from pulsewise.cli import _output
    from pulsewise.judge import check_claim as judge

    if confusion:
        found = judge.check_confusion(_table(confusion), quantity or "hypoglycemia")
    elif quantity:
        figures = {"r": r, "rmse": rmse, "mae": mae, "mard": mard, "sd": sd, "mean": mean}
        found = judge.check_claim(quantity, **figures, zone_ab=zone_ab, zone_a=zone_a)
    else:
        raise UsageError("usage", "nothing to check", fix="give --quantity with figures, or --confusion TN,FP,FN,TP")
    if json:
        data = found.to_dict()
        data.pop("schema_version")
        _output.emit("check-claim", data)
        return
    print(f"{found.verdict}\n")
    rows = [{"figure": x.name, "claimed": x.claimed, "without skill": x.without_skill, "unit": x.unit,
             "what has no skill": x.how} for x in found.lines]  # fmt: skip
    _output.table(rows, ("figure", "claimed", "without skill", "unit", "what has no skill"))
    for text in found.findings:
        print(f"\n{text}")
    print("\nNot known from these numbers:")
    for text in found.unknown:
        print(f"- {text}")


def _table(text: str) -> Confusion:
    from pulsewise.clinical.detection import Confusion

    try:
        tn, fp, fn, tp = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError("usage", f"four counts are needed, {text[:60]!r} came", where="--confusion",
                         fix="e.g. --confusion 4273,44,96,150 (TN,FP,FN,TP)") from None  # fmt: skip
    return Confusion(tn, fp, fn, tp)
