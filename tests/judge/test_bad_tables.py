"""Odd tables: a reason instead of a number, nothing that runs in a spreadsheet or a browser, nothing without bounds."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.judge import cells
from pulsewise.judge.compare import compare
from pulsewise.judge.number import REASONS
from pulsewise.judge.pairs import TASKS, read_pairs
from pulsewise.judge.score import Settings
from pulsewise.show.figures import figures_csv
from pulsewise.show.pairs import pairs_csv
from pulsewise.show.report import render

QUICK = Settings(resamples=50)
NAN = re.compile(r"\bnan\b", re.IGNORECASE)


def written(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def numbers(data):
    """Every figure of a result's JSON."""
    if isinstance(data, dict):
        if {"value", "reason", "n", "people"} <= set(data):
            yield data
        for item in data.values():
            yield from numbers(item)
    elif isinstance(data, list):
        for item in data:
            yield from numbers(item)


TABLES = {
    "one row": "subject,reference,estimate\na,100,101\n",
    "one person": "subject,reference,estimate\n" + "".join(f"a,{100 + i},{99 + i}\n" for i in range(20)),
    "two people": "subject,reference,estimate\n" + "".join(f"{'ab'[i % 2]},{100 + i},{99 + i}\n" for i in range(20)),
    "constant estimates": "subject,reference,estimate\n" + "".join(f"p{i % 9},{100 + i},110\n" for i in range(40)),
    "constant references": "subject,reference,estimate\n" + "".join(f"p{i % 9},110,{100 + i}\n" for i in range(40)),
    "both constant": "subject,reference,estimate\n" + "".join(f"p{i % 9},110,110\n" for i in range(40)),
    "no estimate": "subject,reference,estimate\n" + "".join(f"p{i % 9},{100 + i},\n" for i in range(40)),
    "NaN and infinity": "subject,reference,estimate\n" + "".join(
        f"p{i % 9},{100 + i},{('NaN', 'inf', '-inf', '1e400', str(101 + i))[i % 5]}\n" for i in range(40)),
    "all rows equal": "subject,time,reference,estimate\n" + "p1,0,110,111\n" * 40,
    "people partly unknown": "subject,reference,estimate\n" + "".join(
        f"{'' if i % 4 else 'p'},{100 + i},{101 + i}\n" for i in range(40)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "quantity"),
    [*((name, "glucose") for name in TABLES), ("one person", "sbp"), ("constant estimates", "dbp")],
)
def test_a_reason_instead_of_a_number(name, quantity, tmp_path):
    result, rows = compare(written(tmp_path, TABLES[name]), quantity, settings=QUICK)
    data = json.loads(result.to_json(), parse_constant=pytest.fail)
    found = list(numbers(data))
    assert len(found) > 20
    assert all(number["reason"] in REASONS for number in found if number["value"] is None)
    assert not result.verdict.claim or "No number for 32 of 40 windows" in result.verdict.sentence
    assert not NAN.search(render(result, rows)) and not NAN.search(figures_csv(result))


@pytest.mark.parametrize("reference", ["1", "0"])
def test_one_class(reference, tmp_path):
    text = "subject,reference,probability\n" + "".join(f"p{i % 9},{reference},0.{i:02d}\n" for i in range(40))
    result, rows = compare(written(tmp_path, text), "af", settings=QUICK)
    assert result.verdict.code == "one_class"
    json.loads(result.to_json(), parse_constant=pytest.fail)
    assert not NAN.search(render(result, rows)) and not NAN.search(figures_csv(result))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_recording"),
        ("subject,reference,estimate\n", "empty_recording"),
        ("1,2,3\n4,5,6\n", "shape"),
        ("subject,value,other\na,1,2\n", "shape"),
        ("subject,reference,estimate\na,x,1\nb,y,2\n", "label"),
        ("subject,reference,estimate\na,0,1\nb,5000,2\n", "label"),
        ("subject,time,reference,estimate\na,03/04/2026 10:00,110,1\nb,04/04/2026 10:00,111,2\n", "ambiguous_date"),
        ("subject,unit,reference,estimate\na,stone,110,1\n", "unit"),
    ],
)
def test_what_cannot_be_judged_is_refused(text, code, tmp_path):
    with pytest.raises(PulsewiseError) as error:
        read_pairs(written(tmp_path, text), "glucose")
    assert error.value.code == code


