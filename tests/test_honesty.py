"""Promises of honesty: no skill where there is none, a leak that looks like skill is shown to be one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from pulsewise.clinical import agreement, controls
from pulsewise.clinical.detection import auroc
from pulsewise.clinical.resample import bootstrap
from pulsewise.core.plugin import Target, Task
from pulsewise.judge.evaluate import judge_rows
from pulsewise.judge.result import Result
from pulsewise.judge.score import Settings
from pulsewise.judge.tally import Tally
from pulsewise.simulate import Cohort, cohort

Floats = NDArray[np.float64]

# -- simulated people: what the presets say is what an estimator finds ----------------------------------------


def column(made: Cohort, name: str) -> NDArray[np.generic]:
    return made.truth[name].to_numpy(zero_copy_only=False)


def mean_beats(made: Cohort, kind: str, points: int = 40) -> Floats:
    """The mean beat of every window, on a grid in time over the square root of the interval, scaled to SD 1."""
    fiducial, before = ("foot", 0.0) if kind == "ppg" else ("time", 0.2)
    grid = np.linspace(-before, 0.8 - before, points)
    record, window = made.beats["record"].to_numpy(zero_copy_only=False), made.beats["window"].to_numpy()
    at, duration = made.beats[fiducial].to_numpy(), made.card["size"]["duration_s"]
    recordings, rows = {r.id: r for r in made.recordings}, []
    for name, k, start in zip(*(column(made, n) for n in ("record", "window", "start")), strict=True):
        beat = at[(record == name) & (window == k)]
        interval = np.median(np.diff(beat))
        beat = beat[(beat > start + before) & (beat + interval < start + duration)]
        times = beat[:, None] + grid * np.sqrt(interval)
        signal = recordings[name].signal(kind)
        waves = np.interp(times.ravel(), signal.times, signal.samples).reshape(times.shape)
        ramp = np.linspace(0, 1, points)
        mean = (waves - waves[:, :1] - ramp * (waves[:, -1:] - waves[:, :1])).mean(axis=0)
        rows.append((mean - mean.mean()) / mean.std())
    return np.array(rows)


def nearest(train: Floats, y: Floats, test: Floats, k: int = 5) -> Floats:
    """Mean label of the k most similar training windows: an estimator that can only remember."""
    distance = (test**2).sum(1)[:, None] - 2 * test @ train.T + (train**2).sum(1)
    return y[np.argsort(distance, axis=1)[:, :k]].mean(axis=1)


def ridge(train: Floats, y: Floats, test: Floats, penalty: float = 1.0) -> Floats:
    centre = train.mean(axis=0)
    x = train - centre
    slope = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (y - y.mean()))
    return y.mean() + (test - centre) @ slope


def out_of_fold(predict: object, x: Floats, y: Floats, fold: NDArray[np.int64]) -> Floats:
    found = np.zeros(len(y))
    for k in np.unique(fold):
        found[fold == k] = predict(x[fold != k], y[fold != k], x[fold == k])
    return found


def by_person(made: Cohort, folds: int = 5) -> NDArray[np.int64]:
    return np.unique(column(made, "person"), return_inverse=True)[1] % folds


def at_random(rows: int, folds: int = 5) -> NDArray[np.int64]:
    return np.random.default_rng(0).permutation(rows) % folds


def within(a: Floats, b: Floats, made: Cohort) -> float:
    _, who = np.unique(column(made, "person"), return_inverse=True)
    centred = [x - (np.bincount(who, x) / np.bincount(who))[who] for x in (a, b)]
    return float(np.corrcoef(*centred)[0, 1])


def test_on_null_a_random_split_looks_good_and_a_split_by_person_finds_nothing() -> None:
    made = cohort("null", people=40, sessions=3, windows=5, seed=1)
    x, y = mean_beats(made, "ppg"), column(made, "sbp_cuff").astype(float)
    leaky = out_of_fold(nearest, x, y, at_random(len(y)))
    fair = out_of_fold(nearest, x, y, by_person(made))
    assert agreement.pearson(y, leaky).value > 0.5
    assert abs(agreement.pearson(y, fair).value) < 0.25
    who, median = column(made, "person"), np.full(len(y), np.median(y))
    assert controls.skill(y, leaky, median, who, resamples=300).low > 0  # what the leak would have claimed
    claim = controls.skill(y, fair, median, who, resamples=300)
    assert claim.low <= 0 and "better" not in controls.verdict(claim, "the training median")
    assert abs(within(fair, y, made)) < 0.12


@pytest.mark.parametrize(("preset", "low", "high"), [("between_only", -0.12, 0.12), ("track_strong", 0.6, 0.95)])
def test_changes_within_unseen_people_are_found_where_the_shape_follows_them(
    preset: str, low: float, high: float
) -> None:
    made = cohort(preset, people=30, sessions=3, windows=5, seed=2)
    x, y = mean_beats(made, "ppg"), column(made, "sbp_cuff").astype(float)
    fair = out_of_fold(ridge, x, y, by_person(made))
    assert low < within(fair, y, made) < high
    assert agreement.pearson(y, fair).value > 0.1


def test_glucose_is_found_in_unseen_people_only_where_it_changes_the_pulse() -> None:
    found = {}
    for preset in ("glucose_null", "glucose_pos"):
        made = cohort(preset, people=24, sessions=8, windows=2, seed=3)
        y = column(made, "glucose").astype(float)
        found[preset] = auroc(y > 140, out_of_fold(ridge, mean_beats(made, "ppg"), y, by_person(made)))
    assert found["glucose_pos"] > 0.75 and found["glucose_null"] < 0.65


def test_hypoglycaemia_is_found_in_unseen_people_only_where_it_changes_the_ecg() -> None:
    fair, leaky = {}, {}
    for preset in ("hypo_null", "hypo_pos"):
        made = cohort(preset, people=20, sessions=18, windows=2, seed=4)
        x, y = mean_beats(made, "ecg", 60), column(made, "hypo").astype(float)
        fair[preset] = auroc(y, out_of_fold(ridge, x, y, by_person(made)))
        leaky[preset] = auroc(y, out_of_fold(nearest, x, y, at_random(len(y))))
    assert fair["hypo_pos"] > 0.8 and fair["hypo_null"] < 0.6
    assert leaky["hypo_null"] > 0.75  # memory of the person and the session, no glucose


def test_the_shortcut_turns_around_in_people_it_was_not_learnt_on() -> None:
    made = cohort("shortcut", people=40, sessions=3, windows=4, seed=6)
    x, y, test = mean_beats(made, "ppg"), column(made, "sbp_cuff").astype(float), column(made, "part") == "test"
    learnt = out_of_fold(ridge, x[~test], y[~test], by_person(made)[~test])
    assert agreement.pearson(y[~test], learnt).value > 0.45
    assert agreement.pearson(y[test], ridge(x[~test], y[~test], x[test])).value < -0.4


def calibrated(made: Cohort, train: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """First reading of each person, and the same moved by what the shape has done since (slope fitted in training)."""
    y, m = column(made, "sbp_cuff").astype(float), column(made, "m").astype(float)
    _, first, who = np.unique(column(made, "person"), return_index=True, return_inverse=True)
    change, moved = y - y[first][who], m - m[first][who]
    slope = (moved[train] @ change[train]) / (moved[train] @ moved[train])
    return y[first][who], y[first][who] + slope * moved


@pytest.mark.parametrize(
    ("preset", "better"), [("null", False), ("between_only", False), ("track_weak", True), ("track_strong", True)]
)
def test_a_calibrated_estimator_beats_the_first_reading_only_where_the_shape_tracks(preset: str, better: bool) -> None:
    made = cohort(preset, people=120, waveforms=False, seed=7)
    test = by_person(made, 2) == 0
    carried, estimate = calibrated(made, ~test)
    later = test & (carried != column(made, "sbp_cuff"))
    y, who = column(made, "sbp_cuff").astype(float)[later], column(made, "person")[later]
    found = controls.skill(y, estimate[later], carried[later], who, resamples=400)
    assert (found.low > 0) == better


def claims(draws: range) -> list[bool]:
    """For each draw of null people: whether skill over the training median would be claimed on unseen people."""
    names = ["m", "contact", "transit_ms", "temperature", *(f"identity_{k}" for k in range(6))]
    claimed = []
    for seed in draws:
        made = cohort("null", people=45, sessions=3, waveforms=False, seed=seed)
        x = np.stack([column(made, n).astype(float) for n in names], axis=1)
        y, test = column(made, "sbp_cuff").astype(float), by_person(made, 3) == 0
        estimate = ridge(x[~test], y[~test], x[test], penalty=50.0)
        median = np.full(int(test.sum()), np.median(y[~test]))
        claimed.append(controls.skill(y[test], estimate, median, column(made, "person")[test], resamples=400).low > 0)
    return claimed


def test_on_null_people_skill_is_claimed_in_at_most_two_of_twenty_draws() -> None:
    assert sum(claims(range(20))) <= 2


@pytest.mark.soak
def test_on_null_people_skill_is_claimed_in_at_most_five_per_cent_of_two_hundred_draws() -> None:
    assert np.mean(claims(range(200))) <= 0.05


@pytest.mark.soak
def test_on_null_people_the_correlation_within_people_covers_zero() -> None:
    """The specification asks for 93 % of 200 seeds at a nominal 95 %."""
    covered = 0
    for seed in range(200):
        made = cohort("null", people=40, waveforms=False, seed=seed)
        who = np.unique(column(made, "person"), return_inverse=True)[1]
        centred = [
            x - (np.bincount(who, x) / np.bincount(who))[who]
            for x in (column(made, n).astype(float) for n in ("m", "sbp_cuff"))
        ]
        products = np.stack([centred[0] * centred[1], centred[0] ** 2, centred[1] ** 2], axis=1)
        found = bootstrap(who, products, lambda s: s[..., 0] / np.sqrt(s[..., 1] * s[..., 2]), resamples=500)
        covered += found.low <= 0 <= found.high
    assert covered / 200 >= 0.9


# -- the four presets through the judge -----------------------------------------------------------------------

LATENT = ("m", "contact", "transit_ms", "temperature", *(f"identity_{k}" for k in range(6)))


def latent(made: Cohort, names: tuple[str, ...] = LATENT) -> Floats:
    """What a perfect reader of waveforms would see: every latent of the beat's shape, scaled."""
    x = np.stack([column(made, n).astype(float) for n in names], axis=1)
    return (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-12)


