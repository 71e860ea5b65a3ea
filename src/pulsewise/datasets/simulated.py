"""Simulated people with known truth, made on demand; nothing is downloaded or read from disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.plugin import DatasetInfo
from pulsewise.core.recording import Recording
from pulsewise.simulate.cohort import fingerprint, person, plan, record_name
from pulsewise.simulate.people import Plan
from pulsewise.simulate.presets import changed, preset_named

INFO = DatasetInfo(
    title="Simulated people",
    licence="made by this program; free of rights",
    source="pulsewise simulate",
    people="any number",
    signals="PPG, ECG, ABP, EDA, accelerometer, respiration, temperature",
    labels="SBP, DBP, glucose, heart rate, respiratory rate, rhythm",
)


@dataclass(frozen=True)
class Config:
    """Which simulated people. Zero and empty mean: as the preset says.

    Parameters
    ----------
    root : str, optional
        Not used; every dataset has it.
    preset : str
        A name of `pulsewise.simulate.PRESETS`.
    people, sessions, windows : int
        People, sessions per person, windows per session.
    duration_s : float
        Seconds per window.
    period_s : float
        Seconds from one window to the next; 0: without a pause.
    rate : float
        Hz of PPG, ECG and ABP.
    seed : int
    channels : tuple of str
    quantities : tuple of str
        References given.
    missing : float
        Up to this share of a session's windows does not take place.
    effects : mapping of str to float
        Effects that differ from the preset's, e.g. `{beta_w = 1.0, "confounders.heart_rate" = 0.5}`.
    """

    root: str | None = None
    preset: str = "null"
    people: int = 0
    sessions: int = 0
    windows: int = 0
    duration_s: float = 10.0
    period_s: float = 0.0
    rate: float = 0.0
    seed: int = 0
    channels: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()
    missing: float = 0.0
    effects: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Simulated:
    """A cohort whose recordings are made when they are read, person by person, in any process."""

    plan: Plan
    people: int

    def ids(self) -> list[str]:
        """Names of the recordings, one per session."""
        return [record_name(i, s) for i in range(self.people) for s in range(self.plan.sessions)]

    def read(self, recording_id: str) -> Recording:
        """One recording; the person it is of is made, nobody else. `not_found` for a name that is not in `ids`."""
        index, session = self._place(recording_id)
        return _person(self.plan, index)[session]

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of everything that decides this recording."""
        self._place(recording_id)
        return fingerprint(self.plan, recording_id)

    def _place(self, recording_id: str) -> tuple[int, int]:
        left, _, right = recording_id.partition("-")
        if left[:1] == "p" and right[:1] == "s" and left[1:].isdecimal() and right[1:].isdecimal():
            index, session = int(left[1:]), int(right[1:])
            inside = index < self.people and session < self.plan.sessions
            if inside and record_name(index, session) == recording_id:
                return index, session
        raise InputError("not_found", f"no recording {recording_id[:40]!r} in this cohort")


@lru_cache(maxsize=4)
def _person(plan: Plan, index: int) -> tuple[Recording, ...]:
    return tuple(person(plan, index)[0])


def build(config: Config) -> Simulated:
    """The cohort of a config; raises `unknown_name` or `config`."""
    if config.people < 0:
        raise UsageError("config", f"a cohort has at least one person, {config.people} came")
    made = plan(
        changed(preset_named(config.preset), config.effects),
        sessions=config.sessions or None,
        windows=config.windows or None,
        duration_s=config.duration_s,
        period_s=config.period_s or None,
        rate=config.rate or None,
        seed=config.seed,
        channels=config.channels or None,
        quantities=config.quantities or None,
        missing=config.missing,
    )
    return Simulated(made, config.people or made.preset.people)
