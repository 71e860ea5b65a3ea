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
from pulsewise.core.recording import Provenance, Recording, Reference, Signal
from pulsewise.simulate import faults, glucose, pressure
from pulsewise.simulate.people import Latents, Plan, latents
from pulsewise.simulate.presets import PRESETS, Preset, attenuated, preset_named, reachable
from pulsewise.simulate.streams import stream
from pulsewise.simulate.waves import RATES, UNITS, Heart, heart, wave

VERSION = 3
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
        One row per window with every latent (`TRUTH` in the docs of `simulate`).
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
        missing=missing,
    )
    unknown = [c for c in made.channels if c not in UNITS]
    if unknown or not made.channels:
        raise UsageError("config", f"no channel {', '.join(unknown) or 'at all'}", fix=f"known: {', '.join(UNITS)}")
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
        As for `plan`: `sessions`, `windows`, `duration_s`, `period_s`, `rate`, `seed`, `channels`, `missing`.

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


def record_name(index: int, session: int) -> str:
    """Name of the recording of one session of one person.

    >>> record_name(3, 0)
    'p0003-s00'
    """
    return f"p{index:04d}-s{session:02d}"


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
            rates[session, :kept] = _heart_rates(made, it, kept)
            signals = _signals(made, who, session, it)
            beat_tables.append(_beats(made, who, session, it))
        recording = _record(made, who, session, signals, rates[session])
        fault = str(recording_faults[session])
        recordings.append(_faulty(made, who, session, recording, window_faults[session], fault))
    truth = _truth(made, who, rates, window_faults, recording_faults)
    return recordings, truth, pa.concat_tables(beat_tables) if beat_tables else _no_beats()


def _heart_rates(made: Plan, it: Heart, windows: int) -> NDArray[np.float64]:
    """True heart rate of each window, bpm: intervals between the R peaks inside it."""
    rates = np.full(windows, np.nan)
    for k in range(windows):
        inside = it.train.time[(it.train.time >= k * made.duration_s) & (it.train.time < (k + 1) * made.duration_s)]
        if len(inside) > 1:
            rates[k] = 60.0 * (len(inside) - 1) / (inside[-1] - inside[0])
    return rates


