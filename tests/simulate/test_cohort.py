"""Simulated cohorts: the truth is what it is said to be, and one effect does not reshuffle the others."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pulsewise.core.errors import InputError, UsageError
from pulsewise.simulate import PRESETS, Confounders, cohort, pressure
from pulsewise.simulate.presets import reachable
from pulsewise.simulate.truth import COLUMNS
from pulsewise.simulate.waves import UNITS

GOLDEN = {
    "age": [43.5, 43.5, 55.4, 55.4],
    "sbp": [150.151904, 133.550427, 110.27635, 103.966876],
    "glucose": [110.747573, 110.651621, 95.4281437, 95.3960369],
    "m": [1.05122222, 2.54142426, -0.708322968, 0.348699834],
    "heart_rate": [72.1178144, 73.8841142, 72.3793334, 72.9171825],
}
SAMPLES = [111245, 110309, 110841, 113615, 110551, 116136, 111869, 110507]


def column(table: pa.Table, name: str) -> np.ndarray:
    return table[name].to_numpy(zero_copy_only=False)


def within(table: pa.Table, left: str, right: str) -> float:
    """Correlation of deviations from the person's mean."""
    _, who = np.unique(column(table, "person"), return_inverse=True)
    sizes = np.bincount(who)
    a, b = (column(table, n) - (np.bincount(who, column(table, n)) / sizes)[who] for n in (left, right))
    return float(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_stamped_recordings_with_truth(name: str) -> None:
    made = cohort(name, people=2, sessions=2, windows=2, seed=3)
    assert len(made.recordings) == 4 and made.truth.num_rows == 8
    assert all(r.synthetic and r.references for r in made.recordings)
    assert {s.kind for r in made.recordings for s in r.signals} == set(PRESETS[name].channels)
    assert made.card["synthetic"] is True
    json.dumps(made.card, allow_nan=False)
    assert made.truth.column_names == list(COLUMNS)
    assert set(column(made.truth, "record")) == {r.id for r in made.recordings}


def test_the_same_seed_gives_the_same_people_and_another_seed_others() -> None:
    first, again = (cohort("af", people=2, sessions=1, windows=2, seed=5) for _ in range(2))
    other = cohort("af", people=2, sessions=1, windows=2, seed=6)
    assert first.truth.equals(again.truth) and first.beats.equals(again.beats)
    for a, b in zip(first.recordings, again.recordings, strict=True):
        assert all(np.array_equal(x.samples, y.samples) for x, y in zip(a.signals, b.signals, strict=True))
    assert not np.array_equal(first.recordings[0].signals[0].samples, other.recordings[0].signals[0].samples)


def test_a_person_is_the_same_whoever_else_is_simulated() -> None:
    few, many = cohort("null", people=1, windows=2), cohort("null", people=3, windows=2)
    assert np.array_equal(few.recordings[0].signals[0].samples, many.recordings[0].signals[0].samples)


def test_changing_one_effect_does_not_reshuffle_the_others() -> None:
    base = cohort("null", people=3, sessions=2, windows=3)
    for change in (
        {"beta_w": 3.0},
        {"gamma": 1.0},
        {"hypo_per_day": 5.0},
        {"confounders": Confounders(contact=2.0, skin_tone=0.0)},
    ):
        moved = cohort(replace(PRESETS["null"], **change), people=3, sessions=2, windows=3)
        same = ["sbp", "dbp", "sbp_cuff", "m_noise", "transit_noise", "temperature", "age", "hour"]
        same += ["heart_rate"] if "hypo_per_day" not in change else []
        assert moved.truth.select(same).equals(base.truth.select(same)), change
        assert moved.beats["time"].equals(base.beats["time"])
    more = cohort("null", people=3, sessions=2, windows=3, channels=("ppg", "ecg", "acc"))
    for a, b in zip(base.recordings, more.recordings, strict=True):
        assert np.array_equal(a.signal("ppg").samples, b.signal("ppg").samples)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 3.0])
def test_an_ideal_estimator_of_the_shape_reaches_the_correlation_on_the_card(beta: float) -> None:
    preset = replace(PRESETS["track_weak"], beta_w=beta, beta_p=beta)
    made = cohort(preset, people=60, sessions=8, windows=10, waveforms=False)
    rho = reachable(beta)
    assert made.card["expected"]["within_person_r"] == pytest.approx(rho)
    # 4800 windows; deviations of one night session share their shift, so the error is about 1/sqrt(n)
    assert within(made.truth, "m", "deviation") == pytest.approx(rho, abs=0.045)
    assert -within(made.truth, "transit_ms", "deviation") == pytest.approx(rho, abs=0.045)
    expected = made.card["expected"]["within_person_r_against_cuff"]
    assert within(made.truth, "m", "sbp_cuff") == pytest.approx(expected, abs=0.045)


def test_deviations_have_the_stated_mean_and_spread() -> None:
    made = cohort("null", people=100, sessions=8, windows=10, waveforms=False)
    deviation = column(made.truth, "deviation")
    assert deviation.mean() == pytest.approx(0, abs=0.6)
    assert deviation.std() == pytest.approx(pressure.SD_DEVIATION, rel=0.04)
    baseline = column(cohort("null", people=150, sessions=1, windows=1, waveforms=False).truth, "sbp_baseline")
    assert baseline.mean() == pytest.approx(118, abs=3) and baseline.std() == pytest.approx(12, rel=0.15)


