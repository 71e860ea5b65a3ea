"""Two estimators on the same rows."""

import re

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.judge.compare import compare
from pulsewise.judge.result import from_json
from pulsewise.judge.score import Settings
from pulsewise.show.report import render

QUICK = Settings(resamples=300)


def tables(tmp_path, noises=(3.0, 6.0), people=30, readings=6, timed=True):
    random = np.random.default_rng(0)
    person = np.repeat(np.arange(people), readings)
    reference = np.round(120 + random.normal(0, 15, people)[person] + random.normal(0, 6, len(person)), 2)
    paths = []
    for name, noise in zip(("new", "old"), noises, strict=True):
        estimate = reference + random.normal(0, noise, len(person))
        rows = [
            f"p{p},{i % readings},{r},{e:.3f}"
            for i, (p, r, e) in enumerate(zip(person, reference, estimate, strict=True))
        ]
        order = random.permutation(len(rows)) if timed else range(len(rows))
        head = "subject,time,reference,estimate" if timed else "subject,n,reference,estimate"
        paths.append(tmp_path / f"{name}.csv")
        paths[-1].write_text("\n".join([head, *(rows[i] for i in order)]) + "\n")
    return paths


@pytest.mark.parametrize("timed", [True, False])
def test_the_difference_over_people(tmp_path, timed):
    new, old = tables(tmp_path, timed=timed)
    found = compare(new, "sbp", beside=old, settings=QUICK)[0].paired
    assert (found.code, found.rows, found.people) == ("better", 180, 30)
    assert found.difference.value == pytest.approx(found.mae[0].value - found.mae[1].value)
    assert found.difference.low < found.difference.value < found.difference.high < 0
    assert found.closer.value > 0.6


def test_the_margin_decides_what_is_not_worse(tmp_path):
    new, old = tables(tmp_path, noises=(5.2, 5.0))
    codes = [compare(new, "sbp", beside=old, margin=m, settings=QUICK)[0].paired.code for m in (None, 2.0, 0.001)]
    assert codes[0] in ("inconclusive", "worse") and codes[1] == "non_inferior" and codes[2] != "non_inferior"


def test_a_result_with_a_pair_is_read_back(tmp_path):
    new, old = tables(tmp_path)
    result, rows = compare(new, "sbp", beside=old, settings=QUICK)
    assert from_json(result.to_json()).paired.headline == "new errs less than old"
    assert [p.estimator for p in result.quantities] == ["new", "old"]
    assert set(rows["estimator"].to_pylist()) == {"new", "old"}
    assert "<h1>New errs less than old.</h1>" in render(result, rows)


def test_rows_that_do_not_belong_together_are_refused(tmp_path):
    new, old = tables(tmp_path)
    old.write_text(re.sub(r"(p3,2,)[^,]+", r"\g<1>99", old.read_text()))
    with pytest.raises(PulsewiseError) as error:
        compare(new, "sbp", beside=old, settings=QUICK)
    assert error.value.code == "label"
    old.write_text("subject,time,reference,estimate\nz,0,120,120\n")
    with pytest.raises(PulsewiseError) as error:
        compare(new, "sbp", beside=old, settings=QUICK)
    assert error.value.code == "shape"


def test_few_people_get_a_difference_and_no_answer(tmp_path):
    new, old = tables(tmp_path, people=4)
    found = compare(new, "sbp", beside=old, settings=QUICK)[0].paired
    assert found.code == "too_few_people" and found.difference.value is not None
