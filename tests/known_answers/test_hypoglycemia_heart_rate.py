"""Known answers: hypoglycaemia from an hour of wrist heart rate (UC_HT_T1DM), each tested by a forest of the others.

The answer is close to nothing, and is held to be: ranked by the forest, low and other moments of people it never saw
are a little better than chance, not better than by the time of day, and worse than by who the person is (the prevalence
of each, which an honest model cannot know). Its alarms are of no use.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.known_answers import kept
from tests.known_answers.kept import text

from pulsewise.judge import evolved
from pulsewise.judge.number import of_draws
from pulsewise.judge.score import CONTROLS, Settings

pytestmark = [pytest.mark.known_answers, pytest.mark.real_data]


def test_heart_rate_hardly_tells_low_glucose_in_new_people(real_data: Path) -> None:
    made = kept.run("hypoglycemia-heart-rate", "hypoglycemia-heart-rate", real_data / "uc-ht-t1dm")
    part = made.result().quantities[0]
    readings = kept.readings(kept.rows(made, part.quantity))
    seen = [evolved.Seen("forest", "", readings)]
    lines = {line.name: (line, draws) for line, draws in evolved.yes_or_no(seen, CONTROLS, Settings(resamples=1000))}
    print()
    for name, (line, _) in lines.items():
        print(f"  {name:34s} AUROC {text(line.numbers['auroc'])}  AUPRC {text(line.numbers['auprc'])}")
    forest, clock = lines["forest"], lines["time of day only"]
    auroc = forest[0].numbers["auroc"]
    beside = of_draws(forest[1]["auroc"] - clock[1]["auroc"], auroc.n, auroc.people, 0.95)
    (events,) = part.events
    print(f"  AUROC less that of the time of day: {text(beside)}; n {auroc.n} of {auroc.people} people")
    print(f"  prevalence {text(part.scores[0].numbers['prevalence'])}")
    print(f"  {events.episodes} episodes in {events.days:.0f} days:")
    print(f"  {text(events.sensitivity)} of them caught, {text(events.false_per_day)} false alarms a day")
    person, truth = readings["person"].astype(str), np.asarray(readings["reference"], float)
    for who in np.unique(person):
        print(f"    {who}: prevalence {truth[person == who].mean():.3f}, {int((person == who).sum())} readings")
    assert auroc.people == 10 and auroc.n > 15_000
    assert 0.5 < auroc.value < 0.65
    assert beside.low < 0 < beside.high + 0.05
    assert lines["the person's own mean"][0].numbers["auroc"].value > auroc.value
    assert not part.verdict.claim and part.verdict.code == "no_evidence"
