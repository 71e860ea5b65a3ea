"""The simulated dataset: each recording on its own, in any process, the same as in the cohort."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from pulsewise.core.errors import InputError, UsageError
from pulsewise.datasets import simulated
from pulsewise.simulate import cohort


def test_recordings_read_one_by_one_are_those_of_the_cohort() -> None:
    made = simulated.build(simulated.Config(preset="af", people=3, sessions=2, windows=2, seed=4))
    together = cohort("af", people=3, sessions=2, windows=2, seed=4)
    assert made.ids() == [r.id for r in together.recordings]
    assert made.ids() == sorted(made.ids())
    for name, expected in reversed(list(zip(made.ids(), together.recordings, strict=True))):
        found = pickle.loads(pickle.dumps(made)).read(name)
        assert found.references == expected.references and found.synthetic
        for a, b in zip(found.signals, expected.signals, strict=True):
            assert np.array_equal(a.samples, b.samples)


def test_the_fingerprint_follows_everything_that_decides_a_recording() -> None:
    one = simulated.build(simulated.Config(people=2))
    assert one.fingerprint("p0000-s00") == simulated.build(simulated.Config(people=9)).fingerprint("p0000-s00")
    others = [simulated.Config(seed=1), simulated.Config(preset="track_weak"), simulated.Config(rate=50.0)]
    prints = {simulated.build(c).fingerprint("p0000-s00") for c in others} | {one.fingerprint("p0000-s00")}
    assert len(prints) == 4 and one.fingerprint("p0000-s00") != one.fingerprint("p0001-s00")


def test_effects_and_references_can_be_chosen() -> None:
    effects = {"beta_w": 2.0, "confounders.contact": 1.0, "measurement.noise": 0.0}
    made = simulated.build(simulated.Config(people=1, effects=effects, quantities=("glucose", "respiratory_rate")))
    preset = made.plan.preset
    assert (preset.beta_w, preset.confounders.contact, preset.measurement.noise) == (2.0, 1.0, 0.0)
    assert {r.kind for r in made.read("p0000-s00").references} == {"glucose", "respiratory_rate"}
    for wrong in ("beta", "confounder.contact", "confounders.kontact", "people", "seed"):
        with pytest.raises(UsageError):
            simulated.build(simulated.Config(effects={wrong: 1.0}))
    with pytest.raises(UsageError):
        simulated.build(simulated.Config(quantities=("spo2",)))


def test_unknown_names_are_refused() -> None:
    made = simulated.build(simulated.Config(people=2))
    for name in ("p0002-s00", "p0-s0", "p0000", "../x", "p²-s00"):
        with pytest.raises(InputError) as error:
            made.read(name)
        assert error.value.code == "not_found"
    with pytest.raises(UsageError):
        simulated.build(simulated.Config(preset="nothing"))
    with pytest.raises(UsageError):
        simulated.build(simulated.Config(people=-1))
