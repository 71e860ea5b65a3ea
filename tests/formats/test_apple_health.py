"""Apple Health export: a stream of records, pairs counted once, estimates left out, entities refused."""

import tracemalloc
from pathlib import Path

import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.data.open import detect
from pulsewise.formats import apple_health

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation)*)>
<!ATTLIST HealthData locale CDATA #REQUIRED>
]>
<HealthData locale="en_US">
 <ExportDate value="2020-03-01 10:00:00 -0400"/>
 <Me HKCharacteristicTypeIdentifierDateOfBirth="1960-05-12"
  HKCharacteristicTypeIdentifierBiologicalSex="HKBiologicalSexFemale"/>
"""


def record(kind: str, value: str, unit: str, moment: str) -> str:
    return (
        f'<Record type="HKQuantityTypeIdentifier{kind}" sourceName="Jane Canary&#8217;s Watch" unit="{unit}" '
        f'creationDate="{moment}" startDate="{moment}" endDate="{moment}" value="{value}"/>\n'
    )


SBP = record("BloodPressureSystolic", "121", "mmHg", "2020-02-05 09:14:40 -0400")
DBP = record("BloodPressureDiastolic", "79", "mmHg", "2020-02-05 09:14:40 -0400")
PAIR = f'<Correlation type="HKCorrelationTypeIdentifierBloodPressure" sourceName="x">{SBP}{DBP}</Correlation>'


def write(path: Path, body: str, head: str = HEAD) -> Path:
    path.write_text(head + body + "</HealthData>", encoding="utf-8")
    return path


def test_pairs_count_once_and_units_are_converted(tmp_path: Path) -> None:
    sugar = record("BloodGlucose", "5.5", "mmol&lt;180.1558800000541&gt;/L", "2020-02-05 10:14:40 -0400")
    sugar += record("BloodGlucose", "110", "mg/dL", "2020-02-05 13:15:40 +0000")
    heart = "".join(record("HeartRate", "72", "count/min", f"2020-02-05 09:14:{i:02d} -0400") for i in range(40))
    path = write(tmp_path / "export.xml", SBP + DBP + PAIR + sugar + heart)
    assert detect(path).format == "apple_health"
    (recording,) = apple_health.read(path)
    assert [(r.kind, round(float(r.value), 2), r.time, r.method) for r in recording.references] == [
        ("sbp", 121, 0, "cuff"), ("dbp", 79, 0, "cuff"), ("glucose", 110, 60, ""), ("glucose", 99.09, 3600, ""),
    ]  # fmt: skip
    notes = {n.code: n.count for n in recording.provenance.notes}
    assert notes["duplicate_row"] == 2 and notes["left_out"] == 40
    assert recording.start_utc is not None and recording.start_utc.isoformat() == "2020-02-05T13:14:40+00:00"
    assert recording.demographics == {"sex": "female"} and set(recording.provenance.dropped) == {
        "birth date",
        "source name",
    }
    assert "Canary" not in str(recording) and "1960" not in str(recording)


@pytest.mark.parametrize(
    ("head", "body", "code"),
    [
        (HEAD.replace("]>", '<!ENTITY a "b">]>'), SBP, "malformed"),
        (HEAD.replace("]>", '<!ENTITY a SYSTEM "file:///etc/passwd">]>'), SBP + "&a;", "malformed"),
        (HEAD.replace("]>", '<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'), "&b;", "malformed"),
        (HEAD, "<a>" * 5000, "malformed"),
        (HEAD, "<Record", "malformed"),
        (HEAD, record("HeartRate", "72", "count/min", "2020-02-05 09:14:40 -0400"), "empty_recording"),
        (HEAD, record("BloodGlucose", "5.5", "mg/dL", "2020-02-05 09:14:40 -0400"), "unit"),
        (HEAD, record("BloodGlucose", "1_00", "mg/dL", "2020-02-05 09:14:40 -0400"), "empty_recording"),
        (HEAD, record("BloodGlucose", "100", "mg/dL", "2020-02-05 09:14:40"), "empty_recording"),
    ],
    ids=["entity", "external", "billion laughs", "deep", "cut", "nothing", "unit", "number", "no offset"],
)
def test_what_an_export_never_holds(tmp_path: Path, head: str, body: str, code: str) -> None:
    with pytest.raises(PulsewiseError) as caught:
        apple_health.read(write(tmp_path / "export.xml", body, head))
    assert caught.value.code == code


def test_a_long_export_is_read_as_a_stream(tmp_path: Path) -> None:
    heart = record("HeartRate", "72", "count/min", "2020-02-05 09:14:40 -0400") * 40_000
    path = write(tmp_path / "export.xml", heart + PAIR)
    assert path.stat().st_size > 8e6
    tracemalloc.start()
    (recording,) = apple_health.read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(recording.references) == 2 and peak < 6e6
