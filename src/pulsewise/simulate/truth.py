"""The truth beside the waveforms, as tables: one row per window with every latent value, one row per beat."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pulsewise.simulate.people import Latents, Plan
from pulsewise.simulate.references import cuff_readings
from pulsewise.simulate.waves import Heart

COLUMNS: dict[str, str] = {
    "record": "name of the recording",
    "session": "name of the session within the person",
    "window": "number of the window within the session",
    "start": "seconds from the start of the recording",
    "person": "pseudonym",
    "part": "train or test, for presets in which they differ",
    "age": "years",
    "sex": "female or male",
    "height": "cm",
    "weight": "kg",
    "bmi": "kg/m2",
    "skin_tone": "Monk scale, 1 to 10",
    "stiffness": "of the arteries, in SD; follows age",
    "sbp_baseline": "mmHg",
    "dbp_baseline": "mmHg",
    "heart_rate_baseline": "bpm",
    "breathing_rate": "breaths/min of the person",
    "diabetic": "yes or no",
    "fibrillation": "none, at_times or always",
    "device": "sim-a or sim-b",
    "site": "site-a or site-b",
    "pulse_amplitude": "of the optical signal, relative",
    "qt_c_ms": "corrected QT at normal glucose, ms",
    "t_height_mv": "T wave at normal glucose, mV",
    "transit_baseline_ms": "R peak to foot of the pulse, ms",
    **{f"identity_{k}": "fingerprint of the person in the beat's shape, in SD" for k in range(6)},
    "day": "days since the first session",
    "hour": "local hour at the start of the session",
    "night": "yes or no",
    "temperature": "of the skin, °C",
    "cuff_offset": "mmHg, in this session",
    "contact_session": "contact pressure in this session, in SD",
    "qt_drift_ms": "ms, in this session",
    "t_drift": "relative change of the T wave in this session",
    "rate_drift": "bpm, in this session",
    "rhythm": "sinus, ectopy or af",
    "breathing": "breaths/min in this session",
    "breath_phase": "radians",
    "slow_phase": "radians",
    "meal": "after_meal, fasting or empty",
    "deviation": "of systolic pressure from the baseline, mmHg",
    "manoeuvre": "rest, cold_pressor, slow_breathing, stand, handgrip or night",
    "sbp": "mmHg",
    "dbp": "mmHg",
    "glucose": "in blood, mg/dL",
    "glucose_sensor": "what the sensor would show without its limits, mg/dL",
    "hypo": "glucose below 70 mg/dL",
    "heart_rate_set": "bpm, what the heart aims at",
    "m": "the shape channel, in SD of its noise",
    "m_noise": "its noise, of SD 1",
    "transit_ms": "R peak to foot of the pulse, ms",
    "transit_noise": "its noise, of SD 1",
    "contact": "contact pressure of the sensor, in SD",
    "motion": "motion noise, in pulse amplitudes",
    "sbp_cuff": "what the cuff shows, mmHg",
    "dbp_cuff": "what the cuff shows, mmHg",
    "heart_rate": "bpm, from the beats inside the window; NaN without waveforms",
    "fault": "of this window (`faults.WINDOW_FAULTS`) or empty",
    "fault_recording": "of this recording (`faults.RECORDING_FAULTS`) or empty",
}
"""Columns of the truth and their meaning."""


def record_name(index: int, session: int) -> str:
    """Name of the recording of one session of one person.

    >>> record_name(3, 0)
    'p0003-s00'
    """
    return f"p{index:04d}-s{session:02d}"


def heart_rates(made: Plan, it: Heart, windows: int) -> NDArray[np.float64]:
    """True heart rate of each window, bpm: intervals between the R peaks inside it."""
    rates = np.full(windows, np.nan)
    for k in range(windows):
        inside = it.train.time[(it.train.time >= k * made.duration_s) & (it.train.time < (k + 1) * made.duration_s)]
        if len(inside) > 1:
            rates[k] = 60.0 * (len(inside) - 1) / (inside[-1] - inside[0])
    return rates


def beats_table(made: Plan, who: Latents, session: int, it: Heart) -> pa.Table:
    """One row per beat of a session: record, seconds of R peak, foot and systolic peak, window, ectopic."""
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


def no_beats() -> pa.Table:
    """The same table without rows."""
    kinds = {"record": pa.string(), "time": pa.float64(), "foot": pa.float64(), "peak": pa.float64()}
    return pa.schema({**kinds, "window": pa.int64(), "ectopic": pa.bool_()}).empty_table()


def truth_table(
    made: Plan,
    who: Latents,
    rates: NDArray[np.float64],
    window_faults: NDArray[np.str_],
    recording_faults: NDArray[np.str_],
) -> pa.Table:
    """One row per window of a person that takes place, with the columns of `COLUMNS`."""
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


def _recording_time(made: Plan, active: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds of the recording for seconds of signal: the pauses put back."""
    return np.asarray(active + (active // made.duration_s) * (made.period_s - made.duration_s), dtype=np.float64)
