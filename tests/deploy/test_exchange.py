"""What is measured goes out in other programs' forms: valid by their own rules, and never as if it were measured."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsewise.cli.main import status
from pulsewise.core.errors import InputError
from pulsewise.core.recording import Recording, Signal
from pulsewise.deploy import fhir, open_mhealth
from pulsewise.deploy.marks import kubios_rr, wfdb_annotations
from pulsewise.deploy.measure import measure_recording
from pulsewise.signals.edits import read_edits

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    """Two minutes, of which half a minute has no signal."""
    t = np.arange(64 * 120) / 64
    turn = 2 * np.pi * 1.2 * t
    x = np.exp(3 * np.cos(turn - 1.0 - 0.3 * np.sin(turn)))
    x[64 * 30 : 64 * 60] = 0.0
    signal = Signal("ir", "ppg", "a.u.", 64.0, x.astype(np.float32))
    (found,) = measure_recording(Recording("r1", (signal,), person="p1", start_utc=START))
    return found.to_dict()


@pytest.fixture(scope="module")
def undated(measured: dict[str, Any]) -> dict[str, Any]:
    return {**measured, "recording": {**measured["recording"], "start_utc": None}}


def test_every_observation_is_valid_fhir_r4_and_says_it_is_an_estimate(measured, undated) -> None:
    resources = pytest.importorskip("fhir.resources.R4B.bundle")
    for one in (measured, undated):
        whole = fhir.bundle([one])
        checked = resources.Bundle.model_validate(json.loads(json.dumps(whole)))
        assert len(checked.entry) == len(whole["entry"]) >= 5
        for entry in whole["entry"]:
            item = entry["resource"]
            assert item["status"] == "preliminary" and item["method"]["text"].startswith("estimated from PPG")
            assert ("effectivePeriod" in item) == (one is measured)
            assert {"valueQuantity", "valueCodeableConcept", "valueSampledData", "dataAbsentReason"} & set(item)


def test_a_wrong_observation_would_be_seen(measured) -> None:
    resources = pytest.importorskip("fhir.resources.R4B.observation")
    good = next(iter(fhir.observations(measured)))
    resources.Observation.model_validate(good)
    for broken in ({**good, "status": None}, {**good, "valueQuantity": "72"}, {**good, "made_up": 1}):
        with pytest.raises(ValueError, match="validation"):
            resources.Observation.model_validate(broken)


def test_sampled_data_come_back(measured) -> None:
    series = [o["valueSampledData"] for o in fhir.observations(measured) if "valueSampledData" in o]
    values = fhir.unsampled(series[0])
    assert values == pytest.approx([w["heart_rate"].get("value") for w in measured["windows"]], nan_ok=True)
    assert values[1] is None and series[0]["period"] == 30_000


HEADER = {
    "type": "object",
    "required": ["id", "creation_date_time", "schema_id"],
    "properties": {
        "id": {"type": "string"},
        "creation_date_time": {"type": "string", "format": "date-time"},
        "schema_id": {
            "type": "object",
            "required": ["namespace", "name", "version"],
            "properties": {
                "namespace": {"pattern": "^[a-zA-Z0-9.-]+$"},
                "version": {"pattern": r"^\d+\.(\d+|x)(\.\w+)?$"},
            },
        },
        "acquisition_provenance": {
            "type": "object",
            "required": ["source_name"],
            "properties": {"modality": {"enum": ["sensed", "self-reported"]}},
        },
    },
}
MOMENT = {"type": "string", "format": "date-time"}
FRAME = {
    "type": "object",
    "required": ["time_interval"],
    "properties": {
        "time_interval": {
            "type": "object",
            "required": ["start_date_time", "end_date_time"],
            "properties": {"start_date_time": MOMENT, "end_date_time": MOMENT},
        }
    },
}


def schema(name: str, unit: str) -> dict[str, Any]:
    """The rules of a data point with a body of heart-rate-2.0 or respiratory-rate-2.0."""
    value = {
        "type": "object",
        "required": ["value", "unit"],
        "properties": {"value": {"type": "number"}, "unit": {"enum": [unit]}},
    }
    body = {
        "type": "object",
        "required": [name, "effective_time_frame"],
        "properties": {name: value, "effective_time_frame": FRAME},
    }
    return {"type": "object", "required": ["header", "body"], "properties": {"header": HEADER, "body": body}}


def test_data_points_keep_the_rules_of_open_mhealth(measured, undated) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    points = open_mhealth.data_points([measured])
    assert len({p["header"]["id"] for p in points}) == len(points) >= 3
    for point in points:
        (name,) = set(point["body"]) & set(open_mhealth.SCHEMAS)
        rules = schema(name, open_mhealth.SCHEMAS[name][2])
        jsonschema.validate(point, rules, format_checker=jsonschema.FormatChecker())
        assert "estimated" in point["header"]["acquisition_provenance"]["source_name"]
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**point, "body": {**point["body"], name: {"value": 60, "unit": "Hz"}}}, rules)
    first = points[0]["body"]["effective_time_frame"]["time_interval"]
    assert first["start_date_time"] == START.isoformat()
    with pytest.raises(InputError, match="--start"):
        open_mhealth.data_points([undated])
    later = datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=1)))
    assert open_mhealth.data_points([undated], start=later)[0]["body"]["effective_time_frame"]["time_interval"][
        "start_date_time"
    ].startswith("2026-01-01T08:00")


def test_intervals_and_marks_come_back_through_the_readers(measured, tmp_path: Path) -> None:
    from pulsewise.formats import _wfdb_annotations as annotations
    from pulsewise.formats import kubios

    path = tmp_path / "rr.txt"
    path.write_text(kubios_rr(measured))
    (read,) = kubios.read(path, kubios.ReadOptions())
    assert len(read.events) >= 100
    marks, whole = annotations.parse(wfdb_annotations(measured))
    events, lost = annotations.to_events(marks, 64.0, 120.0)
    times = [e.time for e in events if e.kind == "beat"]
    assert whole and not lost and times == pytest.approx(measured["beats"]["time_s"], abs=0.01)
    assert any(e.kind == "rhythm" and e.text == "(N" for e in events)


@pytest.fixture()
def recording(tmp_path: Path) -> Path:
    turn = 2 * np.pi * 1.2 * np.arange(64 * 40) / 64
    rows = "".join(f"{k / 64:.6f},{v:.6f}\n" for k, v in enumerate(np.exp(3 * np.cos(turn - 1.0 - 0.3 * np.sin(turn)))))
    (tmp_path / "a.csv").write_text("time,ppg\n" + rows)
    return tmp_path / "a.csv"


def test_the_command_writes_every_form(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"--plot": "p.png", "--rr": "rr.txt", "--marks": "m.atr"}
    options = [word for option, name in files.items() for word in (option, str(tmp_path / name))]
    assert status(["measure", str(recording), "--fhir", *options]) == 0
    assert json.loads(capsys.readouterr().out)["resourceType"] == "Bundle"
    assert all((tmp_path / name).stat().st_size > 100 for name in files.values())
    assert status(["measure", str(recording), "--open-mhealth"]) == 3
    assert status(["measure", str(recording), "--open-mhealth", "--start", "2026-01-31T10:00:00+01:00"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["body"]["heart_rate"]["unit"] == "beats/min"
    assert status(["measure", str(recording), "--json", "--fhir"]) == 2
    assert status(["measure", str(recording), "--plot", str(tmp_path / "p.gif")]) == 2


def test_corrected_beats_come_from_a_file(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["measure", str(recording), "--json"]) == 0
    times = json.loads(capsys.readouterr().out)["beats"]["time_s"]
    edits = tmp_path / "edits.csv"
    edits.write_text(f"time_s,action,who,why\n{times[3]},remove,AB,movement\n{times[6]},mark,AB,ectopic\n")
    assert status(["measure", str(recording), "--json", "--beats", str(edits)]) == 0
    found = json.loads(capsys.readouterr().out)["beats"]
    assert len(found["time_s"]) == len(times) - 1 and found["interval_s"].count(None) == 2
    assert [e["why"] for e in found["edits"]] == ["movement", "ectopic"]
    for text, why in (
        ("1.0,remove,AB,", "who made it and why"),
        ("x,add,AB,seen", "seconds"),
        ("1,erase,AB,x", "action"),
    ):
        edits.write_text(f"time_s,action,who,why\n{text}\n")
        with pytest.raises(InputError, match=why):
            read_edits(edits)
