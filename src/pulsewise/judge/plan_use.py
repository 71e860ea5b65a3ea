"""What a result says of the plan it was made under."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlanUse:
    """What a result says of the plan it was made under.

    Parameters
    ----------
    hash, frozen_at, question : str
        Of the plan.
    people_needed, pairs_needed, people, pairs : int
        Planned, and judged (the fewest of any quantity).
    look : int
        How often these test people had been looked at, this time included, as far as the ledger goes.
    deviations : tuple of str
        Where the evaluation is not the one that was planned, in sentences.
    success : float, optional
        What was asked of the skill's lower bound; `met` whether it was reached, None where nothing was asked or
        nothing can be said.
    head : str
        Hash of the ledger's last line.
    """

    hash: str
    frozen_at: str
    question: str
    people_needed: int
    pairs_needed: int
    people: int
    pairs: int
    look: int
    deviations: tuple[str, ...] = ()
    success: float | None = None
    met: bool | None = None
    head: str = ""
