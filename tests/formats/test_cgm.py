"""Exports of glucose devices: units, censored values, clocks that change, dates in two orders, nobody's name."""

import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.core.units import MGDL_PER_MMOLL
from pulsewise.data.open import detect, open_file
from pulsewise.formats import dexcom, libreview, nightscout, tidepool, xdrip

CLARITY = (
    "Index,Timestamp (YYYY-MM-DDThh:mm:ss),Event Type,Event Subtype,Patient Info,Device Info,Source Device ID,"
    "Glucose Value (mg/dL),Insulin Value (u),Carb Value (grams),Duration (hh:mm:ss),"
    "Glucose Rate of Change (mg/dL/min),Transmitter Time (Long Integer),Transmitter ID"
)
GERMAN = (
    "Index;Zeitstempel (JJJJ-MM-TTThh:mm:ss);Ereignistyp;Ereignissubtyp;Patienteninfo;Geräteinfo;Quellgeräte-ID;"
    "Glukosewert (mmol/L);Insulinwert (E);Kohlenhydratwert (Gramm);Dauer (hh:mm:ss);"
    "Glukose-Änderungsrate (mmol/L/min);Sendezeit (lange ganze Zahl);Transmitter-ID"
)
PERSONAL = [
    "1,,FirstName,,Janecanary,,,,,,,,,", "2,,LastName,,Doecanary,,,,,,,,,", "3,,DateOfBirth,,1960-05-12,,,,,,,,,",
    "4,,Device,,,Dexcom G6 Mobile App,SM12345678,,,,,,,", "5,,Alert,Fall,,,SM12345678,70,,,,,,",
]  # fmt: skip
BEGIN = datetime(2026, 3, 28, 20, 0, 0)


def values(recording: Recording, method: str = "cgm") -> list[float]:
    return [float(r.value) for r in recording.references if r.method == method]


def code(read: object, path: Path, options: ReadOptions | None = None) -> str:
    with pytest.raises(PulsewiseError) as caught:
        read(path, options)  # type: ignore[operator]  # a reader
    return caught.value.code


def clarity(
    path: Path, shown: list[str], moments: list[datetime], ticks: list[int] | None = None, head: str = CLARITY,
    personal: list[str] | None = None,
) -> Path:  # fmt: skip
    separator = ";" if head is GERMAN else ","
    rows = [
        f"{i + 9},{m.isoformat()},EGV,,,,SM12345678,{v},,,,,{'' if ticks is None else ticks[i]},{'8XCANARY'}".replace(
            ",", separator
        )
        for i, (v, m) in enumerate(zip(shown, moments, strict=True))
    ]
    if head is GERMAN:
        rows = [row.replace("\0", ",") for row in rows]
    lines = [head, *(PERSONAL if personal is None else personal), *rows]
    path.write_text("\n".join(line.replace(",", separator) if line in PERSONAL else line for line in lines) + "\n",
                    encoding="utf-8-sig")  # fmt: skip
    return path


def every(minutes: float, count: int, start: datetime = BEGIN) -> list[datetime]:
    return [start + timedelta(minutes=minutes * i) for i in range(count)]


# -- Dexcom Clarity -------------------------------------------------------------------------------------------------


def test_clarity_keeps_readings_and_drops_persons(tmp_path: Path) -> None:
    path = clarity(tmp_path / "Clarity_Export.csv", ["120", "Low", "High", "95"], every(5, 4))
    assert detect(path).format == "dexcom"
    (recording,) = dexcom.read(path)
    assert [(r.kind, r.value, r.unit, r.flag, r.time) for r in recording.references] == [
        ("glucose", 120, "mg/dL", "ok", 0), ("glucose", 40, "mg/dL", "censored_low", 300),
        ("glucose", 400, "mg/dL", "censored_high", 600), ("glucose", 95, "mg/dL", "ok", 900),
    ]  # fmt: skip
    text = str(recording)
    assert (
        not any(word in text for word in ("canary", "CANARY", "1960", "SM12345678")) and recording.device == "Dexcom G6"
    )
    assert {"FirstName", "LastName", "DateOfBirth", "Patient Info", "Transmitter ID"} <= set(
        recording.provenance.dropped
    )
    assert recording.start_utc is None and "no_zone" in {n.code for n in recording.provenance.notes}