def test_too_many_rows_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "MOST_ROWS", 10)
    path = written(tmp_path, "reference,estimate\n" + "100,101\n" * 2000)
    monkeypatch.setattr(cells.csv, "columns", lambda *a, **k: pytest.fail("the table was read"))
    with pytest.raises(PulsewiseError) as error:
        read_pairs(path, "glucose")
    assert error.value.code == "too_large"


def test_units_beside_each_value(tmp_path):
    text = "subject,unit,reference,estimate\na,mg/dL,90,99\nb,mmol/l,5,5.5\n"
    rows = read_pairs(written(tmp_path, text), "glucose").rows
    assert rows["reference"].to_pylist() == pytest.approx([90, 5 * 18.0156])


@pytest.mark.parametrize("quantity", [q for q in TASKS if q not in ("glucose", "dbp", "map", "spo2")])
def test_every_quantity_has_a_report(quantity, tmp_path):
    low, high = TASKS[quantity].targets[0].low, TASKS[quantity].targets[0].high
    lines = [f"p{i % 8},{low + (high - low) * (0.2 + 0.01 * i):.1f},{low + (high - low) * (0.21 + 0.01 * i):.1f}"
             for i in range(40)]  # fmt: skip
    if TASKS[quantity].kind == "binary":
        lines = [f"p{i % 8},{i % 3 == 0:d},{(i % 3 == 0) != (i % 7 == 0):d}" for i in range(40)]
    result, rows = compare(
        written(tmp_path, "subject,reference,estimate\n" + "\n".join(lines)), quantity, settings=QUICK
    )
    assert result.quantity(quantity).view("readings").n == 40 and render(result, rows)


EVIL = ("=1+1", "@SUM(A1)", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "+49", "-x")


def test_names_neither_compute_nor_run(tmp_path):
    """Row 39: people, devices, groups and the table itself may be called anything."""
    lines = ["subject,device,reference,estimate,condition_arm"]
    for i in range(60):
        cell = [text.replace('"', '""') for text in (EVIL[i % 6] + str(i % 10), EVIL[(i // 6) % 2 + 2], EVIL[i % 3])]
        lines.append(f'"{cell[0]}","{cell[1]}",{100 + i},{101 + i},"{cell[2]}"')
    path = written(tmp_path, "\n".join(lines), name="=cmd <script>.csv")
    result, rows = compare(path, "glucose", settings=Settings(resamples=20, keep_ids=True))
    page = render(result, rows)
    assert "<script" not in page and "<img" not in page and "alert(1)" in page
    out = tmp_path / "rows.csv"
    pairs_csv(result, rows, out, keep_ids=True)
    for text in (figures_csv(result), out.read_text()):
        for row in csv.reader(text.splitlines()):
            assert not [c for c in row if (c[:1] in "=@+\t\r" and c) or (c[:1] == "-" and not is_number(c))]


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_every_point_of_the_error_grids_lies_in_its_zone(tmp_path):
    oracle = Path(__file__).parents[1] / "clinical" / "error_grid_zones.csv"
    points = list(csv.DictReader(oracle.read_text().splitlines()))
    kept = [p for p in points if 10 <= float(p["ref"]) <= 999 and 10 <= float(p["test"]) <= 999]
    path = written(tmp_path, "reference,estimate\n" + "".join(f"{p['ref']},{p['test']}\n" for p in kept))
    result, rows = compare(path, "glucose", unit="mg/dL", settings=Settings(resamples=0))
    pairs_csv(result, rows, tmp_path / "zones.csv")
    found = list(csv.DictReader((tmp_path / "zones.csv").read_text().splitlines()))
    assert len(found) == len(kept) > 100
    for point, row in zip(kept, found, strict=True):
        assert row[point["grid"]] == point["zone"], point


def test_people_are_running_numbers_unless_asked_for(tmp_path):
    text = "patient,reference,estimate\n" + "".join(f"Zebedee-{i % 9},{100 + i},{101 + i}\n" for i in range(40))
    result, rows = compare(written(tmp_path, text), "glucose", settings=QUICK)
    pairs_csv(result, rows, tmp_path / "rows.csv")
    everything = result.to_json() + render(result, rows) + figures_csv(result) + (tmp_path / "rows.csv").read_text()
    assert "Zebedee" not in everything
    assert np.unique(rows["person"].to_pylist()).tolist() == [f"Zebedee-{i}" for i in range(9)]
