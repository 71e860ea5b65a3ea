"""Several datasets as one."""

import pytest

from pulsewise.core.errors import InputError, UsageError
from pulsewise.datasets import several, simulated

PART = {"name": "simulated", "people": 2, "sessions": 1, "windows": 1, "duration_s": 4.0}


def test_recordings_are_those_of_the_parts_and_people_are_kept_apart() -> None:
    made = several.build(several.Config(parts=({**PART}, {**PART, "preset": "faults", "seed": 3})))
    assert made.ids() == [
        "simulated-2.p0000-s00", "simulated-2.p0001-s00", "simulated.p0000-s00", "simulated.p0001-s00",
    ]  # fmt: skip
    alone = simulated.build(simulated.Config(people=2, sessions=1, windows=1, duration_s=4.0))
    found, own = made.read("simulated.p0001-s00"), alone.read("p0001-s00")
    assert (found.signals[0].samples == own.signals[0].samples).all()
    assert (found.id, found.person) == ("simulated.p0001-s00", f"simulated/{own.person}")
    assert made.fingerprint("simulated.p0001-s00") == alone.fingerprint("p0001-s00")
    assert len({made.read(name).person for name in made.ids()}) == 4


def test_what_cannot_be_is_refused() -> None:
    for parts in ((), ({"people": 2},), ({"name": "several"},)):
        with pytest.raises(UsageError, match="part"):
            several.build(several.Config(parts=parts))
    with pytest.raises(UsageError, match="unknown key 'peeple'"):
        several.build(several.Config(parts=({"name": "simulated", "peeple": 2},)))
    with pytest.raises(InputError, match="not_found"):
        several.build(several.Config(parts=({**PART},))).read("other.p0000-s00")