def test_clarity_in_german_with_decimal_commas_and_millimoles(tmp_path: Path) -> None:
    plain = clarity(tmp_path / "a.csv", ["5.5", "Low", "7.25"], every(5, 3), head=CLARITY.replace("mg/dL", "mmol/L"))
    other = clarity(tmp_path / "b.csv", ["5\x005", "Niedrig", "7\x0025"], every(5, 3), head=GERMAN)
    assert detect(other).format == "dexcom"
    (one,), (two,) = dexcom.read(plain), dexcom.read(other)
    points = clarity(tmp_path / "c.csv", ["5.5", "Niedrig", "7.25"], every(5, 3), head=GERMAN)
    assert values(dexcom.read(points)[0]) == values(one), "semicolons do not make a decimal comma"
    assert values(one) == values(two) == pytest.approx([5.5 * MGDL_PER_MMOLL, 40, 7.25 * MGDL_PER_MMOLL])
    assert {r.source_unit for r in one.references} == {"mmol/L"}


def test_clarity_of_big_ideas_has_a_blank_and_no_transmitter(tmp_path: Path) -> None:
    head = CLARITY.rpartition(",")[0]
    rows = [
        f"{i},{m:%Y-%m-%d %H:%M:%S},EGV,,,,iPhone G6,{100 + i},,,,,{4000 + 300 * i}" for i, m in enumerate(every(5, 4))
    ]
    (tmp_path / "a.csv").write_text("\n".join([head, *rows]))
    assert detect(tmp_path / "a.csv").format == "dexcom"
    assert values(dexcom.read(tmp_path / "a.csv")[0]) == [100, 101, 102, 103]


def test_a_change_to_summer_time_is_seen_by_the_transmitters_clock(tmp_path: Path) -> None:
    true = every(30, 24)
    shown = [m if m < datetime(2026, 3, 29, 2) else m + timedelta(hours=1) for m in true]
    path = clarity(tmp_path / "a.csv", ["100"] * 24, shown, [9000 + 1800 * i for i in range(24)])
    (recording,) = dexcom.read(path)
    np.testing.assert_allclose([r.time for r in recording.references], 1800.0 * np.arange(24))
    assert [n.count for n in recording.provenance.notes if n.code == "clock_change"] == [1]
    (zoned,) = dexcom.read(path, ReadOptions(zone="Europe/Berlin"))
    assert zoned.start_utc is not None and zoned.start_utc.isoformat() == "2026-03-28T19:00:00+00:00"
    assert [r.time for r in zoned.references] == [r.time for r in recording.references]


def test_a_gap_without_a_transmitters_clock_needs_the_zone(tmp_path: Path) -> None:
    path = clarity(tmp_path / "a.csv", ["100", "101", "102"], [BEGIN, *every(5, 2, BEGIN + timedelta(hours=2))])
    assert code(dexcom.read, path) == "local_time"
    (recording,) = dexcom.read(path, ReadOptions(zone="Europe/Berlin"))
    assert [r.time for r in recording.references] == [0, 7200, 7500]


def test_a_time_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = clarity(tmp_path / "a.csv", ["100", "101"], every(5, 2, datetime(2026, 3, 29, 2, 30)))
    assert code(dexcom.read, path, ReadOptions(zone="Europe/Berlin")) == "local_time"


def test_millimoles_under_a_header_of_milligrams_are_refused(tmp_path: Path) -> None:
    assert code(dexcom.read, clarity(tmp_path / "a.csv", ["5.5", "7.1"], every(5, 2))) == "unit"


