"""What an audit says: findings, each with what was expected, what came, where, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from pulsewise.core.config import fill
from pulsewise.core.errors import ArtifactError, GateError, PulsewiseError

SCHEMA_VERSION = 1

SEVERITIES: dict[str, str] = {
    "leak": "the test side knows, or may know, what it is asked",
    "warning": "figures can look better than they are; say so, or mend it",
    "note": "worth knowing when figures are read",
}
"""How bad a finding is, worst first."""

CHECKS: dict[str, str] = {
    "sides": "a person, day, recording or window on both sides of the split",
    "overlap": "windows that share samples",
    "duplicates": "the same waveform twice, also under different people",
    "labels": "one label spread over many windows",
    "scaling": "scaling fitted on test rows",
    "training": "a bundle that was trained on other rows than those of its fold",
    "person": "the person predictable from the signal",
    "device": "the label carried by the device",
    "site": "the label carried by the site",
    "hour": "the label carried by the time of day",
    "order": "the label carried by the order of the file",
    "answers": "estimates that repeat the reference",
}
"""Every check, and what it looks for."""


@dataclass(frozen=True)
class Finding:
    """One thing an audit found.

    Parameters
    ----------
    check : str
        A key of `CHECKS`.
    severity : str
        A key of `SEVERITIES`.
    expected, came : str
        What should be, and what is.
    where : str
        Folds, columns, rows; never a path or a person's name.
    fix : str
        What to do.
    count, of : int
        How many (rows, pairs, people), and out of how many.
    """

    check: str
    severity: str
    expected: str
    came: str
    where: str = ""
    fix: str = ""
    count: int = 0
    of: int = 0

    def __post_init__(self) -> None:
        if self.check not in CHECKS or self.severity not in SEVERITIES:
            raise ValueError(f"unknown check {self.check!r} or severity {self.severity!r}")


@dataclass(frozen=True)
class Audit:
    """What was looked for, what was found, and what could not be looked for and why.

    Parameters
    ----------
    kind : str
        `store`, `split` (a store with a split), `run` (with bundles too) or `pairs`.
    windows, people : int
        How many were looked at; `people` is 0 where unknown.
    findings : tuple of Finding
        Worst first.
    looked : tuple of str
        Checks that were made, keys of `CHECKS`.
    skipped : dict of str to str
        Checks that could not be made, and why.
    store, split : str
        Fingerprints of what was audited; empty where there is none.
    """

    kind: str
    windows: int
    people: int
    findings: tuple[Finding, ...] = ()
    looked: tuple[str, ...] = ()
    skipped: dict[str, str] | None = None
    store: str = ""
    split: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """The findings that make figures invalid."""
        return tuple(finding for finding in self.findings if finding.severity == "leak")

    @property
    def verdict(self) -> str:
        """One sentence.

        >>> Audit("store", 10, 2, looked=("overlap",)).verdict
        'No leak was found in 10 windows of 2 people by 1 of 12 checks.'
        """
        what = "pairs" if self.kind == "pairs" else "windows"
        people = f" of {self.people} people" if self.people else ", whose people are unknown"
        made = f"{len(self.looked)} of {len(CHECKS)} checks"
        warnings = sum(finding.severity == "warning" for finding in self.findings)
        more = f"; {warnings} warning{'s' * (warnings != 1)}" if warnings else ""
        if self.leaks:
            found = f"{len(self.leaks)} leak{'s' * (len(self.leaks) != 1)} found"
            return f"{found} in {self.windows:,} {what}{people} by {made}{more}."
        return f"No leak was found in {self.windows:,} {what}{people} by {made}{more}."

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "verdict": self.verdict}


def gathered(audit: Audit, findings: Iterable[Finding]) -> Audit:
    """The audit with these findings, worst first and otherwise in the order of `CHECKS`."""
    severities, checks = list(SEVERITIES), list(CHECKS)
    ordered = sorted(findings, key=lambda f: (severities.index(f.severity), checks.index(f.check)))
    return replace(audit, findings=tuple(ordered))


def refuse(audit: Audit, *, leaky: bool = False) -> None:
    """Raise `leakage_detected` (exit 5) where a leak was found, naming the first.

    `leaky`: the split may leak, and says so; then only a bundle that was trained on other rows is refused.
    """
    leaks = [finding for finding in audit.leaks if not leaky or finding.check == "training"]
    if leaks:
        first = leaks[0]
        more = f", and {len(leaks) - 1} more" if len(leaks) > 1 else ""
        raise GateError("leakage_detected", f"{first.came}{more}", where=first.where, fix=first.fix)


def from_json(text: str) -> Audit:
    """An audit as `Audit.to_dict` wrote it; `artifact_invalid` or `artifact_version` where it is none."""
    try:
        data = json.loads(text)
        if not isinstance(data, dict) or not isinstance(data["schema_version"], int):
            raise TypeError("no table")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtifactError("artifact_invalid", f"this is no audit: {type(error).__name__}") from error
    if data["schema_version"] > SCHEMA_VERSION:
        raise ArtifactError(
            "artifact_version",
            f"the audit has schema {data['schema_version']}, this version reads up to {SCHEMA_VERSION}",
            fix="pip install --upgrade pulsewise",
        )
    data.pop("verdict", None)
    try:
        return fill(Audit, data, where="audit")
    except (PulsewiseError, ValueError) as error:
        raise ArtifactError("artifact_invalid", f"this is no audit: {error}") from error
