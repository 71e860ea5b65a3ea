"""Cohorts: recordings of simulated people, the truth beside them, and a card that says what can be expected.

One recording is one session. Its windows follow each other without a pause (or, with `period_s`, with missing signal
between them); window k of a session starts at k times the period, and its references stand at its middle.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pulsewise.core.config import to_table
from pulsewise.core.errors import UsageError
from pulsewise.core.limits import check_rate
from pulsewise.core.recording import Provenance, Recording, Signal
from pulsewise.simulate import faults, pressure
from pulsewise.simulate.people import Latents, Plan, latents
from pulsewise.simulate.presets import PRESETS, Preset, attenuated, preset_named, reachable
from pulsewise.simulate.references import GIVEN, references
from pulsewise.simulate.streams import stream
from pulsewise.simulate.truth import beats_table, heart_rates, no_beats, record_name, truth_table
from pulsewise.simulate.waves import RATES, UNITS, Heart, heart, wave

VERSION = 4
"""Raised whenever the same seed gives other people."""
FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Cohort:
    """Simulated people.

    Parameters
    ----------
    recordings : list of Recording
        One per session, in order of people and sessions, all stamped synthetic.
    truth : pyarrow.Table
        One row per window with every latent value; its columns are `truth.COLUMNS`.
    beats : pyarrow.Table
        One row per beat: record, seconds of the R peak, of the foot and of the systolic peak of the pulse, ectopic.
    card : dict
        Parameters and expected values, ready for JSON.
    """

    recordings: list[Recording]
    truth: pa.Table
    beats: pa.Table
    card: dict[str, Any]


def plan(
    preset: str | Preset,
    *,
    sessions: int | None = None,
    windows: int | None = None,
    duration_s: float = 10.0,
    period_s: float | None = None,
    rate: float | None = None,
    seed: int = 0,
    channels: tuple[str, ...] | None = None,
    quantities: tuple[str, ...] | None = None,
    missing: float = 0.0,
) -> Plan:
    """Everything that decides what a person is, checked; sizes left out are those of the preset."""
    chosen = preset_named(preset) if isinstance(preset, str) else preset
    made = Plan(
        preset=chosen,
        seed=seed,
        sessions=chosen.sessions if sessions is None else sessions,
        windows=chosen.windows if windows is None else windows,
        duration_s=duration_s,
        period_s=duration_s if period_s is None else period_s,
        rate=check_rate(chosen.rate if rate is None else rate),
        channels=tuple(chosen.channels if channels is None else channels),
        quantities=tuple(chosen.quantities if quantities is None else quantities),
        missing=missing,
    )
    unknown = [c for c in made.channels if c not in UNITS]
    if unknown or not made.channels:
        raise UsageError("config", f"no channel {', '.join(unknown) or 'at all'}", fix=f"known: {', '.join(UNITS)}")
    unknown = [q for q in made.quantities if q not in GIVEN]
    if unknown:
        raise UsageError("config", f"no reference of {', '.join(unknown)}", fix=f"known: {', '.join(GIVEN)}")
    if min(made.sessions, made.windows) < 1 or duration_s < 2 or made.period_s < duration_s or not 0 <= missing < 1:
        raise UsageError("config", "a cohort needs sessions and windows >= 1, windows of >= 2 s, a period no shorter")
    if seed < 0:
        raise UsageError("config", f"a seed is 0 or more, {seed} came")
    return made


def cohort(preset: str | Preset, *, people: int | None = None, waveforms: bool = True, **size: Any) -> Cohort:
    """A cohort of simulated people with known truth.

    Parameters
    ----------
    preset : str or Preset
        A name of `PRESETS`, or a preset of one's own (`dataclasses.replace` of one of them).
    people : int, optional
    waveforms : bool
        False: references and truth only, no signals and no beats, about thirty times faster; for tests of metrics.
    size
        As for `plan`: `sessions`, `windows`, `duration_s`, `period_s`, `rate`, `seed`, `channels`, `quantities`,
        `missing`.

    Raises `unknown_name`, `config`, `sampling_rate`.

    Examples
    --------
    >>> made = cohort("track_strong", people=2, sessions=1, windows=3, seed=7)
    >>> len(made.recordings), made.truth.num_rows, made.recordings[0].synthetic
    (2, 6, True)
    >>> round(made.card["expected"]["within_person_r"], 3)
    0.949
    """
    made = plan(preset, **size)
    count = made.preset.people if people is None else people
    if count < 1:
        raise UsageError("config", f"a cohort has at least one person, {count} came")
    parts = [person(made, index, waveforms=waveforms) for index in range(count)]
    return Cohort(
        recordings=[recording for part in parts for recording in part[0]],
        truth=pa.concat_tables([part[1] for part in parts]),
        beats=pa.concat_tables([part[2] for part in parts]),
        card=card(made, preset if isinstance(preset, str) else "own", count),
    )


def person(made: Plan, index: int, *, waveforms: bool = True) -> tuple[list[Recording], pa.Table, pa.Table]:
    """Recordings, truth and beats of one person, without making anybody else."""
    who = latents(made, index)
    window_faults, recording_faults = faults.drawn(made, index)
    recordings, beat_tables = [], []
    rates = np.full((made.sessions, made.windows), np.nan)
    for session in range(made.sessions):
        kept = int(who.kept[session])
        signals: list[Signal] = []
        if waveforms:
            it = heart(made, who, session, kept * made.duration_s)
            rates[session, :kept] = heart_rates(made, it, kept)
            signals = _signals(made, who, session, it)
            beat_tables.append(beats_table(made, who, session, it))
        recording = _record(made, who, session, signals, rates[session])
        fault = str(recording_faults[session])
        recordings.append(_faulty(made, who, session, recording, window_faults[session], fault))
    truth = truth_table(made, who, rates, window_faults, recording_faults)
    return recordings, truth, pa.concat_tables(beat_tables) if beat_tables else no_beats()


def _signals(made: Plan, who: Latents, session: int, it: Heart) -> list[Signal]:
    length = (who.kept[session] - 1) * made.period_s + made.duration_s
    signals = []
    for kind in made.channels:
        rate = min(RATES.get(kind, made.rate), made.rate)
        times = np.arange(int(np.floor(length * rate + 1e-9))) / rate
        window = np.floor(times / made.period_s + 1e-9)
        offset = times - window * made.period_s
        valid = offset < made.duration_s - 1e-9
        values = wave(made, who, session, kind, it, (window * made.duration_s + offset)[valid])
        for k, one in enumerate(values):
            samples = np.zeros(len(times), dtype=np.float32)
            samples[valid] = one
            name = kind if len(values) == 1 else f"{kind}_{'xyz'[k]}"
            signals.append(Signal(name, kind, UNITS[kind], rate, samples, valid, rate_source="dataset"))
    return signals


def _record(made: Plan, who: Latents, session: int, signals: list[Signal], rates: NDArray[np.float64]) -> Recording:
    p, s = who.person, who.session
    start = FIRST_DAY + timedelta(days=int(s["day"][session]), seconds=round(float(s["hour"][session]) * 3600))
    conditions = {"health": "diabetes" if p["diabetic"] else "healthy", "part": p["part"]}
    if s["meal"][session]:
        conditions["meal"] = str(s["meal"][session])
    name = record_name(who.index, session)
    return Recording(
        id=name,
        signals=tuple(signals),
        person=p["person"],
        session=f"s{session:02d}",
        start_utc=start,
        zone="UTC",
        references=tuple(references(made, who, session, rates)),
        demographics={k: p[k] for k in ("age", "sex", "height", "weight", "bmi", "skin_tone")},
        conditions=conditions,
        device=p["device"],
        site=p["site"],
        synthetic=True,
        provenance=Provenance("simulated", reader="pulsewise.simulate", sha256=fingerprint(made, name)),
    )


def _faulty(
    made: Plan, who: Latents, session: int, recording: Recording, windows: NDArray[np.str_], whole: str
) -> Recording:
    if made.preset.faults <= 0:
        return recording
    seeds = stream(made.seed, who.index, "fault").spawn(made.sessions * (made.windows + 1))
    first = session * (made.windows + 1)
    signals = list(recording.signals)
    for k in range(int(who.kept[session])):
        if windows[k]:
            start = k * made.period_s
            signals = faults.damaged(signals, str(windows[k]), start, start + made.duration_s, seeds[first + k])
    recording = replace(recording, signals=tuple(signals))
    return faults.apply_recording(recording, whole, seeds[first + made.windows]) if whole else recording


def fingerprint(made: Plan, name: str) -> str:
    """Hex digits that change whenever the recording of this name would."""
    text = json.dumps([VERSION, to_table(made), name], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def card(made: Plan, name: str, people: int) -> dict[str, Any]:
    """What was made and what can be expected of it, ready for JSON."""
    preset = made.preset
    both = float(np.hypot(preset.beta_w, preset.beta_p))
    reference_sd = float(np.hypot(preset.measurement.cuff_sd, preset.measurement.cuff_offset_sd))
    size = {k: getattr(made, k) for k in ("sessions", "windows", "duration_s", "period_s", "rate", "missing")}
    return {
        "synthetic": True,
        "preset": name,
        "summary": preset.summary,
        "generator_version": VERSION,
        "seed": made.seed,
        "size": {"people": people, **size},
        "channels": list(made.channels),
        "quantities": list(made.quantities),
        "parameters": to_table(preset),
        "expected": {
            "within_person_r": reachable(preset.beta_w),
            "within_person_r_against_cuff": attenuated(reachable(preset.beta_w), pressure.SD_DEVIATION, reference_sd),
            "within_person_r_transit": reachable(preset.beta_p),
            "within_person_r_shape_and_transit": reachable(both),
            "sd_within_mmhg": pressure.SD_DEVIATION,
            "sd_between_mmhg": pressure.SD_SBP,
            "sd_reference_mmhg": reference_sd,
        },
    }


__all__ = ["PRESETS", "Cohort", "card", "cohort", "fingerprint", "person", "plan", "record_name"]