@pytest.mark.parametrize(
    ("text", "expected"), [("", "empty_recording"), (CLARITY + "\n", "empty_recording"), ("a,b\n", "malformed")]
)
def test_damaged_clarity(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert code(dexcom.read, tmp_path / "a.csv") == expected


# -- FreeStyle LibreView --------------------------------------------------------------------------------------------

LIBRE = (
    "Device,Serial Number,Device Timestamp,Record Type,Historic Glucose mg/dL,Scan Glucose mg/dL,"
    "Non-numeric Rapid-Acting Insulin,Rapid-Acting Insulin (units),Non-numeric Food,Carbohydrates (grams),"
    "Carbohydrates (servings),Non-numeric Long-Acting Insulin,Long-Acting Insulin Value (units),Notes,"
    "Strip Glucose mg/dL,Ketone mmol/L,Meal Insulin (units),Correction Insulin (units),User Change Insulin (units)"
)
FRENCH = LIBRE.replace("Device,Serial Number,Device Timestamp", "Appareil,Numéro de série,Horodatage").replace(
    "Historic Glucose", "Historique de la glycémie"
).replace("Scan Glucose", "Numérisation de la glycémie")  # fmt: skip


def libre(path: Path, stamps: list[str], head: str = LIBRE, first: bool = True) -> Path:
    kinds = {0: (4, "110"), 1: (5, "118"), 2: (14, "121")}
    rows = []
    for i, stamp in enumerate(stamps):
        row = ["FreeStyle LibreLink", "SERIALCANARY", stamp, str(i % 3), *[""] * 15]
        row[kinds[i % 3][0]], row[13] = kinds[i % 3][1], "note of canary"
        rows.append(",".join(row))
    junk = ["Glucose Data,Generated on,28-03-2026 09:00 UTC,Generated by,Jane Canary"] if first else []
    path.write_text("\n".join([*junk, head, *rows]) + "\n", encoding="utf-8")
    return path


SETTLED = {
    "month first, dashes, halves": [f"03-28-2026 09:0{i} PM" for i in range(6)],
    "month first, slashes": [f"03/28/2026 21:0{i}" for i in range(6)],
    "day first": [f"28-03-2026 21:0{i}" for i in range(6)],
}


@pytest.mark.parametrize("form", SETTLED)
@pytest.mark.parametrize("head", [LIBRE, FRENCH], ids=["english", "french"])
@pytest.mark.parametrize("first", [True, False])
def test_libreview_in_its_three_date_formats(tmp_path: Path, form: str, head: str, first: bool) -> None:
    path = libre(tmp_path / "a.csv", SETTLED[form], head, first)
    assert detect(path).format == "libreview"
    (recording,) = libreview.read(path, ReadOptions(zone="Europe/Paris"))
    assert recording.start_utc is not None and recording.start_utc.isoformat() == "2026-03-28T20:00:00+00:00"
    assert [(r.value, r.method, r.time) for r in recording.references] == [
        (110, "cgm", 0), (118, "scan", 60), (121, "finger", 120),
        (110, "cgm", 180), (118, "scan", 240), (121, "finger", 300),
    ]  # fmt: skip
    assert "canary" not in str(recording).casefold() and recording.provenance.dropped


def test_ambiguous_dates_are_refused_until_the_user_says_their_form(tmp_path: Path) -> None:
    path = libre(tmp_path / "a.csv", [f"03/04/2026 21:0{i}" for i in range(6)])
    assert code(libreview.read, path) == "ambiguous_date"
    for form, month in (("%d/%m/%Y %H:%M", 4), ("%m/%d/%Y %H:%M", 3)):
        (recording,) = libreview.read(path, ReadOptions(date_format=form, zone="UTC"))
        assert recording.start_utc is not None and recording.start_utc.month == month


@pytest.mark.parametrize("separator", [",", ";"])
def test_scans_in_millimoles_with_decimal_commas(tmp_path: Path, separator: str) -> None:
    head = LIBRE.replace("mg/dL", "mmol/L").replace(",", separator)
    rows = [["x", "y", f"28-03-2026 21:0{i}", "1", "", '"6,5"', *[""] * 13] for i in range(3)]
    (tmp_path / "a.csv").write_text("\n".join([head, *(separator.join(row) for row in rows)]) + "\n")
    assert detect(tmp_path / "a.csv").format == "libreview"
    (recording,) = libreview.read(tmp_path / "a.csv")
    assert values(recording, "scan") == pytest.approx([6.5 * MGDL_PER_MMOLL] * 3)


def test_readings_that_are_there_twice_count_once(tmp_path: Path) -> None:
    stamps = ["28-03-2026 21:00"] * 3 + ["28-03-2026 21:00"] * 3 + ["28-03-2026 21:15"]
    (recording,) = libreview.read(libre(tmp_path / "a.csv", stamps))
    assert len(recording.references) == 4
    assert sum(n.count for n in recording.provenance.notes if n.code == "duplicate_row") == 3


@pytest.mark.parametrize(
    ("text", "expected"), [("", "empty_recording"), (LIBRE + "\n", "empty_recording"), ("a,b\n", "malformed")]
)
def test_damaged_libreview(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert code(libreview.read, tmp_path / "a.csv") == expected


# -- Nightscout, Tidepool -------------------------------------------------------------------------------------------

MS = 1_774_728_000_000


def entry(i: int, value: object, **more: object) -> dict[str, object]:
    return {
        "_id": f"id{i}",
        "type": "sgv",
        "sgv": value,
        "date": MS - 300_000 * i,
        "trend": 4,
        "device": "share2",
        **more,
    }


def test_nightscout_newest_first_with_error_codes_and_limits(tmp_path: Path) -> None:
    entries = [entry(0, 180), entry(1, 39), entry(2, 401), entry(3, 5), entry(4, None), entry(5, 100)]
    entries.append({"type": "mbg", "mbg": 99, "dateString": "2026-03-28T19:00:00.000Z"})
    (tmp_path / "entries.json").write_text(json.dumps(entries))
    assert detect(tmp_path / "entries.json").format == "nightscout"
    (recording,) = nightscout.read(tmp_path / "entries.json")
    assert [(r.value, r.flag, r.method) for r in recording.references] == [
        (99, "ok", "finger"), (100, "ok", "cgm"), (400, "censored_high", "cgm"), (40, "censored_low", "cgm"),
        (180, "ok", "cgm"),
    ]  # fmt: skip
    assert recording.start_utc is not None and recording.start_utc.isoformat() == "2026-03-28T19:00:00+00:00"
    assert {n.code: n.count for n in recording.provenance.notes} == {"sensor_error": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "empty_recording"),
     ("[]", "empty_recording"), ("{}", "malformed"), ("[" * 100_000, "malformed"),
     ("[NaN]", "malformed"),
     ('[{"sgv": true, "date": 1774728000000}]', "empty_recording"),
     ('[{"sgv": 120, "date": 1e300}]', "empty_recording")],
)  # fmt: skip
def test_damaged_json(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "a.json").write_text(text)
    assert code(nightscout.read, tmp_path / "a.json") == expected


