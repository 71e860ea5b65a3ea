"""Workbooks are read like the text tables they hold; formulas are not computed, sizes not believed."""

import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.data.open import detect, expand, open_recordings
from pulsewise.formats import csv, spreadsheet


def workbook(path: Path, *sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_sheet_is_a_table(tmp_path: Path) -> None:
    rows: list[list[object]] = [["t_s", "ppg", "Patient Name"], *[[i / 50, i % 7 + 0.5, "Zebulon"] for i in range(100)]]
    rows[9][1] = "1_000"
    path = workbook(tmp_path / "a.xlsx", rows)
    assert detect(path).format == "spreadsheet"
    (recording,) = spreadsheet.read(path)
    (signal,) = recording.signals
    assert (signal.rate, signal.kind, len(signal.samples)) == (50, "ppg", 100)
    assert np.flatnonzero(~signal.valid).tolist() == [8]
    assert recording.provenance.dropped == ("Patient Name",) and "Zebulon" not in repr(recording)


def test_dates_and_two_sheets(tmp_path: Path) -> None:
    start = datetime(2026, 1, 2, 3, 4)
    rows = [[None, "Value (mg/dl)"], *[[start + timedelta(minutes=5 * i), 100 + i] for i in range(20)]]
    path = workbook(tmp_path / "a.xlsx", rows, [["words"], ["and", "more"], ["of", "them"]])
    (recording,) = spreadsheet.read(path, ReadOptions(zone="UTC"))
    assert [(r.value, r.time) for r in recording.references[:2]] == [(100, 0), (101, 300)]
    assert recording.start_utc is not None and recording.start_utc.replace(tzinfo=None) == start
    assert "sheet_left_out" in {note.code for note in recording.provenance.notes}


def test_formulas_are_not_computed(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["t", "ppg"], *[[i / 10, "=1+1" if i == 3 else i] for i in range(20)]])
    assert np.flatnonzero(~spreadsheet.read(path)[0].signals[0].valid).tolist() == [3]


def test_a_sheet_that_lies_about_its_size(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["t", "ppg"], *[[i / 10, i] for i in range(20)]])
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    assert b'ref="A1:B21"' in members[sheet]
    members[sheet] = members[sheet].replace(b'ref="A1:B21"', b'ref="A1:XFD1048576"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert len(spreadsheet.read(path)[0].signals[0].samples) == 20


@pytest.mark.parametrize("damage", ["empty", "no_zip", "no_sheet", "bad_xml"])
def test_damaged_workbooks(tmp_path: Path, damage: str) -> None:
    path = workbook(tmp_path / "a.xlsx", [["t", "ppg"], [0, 1], [1, 2]])
    if damage == "empty":
        workbook(path, [])
    elif damage == "no_zip":
        path.write_bytes(b"PK\x03\x04 and nothing else")
    else:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                if "sheet1" in name and damage == "no_sheet":
                    continue
                archive.writestr(name, content[:-40] if "sheet1" in name else content)
    with pytest.raises(PulsewiseError) as caught:
        spreadsheet.read(path)
    assert caught.value.exit_status == 3


def test_entities_do_not_expand(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["t", "ppg"], [0, 1], [1, 2]])
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>'.encode()
    sheet = "xl/worksheets/sheet1.xml"
    members[sheet] = bomb + members[sheet].partition(b"?>")[2].replace(b"<v>0</v>", b"<v>&l9;</v>")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(PulsewiseError):
        spreadsheet.read(path)


# -- real workbooks -------------------------------------------------------------------------------------------------


@pytest.mark.known_answers  # 600,000 cells: half a minute
def test_the_workbook_of_the_web_app_equals_its_text_table(real_data: Path) -> None:
    folder = real_data / "device-webapp/raw/Multi-channel"
    first, second, third = spreadsheet.read(folder / "Multi-channel-input.xlsx")
    (text,) = csv.read(folder / "Multi-channel-input-data.csv")
    assert [s.name for s in first.signals] == ["Pressure_cuff_signal", "Force_pulse", "Signal_1"]
    for recording in (second, third):
        for a, b in zip(recording.signals, text.signals, strict=True):
            assert (a.name, a.kind, a.rate) == (b.name, b.kind, b.rate)
            np.testing.assert_array_equal(a.samples, b.samples)


def test_glucose_and_heart_rate_every_five_minutes(real_data: Path) -> None:
    folder = real_data / "uc-ht-t1dm/raw/data/HT_01"
    (glucose,) = spreadsheet.read(folder / "Glucose.xlsx", ReadOptions(zone="America/Santiago"))
    assert {(r.kind, r.unit) for r in glucose.references} == {("glucose", "mg/dL")}
    assert glucose.references[0].value == 76 and 1500 < len(glucose.references) <= 1721
    (heart,) = spreadsheet.read(folder / "Heart Rate.xlsx", ReadOptions(zone="America/Santiago"))
    assert {r.kind for r in heart.references} == {"heart_rate"}
    assert glucose.start_utc == heart.start_utc
    assert len(expand([folder])) == 5


def test_the_table_of_people_of_ppg_bp(real_data: Path) -> None:
    people = open_recordings(real_data / "ppg-bp/raw/PPG-BP dataset.xlsx")
    assert len(people) == 142 and len({person.person for person in people}) == 142
    for person in people:
        assert {r.kind for r in person.references} == {"sbp", "dbp", "heart_rate"}
        assert {"age", "sex", "height", "weight", "bmi"} <= set(person.demographics)
