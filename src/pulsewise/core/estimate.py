"""The word that travels last: an estimate with its interval, or the reasons for having none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pulsewise.core.errors import InputError

REASONS: dict[str, str] = {
    "flat": "the signal does not change",
    "saturated": "the signal is clipped at the rails of the converter",
    "no_contact": "the sensor is not on the skin",
    "noise": "no pulse stands out from the noise",
    "motion": "motion hides the pulse",
    "ambient_light": "mains hum or ambient light dominates",
    "too_short": "the recording is shorter than one window",
    "gap": "samples are missing in the window",
    "wrong_modality": "the signal is not of the kind the model was made for",
    "low_quality": "signal quality is below the model's threshold",
    "few_beats": "too few beats were found",
    "edge": "the beat is too near the start or end of the recording",
    "template": "the beat does not look like the recording's other beats",
    "outside_domain": "the recording differs from what the model was trained on",
    "other_device": "the device is none of those the model was trained on",
    "other_site": "the site is none of those the model was trained on",
    "person_unknown": "what the model is given of the person (age, sex, build) is not known: --about states it",
    "other_age": "the person is younger or older than anybody the model was trained on",
    "other_person": "the bundle was personalised for somebody else",
    "untrained": "the model was never trained",
    "not_sinus": "the heart is not in sinus rhythm, of which this quantity is defined",
    "unavailable": "this quantity is not measured from such a signal",
    "no_interval": "too few people to state an interval",
    "no_number": "the table holds no number",
    "impossible_value": "the number is beyond what is possible",
}
"""Why there is no number: stable codes and what they mean."""


@dataclass(frozen=True)
class Estimate:
    """One quantity over one stretch of time: a value with an interval, or an abstention with reasons.

    Parameters
    ----------
    quantity, unit : str
        E.g. `glucose`, `mg/dL`.
    start, end : float
        Seconds from the start of the recording.
    value : float, optional
        None where it abstains.
    low, high : float, optional
        Interval of nominal coverage `level`; None where no interval can be stated.
    quality : float
        0 to 1, of the signal.
    reasons : tuple of str
        Keys of `REASONS`; not empty exactly where `value` is None.
    """

    quantity: str
    unit: str
    start: float
    end: float
    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.9
    quality: float = float("nan")
    reasons: tuple[str, ...] = ()
    beat_index: int = -1
    window: int = -1

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.reasons):
            raise InputError("shape", "an estimate has either a value or reasons for having none", where=self.quantity)
        unknown = set(self.reasons) - set(REASONS)
        if unknown:
            raise ValueError(f"unknown reason codes {sorted(unknown)}; add them to pulsewise.core.estimate.REASONS")

    @property
    def abstained(self) -> bool:
        """Whether there is no number."""
        return self.value is None

    def to_dict(self) -> dict[str, Any]:
        """`{"value", "low", "high", "unit"}` or `{"abstained": [...]}`, ready for JSON.

        >>> Estimate("glucose", "mg/dL", 0, 10, None, reasons=("flat",)).to_dict()
        {'abstained': ['flat']}
        """
        if self.value is None:
            return {"abstained": list(self.reasons)}
        return {"value": self.value, "low": self.low, "high": self.high, "unit": self.unit}