def judged(made: Cohort, estimate: Floats, train: NDArray[np.bool_], stamps: tuple[str, ...] = ()) -> Result:
    """The test rows through the judge, beside the training median; `part` is a condition."""
    test = ~train
    y = column(made, "sbp_cuff").astype(float)
    rows = pa.table(
        {
            "person": column(made, "person")[test],
            "record": column(made, "record")[test],
            "reading": np.arange(int(test.sum())).astype(str),
            "reference": y[test],
            "estimate": estimate[test],
            "condition_part": column(made, "part")[test],
            "control_median": np.full(int(test.sum()), np.median(y[train])),
        }
    )
    task = Task("pressure", (Target("sbp", "mmHg", 40, 300),))
    return judge_rows(rows, task, Settings(resamples=200), stamps=["synthetic", *stamps])


def looks_good(draws: range) -> list[bool]:
    """For each draw of null people: whether a random split shows skill, and a split by person none."""
    found = []
    for seed in draws:
        made = cohort("null", people=40, sessions=3, waveforms=False, seed=seed)
        x, y = latent(made), column(made, "sbp_cuff").astype(float)
        claimed = []
        for train in (at_random(len(y), 3) != 0, by_person(made, 3) != 0):
            estimate = np.full(len(y), np.nan)
            estimate[~train] = nearest(x[train], y[train], x[~train])
            median = np.full(int((~train).sum()), np.median(y[train]))
            who = column(made, "person")[~train]
            claimed.append(controls.skill(y[~train], estimate[~train], median, who, resamples=300).low > 0)
        found.append(claimed == [True, False])
    return found