def _recording_time(made: Plan, active: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds of the recording for seconds of signal: the pauses put back."""
    return np.asarray(active + (active // made.duration_s) * (made.period_s - made.duration_s), dtype=np.float64)


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
        references=tuple(_references(made, who, session, rates)),
        demographics={k: p[k] for k in ("age", "sex", "height", "weight", "bmi", "skin_tone")},
        conditions=conditions,
        device=p["device"],
        site=p["site"],
        synthetic=True,
        provenance=Provenance("simulated", reader="pulsewise.simulate", sha256=fingerprint(made, name)),
    )


def _references(made: Plan, who: Latents, session: int, rates: NDArray[np.float64]) -> list[Reference]:
    kept, wanted = int(who.kept[session]), made.preset.quantities
    times = (np.arange(kept) * made.period_s + made.duration_s / 2).tolist()
    found: list[Reference] = []
    if "sbp" in wanted:
        cuff = cuff_readings(made, who)
        for name, unit in (("sbp", "mmHg"), ("dbp", "mmHg")):
            values = cuff[name][session]
            found += [
                Reference(name, float(values[k]), unit, times[k], method="cuff", device="sim-cuff") for k in range(kept)
            ]
    if "glucose" in wanted:
        found += _glucose_references(made, who, session)
    if "heart_rate" in wanted:
        found += [
            Reference("heart_rate", round(float(rates[k]), 2), "bpm", times[k], method="truth")
            for k in range(kept)
            if np.isfinite(rates[k])
        ]
    if "rhythm" in wanted:
        found.append(Reference("rhythm", str(who.session["rhythm"][session]), "", method="truth"))
    return found


def _glucose_references(made: Plan, who: Latents, session: int) -> list[Reference]:
    """One sensor reading every five minutes of the session; a shorter session has one, at its middle."""
    length = (int(who.kept[session]) - 1) * made.period_s + made.duration_s
    every = glucose.STEP_MIN * 60.0
    times = np.array([length / 2]) if length < every else np.arange(every / 2, length, every)
    centres = np.arange(made.windows) * made.period_s + made.duration_s / 2
    values = np.interp(times, centres, who.window["glucose_sensor"][session])
    found = []
    for time, value in zip(times.tolist(), values.tolist(), strict=True):
        flag: Any = "censored_low" if value < glucose.LOW else "censored_high" if value > glucose.HIGH else "ok"
        shown = float(np.clip(round(value), glucose.LOW, glucose.HIGH))
        found.append(Reference("glucose", shown, "mg/dL", time, method="cgm", device="sim-cgm", flag=flag))
    return found


def cuff_readings(made: Plan, who: Latents) -> dict[str, NDArray[np.float64]]:
    """What the cuff shows for every window: truth, offset of the session, noise, perhaps a rounded digit; (S, W)."""
    how = made.preset.measurement
    rng = stream(made.seed, who.index, "reference")
    shape = who.window["sbp"].shape
    noise, digit = rng.normal(size=(2, *shape)), rng.random(shape) < how.digit_zero
    shown = {}
    for k, name in enumerate(("sbp", "dbp")):
        value = who.window[name] + who.session["cuff_offset"][:, None] + how.cuff_sd * noise[k]
        shown[name] = np.where(digit, np.round(value / 10) * 10, np.round(value))
    return shown


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
            start, state = k * made.period_s, int(seeds[first + k].integers(0, 2**63))
            for place, s in enumerate(signals):
                axis = "xyz".find(s.name[-1]) if s.kind == "acc" else 0
                rng = np.random.default_rng(state)
                signals[place] = faults.apply_window(s, str(windows[k]), start, start + made.duration_s, rng, axis)
    recording = replace(recording, signals=tuple(signals))
    return faults.apply_recording(recording, whole, seeds[first + made.windows]) if whole else recording


def _beats(made: Plan, who: Latents, session: int, it: Heart) -> pa.Table:
    end = int(who.kept[session]) * made.duration_s
    inside = (it.train.time >= 0) & (it.train.time < end)
    count = int(inside.sum())
    return pa.table(
        {
            "record": pa.array([record_name(who.index, session)] * count, pa.string()),
            "time": _recording_time(made, it.train.time[inside]),
            "foot": _recording_time(made, it.foot[inside]),
            "peak": _recording_time(made, it.peak[inside]),
            "window": it.window[inside],
            "ectopic": it.train.ectopic[inside],
        }
    )


def _no_beats() -> pa.Table:
    kinds = {"record": pa.string(), "time": pa.float64(), "foot": pa.float64(), "peak": pa.float64()}
    return pa.schema({**kinds, "window": pa.int64(), "ectopic": pa.bool_()}).empty_table()


def _truth(
    made: Plan,
    who: Latents,
    rates: NDArray[np.float64],
    window_faults: NDArray[np.str_],
    recording_faults: NDArray[np.str_],
) -> pa.Table:
    shape = (made.sessions, made.windows)
    keep = (np.arange(made.windows)[None, :] < who.kept[:, None]).ravel()
    index = np.broadcast_to(np.arange(made.windows), shape)
    columns: dict[str, Any] = {
        "record": np.repeat([record_name(who.index, s) for s in range(made.sessions)], made.windows),
        "session": np.repeat([f"s{s:02d}" for s in range(made.sessions)], made.windows),
        "window": index.ravel(),
        "start": (index * made.period_s).ravel(),
    }
    columns |= {name: np.full(keep.shape, value) for name, value in who.person.items()}
    columns |= {f"identity_{k}": np.full(keep.shape, value) for k, value in enumerate(who.identity)}
    columns |= {name: np.repeat(value, made.windows) for name, value in who.session.items()}
    columns |= {name: np.broadcast_to(value, shape).ravel() for name, value in who.window.items()}
    cuff = cuff_readings(made, who)
    columns |= {"sbp_cuff": cuff["sbp"].ravel(), "dbp_cuff": cuff["dbp"].ravel(), "heart_rate": rates.ravel()}
    columns |= {"fault": window_faults.ravel(), "fault_recording": np.repeat(recording_faults, made.windows)}
    return pa.table({name: pa.array(np.asarray(column)[keep]) for name, column in columns.items()})


def fingerprint(made: Plan, name: str) -> str:
    """Hex digits that change whenever the recording of this name would."""
    text = json.dumps([VERSION, to_table(made), name], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def card(made: Plan, name: str, people: int) -> dict[str, Any]:
    """What was made and what can be expected of it, ready for JSON."""
    preset = made.preset
    both = float(np.hypot(preset.beta_w, preset.beta_p))
    reference_sd = preset.measurement.cuff_sd
    size = {k: getattr(made, k) for k in ("sessions", "windows", "duration_s", "period_s", "rate", "missing")}
    return {
        "synthetic": True,
        "preset": name,
        "summary": preset.summary,
        "generator_version": VERSION,
        "seed": made.seed,
        "size": {"people": people, **size},
        "channels": list(made.channels),
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


__all__ = ["PRESETS", "Cohort", "card", "cohort", "cuff_readings", "fingerprint", "person", "plan", "record_name"]