def test_tidepool_takes_the_unit_of_each_entry(tmp_path: Path) -> None:
    def cbg(i: int, value: float, **more: object) -> dict[str, object]:
        return {"type": "cbg", "value": value, "units": "mmol/L", "time": f"2026-03-28T20:{5 * i:02d}:00.000Z",
                "deviceTime": "2026-03-28T21:00:00", "deviceId": "DexG6_CANARY", **more}  # fmt: skip

    low = {"annotations": [{"code": "bg/out-of-range", "value": "low", "threshold": 2.2}]}
    entries = [cbg(0, 5.5), cbg(1, 2.1, **low), cbg(2, 120, units="mg/dL", type="smbg"), {"type": "bolus", "normal": 3}]
    (tmp_path / "a.json").write_text(json.dumps(entries))
    assert detect(tmp_path / "a.json").format == "tidepool"
    (recording,) = tidepool.read(tmp_path / "a.json")
    assert [(round(float(r.value), 3), r.flag, r.method, r.source_unit) for r in recording.references] == [
        (99.086, "ok", "cgm", "mmol/L"), (40, "censored_low", "cgm", "mmol/L"), (120, "ok", "finger", "mg/dL"),
    ]  # fmt: skip
    assert "canary" not in str(recording).casefold()


# -- xDrip ----------------------------------------------------------------------------------------------------------


def database(path: Path, rows: list[tuple[object, object]]) -> Path:
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE BgReadings (_id INTEGER PRIMARY KEY, timestamp INTEGER, calculated_value REAL)")
        base.executemany("INSERT INTO BgReadings (timestamp, calculated_value) VALUES (?, ?)", rows)
    base.close()
    return path


def test_xdrip_database(tmp_path: Path) -> None:
    path = database(
        tmp_path / "export.sqlite", [(MS + 300_000 * i, 100.5 + i) for i in range(5)] + [(None, 1), (MS, "x")]
    )
    assert detect(path).format == "xdrip"
    (recording,) = open_file(path)
    assert isinstance(recording, Recording) and values(recording) == [100.5, 101.5, 102.5, 103.5, 104.5]
    assert recording.start_utc is not None and recording.start_utc.timestamp() == MS / 1000
    assert [n.count for n in recording.provenance.notes if n.code == "invalid_row"] == [2]


def test_a_database_of_something_else_or_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE other (x)")
    base.close()
    assert code(xdrip.read, path) == "malformed"
    path.write_bytes(path.read_bytes()[:3000])
    assert code(xdrip.read, path) == "malformed"


def test_xdrip_table(tmp_path: Path) -> None:
    rows = [f"28.03.2026;20:{5 * i:02d};{100 + i};;;;remark of canary" for i in range(4)] + ["28.03.2026;20:18;;97;;;"]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["DAY;TIME;UDT_CGMS;BG_LEVEL;CH_GR;BOLUS;REMARK", *rows]))
    assert detect(path).format == "xdrip"
    (recording,) = xdrip.read(path)
    assert isinstance(recording, Recording)
    assert values(recording) == [100, 101, 102, 103] and values(recording, "finger") == [97]
    assert "canary" not in str(recording)


def test_censored_values_by_sign(tmp_path: Path) -> None:
    path = clarity(tmp_path / "a.csv", ["<40", "100", ">400"], every(5, 3))
    assert [(r.value, r.flag) for r in dexcom.read(path)[0].references] == [
        (40, "censored_low"), (100, "ok"), (400, "censored_high"),
    ]  # fmt: skip