def test_on_null_people_a_random_split_looks_good_in_nearly_every_draw() -> None:
    assert sum(looks_good(range(20))) >= 18


@pytest.mark.soak
def test_on_null_people_a_random_split_looks_good_in_nearly_all_of_two_hundred_draws() -> None:
    assert np.mean(looks_good(range(200))) >= 0.93


def test_a_leaking_verdict_is_never_a_claim() -> None:
    made = cohort("null", people=40, sessions=4, waveforms=False, seed=3)
    x, y = latent(made), column(made, "sbp_cuff").astype(float)
    train = at_random(len(y), 3) != 0
    estimate = np.full(len(y), np.nan)
    estimate[~train] = nearest(x[train], y[train], x[~train])
    verdict = judged(made, estimate, train, ("leaky-random",)).verdict
    assert (verdict.code, verdict.claim) == ("leaky", False)


def tracked(draws: range) -> list[bool]:
    """For each draw: whether the interval of the correlation within people holds what the preset implies.

    In cohorts this small the correlation lies 0.006 below the 0.895 of the closed form, as far as its own standard
    deviation, so that a nominal 95 % becomes 90 %.
    """
    held = []
    for seed in draws:
        made = cohort("track_strong", people=30, sessions=3, waveforms=False, seed=seed)
        who = np.unique(column(made, "person"), return_inverse=True)[1]
        centred = [
            x - (np.bincount(who, x) / np.bincount(who))[who]
            for x in (column(made, n).astype(float) for n in ("m", "sbp_cuff"))
        ]
        products = np.stack([centred[0] * centred[1], centred[0] ** 2, centred[1] ** 2], axis=1)
        found = bootstrap(who, products, lambda s: s[..., 0] / np.sqrt(s[..., 1] * s[..., 2]), resamples=300)
        held.append(found.low <= made.card["expected"]["within_person_r_against_cuff"] <= found.high)
    return held