def test_null_has_no_path_from_pressure_to_shape() -> None:
    made = cohort("null", people=200, sessions=1, windows=4, waveforms=False)
    sbp = column(made.truth, "sbp")
    for name in ("m", "contact", "transit_ms", "heart_rate_set", "pulse_amplitude", "temperature", "stiffness", "age"):
        r = np.corrcoef(sbp, column(made.truth, name))[0, 1]
        assert abs(r) < 3.5 / np.sqrt(200), name
    strong = cohort(
        replace(PRESETS["null"], kappa_pressure=5.0), people=200, sessions=1, windows=1, duration_s=2.0, rate=4.0
    )
    assert np.corrcoef(column(strong.truth, "sbp_baseline"), column(strong.truth, "age"))[0, 1] > 0.2


def test_shortcut_turns_around_in_the_test_part() -> None:
    truth = cohort("shortcut", people=40, windows=5, waveforms=False).truth
    for part, sign in (("train", 1), ("test", -1)):
        rows = truth.filter(pc.equal(truth["part"], part))
        r = np.corrcoef(column(rows, "contact"), column(rows, "sbp"))[0, 1]
        assert sign * r > 0.8
    assert np.mean(column(truth, "part") == "test") == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("confounder", "left", "right"),
    [
        (Confounders(heart_rate=1.0), "heart_rate", "deviation"),
        (Confounders(drift=1.0), "m", "day"),
        (Confounders(motion=1.0), "motion", "deviation"),
    ],
)
def test_confounders_are_off_unless_switched_on(confounder: Confounders, left: str, right: str) -> None:
    measured = replace(PRESETS["null"].measurement, motion=0.2)
    size = {"people": 20, "windows": 8, "rate": 4.0}
    off = cohort(replace(PRESETS["null"], measurement=measured), **size)
    on = cohort(replace(PRESETS["null"], measurement=measured, confounders=confounder), **size)
    assert within(on.truth, left, right) > 0.5
    if left != "motion":  # without the switch motion is constant
        assert abs(within(off.truth, left, right)) < 0.2


def test_device_and_site_can_be_tied_to_pressure() -> None:
    preset = replace(PRESETS["null"], confounders=Confounders(device=3.0, site=3.0, time_of_day=0.0))
    truth = cohort(preset, people=200, sessions=1, windows=1, waveforms=False).truth
    sbp = column(truth, "sbp_baseline")
    for name, value in (("device", "sim-b"), ("site", "site-b")):
        high = column(truth, name) == value
        assert sbp[high].mean() - sbp[~high].mean() > 10


def test_references_stand_at_the_middle_of_windows_also_with_pauses() -> None:
    made = cohort("null", people=1, sessions=1, windows=3, duration_s=10.0, period_s=60.0, channels=tuple(UNITS))
    recording = made.recordings[0]
    assert [r.time for r in recording.references if r.kind == "sbp"] == [5.0, 65.0, 125.0]
    assert column(made.truth, "start").tolist() == [0.0, 60.0, 120.0]
    for s in recording.signals:
        runs = s.runs() / s.rate
        assert np.allclose(runs, [[0, 10], [60, 70], [120, 130]], atol=1.01 / s.rate), s.name
    inside = column(made.beats, "time") % 60.0
    assert inside.max() < 10.0


def test_unequal_counts() -> None:
    made = cohort("null", people=6, sessions=4, windows=10, missing=0.5, duration_s=2.0, rate=16.0)
    counts = pc.value_counts(made.truth["record"]).to_pylist()
    sizes = {c["counts"] for c in counts}
    assert len(sizes) > 2 and min(sizes) >= 5 and max(sizes) <= 10


def test_work_grows_with_size_and_not_faster() -> None:
    made = cohort("null", people=1, sessions=4, windows=10)
    assert sum(len(r.signals[0].samples) for r in made.recordings) == 4 * 10 * 640
    assert made.truth.num_rows == 40


def test_bad_calls_are_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'null'") as unknown:
        cohort("nul")
    assert unknown.value.code == "unknown_name"
    for wrong in (
        {"people": 0},
        {"windows": 0},
        {"duration_s": 1.0},
        {"period_s": 5.0},
        {"seed": -1},
        {"channels": ("x",)},
    ):
        with pytest.raises(UsageError):
            cohort("null", **wrong)
    with pytest.raises(InputError, match="sampling rate"):
        cohort("null", rate=-1.0)


def test_the_generator_gives_what_it_gave() -> None:
    # raise cohort.VERSION when this has to change
    made = cohort("null", people=2, sessions=1, windows=2, seed=7)
    truth = made.truth.select(["age", "sbp", "glucose", "m", "heart_rate"]).to_pydict()
    for name, values in GOLDEN.items():
        assert truth[name] == pytest.approx(values, rel=1e-6), name
    ppg = made.recordings[0].signal("ppg").samples
    assert ppg[::160] == pytest.approx(np.array(SAMPLES), abs=1.0)


def test_resolution_and_hum_of_the_sensor() -> None:
    how = replace(PRESETS["null"].measurement, bits=10, hum=0.5, hum_hz=60.0)
    samples = cohort(replace(PRESETS["null"], measurement=how), people=1, sessions=1, rate=250.0).recordings[0]
    ppg = samples.signal("ppg").samples
    assert np.array_equal(ppg % 256, np.zeros(len(ppg)))
    power = np.abs(np.fft.rfft(ppg - ppg.mean())) ** 2
    frequency = np.fft.rfftfreq(len(ppg), 1 / 250)
    assert frequency[frequency > 30][np.argmax(power[frequency > 30])] == pytest.approx(60.0, abs=0.05)


def test_cuffs_may_prefer_zero() -> None:
    how = replace(PRESETS["null"].measurement, digit_zero=0.5)
    made = cohort(replace(PRESETS["null"], measurement=how), people=30, waveforms=False)
    assert np.mean(column(made.truth, "sbp_cuff") % 10 == 0) == pytest.approx(0.55, abs=0.06)