def test_strong_tracking_is_recovered_within_its_interval() -> None:
    assert sum(tracked(range(20))) >= 15  # of 20 at 90 %: 14 or fewer happen in 1 of 100 runs


@pytest.mark.soak
def test_strong_tracking_is_recovered_within_its_interval_in_two_hundred_draws() -> None:
    assert np.mean(tracked(range(200))) >= 0.86


def flips(draws: range) -> list[bool]:
    """For each draw of shortcut people: whether the table of subgroups shows that the shortcut turns around."""
    found = []
    for seed in draws:
        made = cohort("shortcut", people=36, sessions=2, windows=4, waveforms=False, seed=seed)
        x, y = latent(made), column(made, "sbp_cuff").astype(float)
        train = (column(made, "part") == "train") & (by_person(made, 3) != 0)
        estimate = ridge(x[train], y[train], x, penalty=10.0)
        part, who = column(made, "part")[~train], column(made, "person")[~train]
        tally = Tally(who)
        for name in ("train", "test"):
            tally.add(name, who[part == name], y[~train][part == name], estimate[~train][part == name])
        tally.resample(300, seed=0, level=0.95)
        r = {name: tally.number(name, "r") for name in ("train", "test")}
        found.append((r["train"].low or 0) > 0 > (r["test"].high or 0))
    return found


def test_the_table_of_subgroups_shows_that_a_shortcut_turns_around() -> None:
    made = cohort("shortcut", people=60, sessions=3, windows=4, waveforms=False, seed=0)
    x, y = latent(made), column(made, "sbp_cuff").astype(float)
    train = (column(made, "part") == "train") & (by_person(made, 3) != 0)
    groups = judged(made, ridge(x[train], y[train], x, penalty=10.0), train).quantity("sbp").groups
    r = {g.label: g.numbers["r"] for g in groups if g.dimension == "part"}
    assert r["train"].low > 0.2 and r["test"].high < -0.2


def test_the_figures_of_subgroups_turn_around_in_nearly_every_draw() -> None:
    assert sum(flips(range(20))) >= 19


@pytest.mark.soak
def test_the_table_of_subgroups_shows_the_turn_in_nearly_all_of_two_hundred_draws() -> None:
    assert np.mean(flips(range(200))) >= 0.95
