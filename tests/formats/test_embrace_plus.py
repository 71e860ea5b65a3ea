"""EmbracePlus: two rules for g by schema version, empty streams, times in microseconds, nobody's number kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.data.open import detect
from pulsewise.formats import embrace_plus

fastavro = pytest.importorskip("fastavro")
BEGIN = 1_700_000_000_000_000


def fields(*names: str, kind: Any = "double") -> list[dict[str, Any]]:
    return [{"name": name, "type": kind} for name in names]


def stream(name: str, axes: tuple[str, ...], more: list[dict[str, Any]]) -> dict[str, Any]:
    own = [{"name": "timestampStart", "type": "long"}, {"name": "samplingFrequency", "type": "float"}, *more]
    own += [{"name": axis, "type": {"type": "array", "items": "int" if len(axes) > 1 else "float"}} for axis in axes]
    return {"name": name, "type": {"type": "record", "name": f"{name}Record", "fields": own}}


def schema(params: tuple[str, ...]) -> dict[str, Any]:
    imu = [{"name": "imuParams", "type": {"type": "record", "name": "imu", "fields": fields(*params)}}]
    longs = {"type": "array", "items": "long"}
    raw = [
        stream("bvp", ("values",), []), stream("accelerometer", ("x", "y", "z"), imu), stream("eda", ("values",), []),
        {"name": "tags", "type": {"type": "record", "name": "tagsR", "fields": fields("tagsTimeMicros", kind=longs)}},
        {"name": "systolicPeaks",
         "type": {"type": "record", "name": "peaksR", "fields": fields("peaksTimeNanos", kind=longs)}},
    ]  # fmt: skip
    version = {"type": "record", "name": "versionR", "fields": fields("major", "minor", "patch", kind="int")}
    enrollment = {"type": "record", "name": "enrollmentR", "fields": fields("participantID", kind="string")}
    top = [
        {"name": "schemaVersion", "type": version}, {"name": "deviceSn", "type": "string"},
        {"name": "timezone", "type": "int"}, {"name": "enrollment", "type": enrollment},
        {"name": "rawData", "type": {"type": "record", "name": "rawR", "fields": raw}},
    ]  # fmt: skip
    return {"type": "record", "name": "top", "fields": top}


def content(version: tuple[int, int, int], params: dict[str, float], **more: Any) -> dict[str, Any]:
    def part(rate: float, **axes: Any) -> dict[str, Any]:
        return {"timestampStart": BEGIN, "samplingFrequency": rate, **axes}

    raw = {
        "bvp": part(64, values=[float(i) for i in range(640)]),
        "accelerometer": {**part(64, x=[2048] * 640, y=[0] * 640, z=[-1024] * 640), "imuParams": params},
        "eda": {"timestampStart": 0, "samplingFrequency": 0, "values": []},
        "tags": {"tagsTimeMicros": [BEGIN + 2_500_000]},
        "systolicPeaks": {"peaksTimeNanos": [(BEGIN + 1_000_000) * 1000]},
        **more,
    }
    return {"schemaVersion": dict(zip(("major", "minor", "patch"), version, strict=True)), "deviceSn": "3YKCANARY",
            "timezone": 3600, "enrollment": {"participantID": "canary-001"}, "rawData": raw}  # fmt: skip


def write(path: Path, facts: dict[str, Any], codec: str = "deflate") -> Path:
    keys = tuple(facts["rawData"]["accelerometer"]["imuParams"])
    with path.open("wb") as file:
        fastavro.writer(file, schema(keys), [facts], codec=codec)
    return path


RULES = {
    "limits": ((6, 2, 0), {"physicalMin": -16, "physicalMax": 16, "digitalMin": -32768, "digitalMax": 32768}),
    "factor": ((6, 5, 0), {"conversionFactor": 1 / 2048}),
}


@pytest.mark.parametrize("rule", RULES)
def test_streams_and_the_two_rules_for_g(tmp_path: Path, rule: str) -> None:
    path = write(tmp_path / "canary_1700000000.avro", content(*RULES[rule]))
    assert detect(path).format == "embrace_plus"
    (recording,) = embrace_plus.read(path)
    assert [(s.name, s.kind, s.unit, s.rate) for s in recording.signals] == [
        ("bvp", "ppg", "a.u.", 64), ("acc x", "acc", "g", 64), ("acc y", "acc", "g", 64), ("acc z", "acc", "g", 64),
    ]  # fmt: skip
    scale = 32 / 65536 if rule == "limits" else 1 / 2048
    assert recording.signal("acc x").samples[0] == pytest.approx(2048 * scale)
    assert recording.signal("acc z").samples[0] == pytest.approx(-1024 * scale)
    assert recording.start_utc is not None and recording.start_utc.timestamp() == BEGIN / 1e6
    assert [(e.kind, e.time) for e in recording.events] == [("device_peak", 1.0), ("tag", 2.5)]
    text = str(recording).replace("id='canary_1700000000'", "")
    assert "canary" not in text.casefold() and set(recording.provenance.dropped) == {"enrollment", "deviceSn"}


def test_counts_without_a_rule_stay_counts(tmp_path: Path) -> None:
    (recording,) = embrace_plus.read(write(tmp_path / "a.avro", content((6, 5, 0), {"physicalMax": 16})))
    assert recording.signal("acc x").unit == "a.u." and recording.signal("acc x").samples[0] == 2048


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"bvp": {"timestampStart": BEGIN, "samplingFrequency": 0, "values": [1.0]}}, "sampling_rate"),
        ({"bvp": {"timestampStart": 5, "samplingFrequency": 64, "values": [1.0]}}, "malformed"),
    ],
)
def test_impossible_streams(tmp_path: Path, more: dict[str, Any], code: str) -> None:
    with pytest.raises(PulsewiseError) as caught:
        embrace_plus.read(write(tmp_path / "a.avro", content(*RULES["factor"], **more)))
    assert caught.value.code == code


def test_all_streams_empty(tmp_path: Path) -> None:
    facts = content(*RULES["factor"])
    for name in ("bvp", "accelerometer"):
        facts["rawData"][name] |= {axis: [] for axis in ("values", "x", "y", "z") if axis in facts["rawData"][name]}
    with pytest.raises(PulsewiseError) as caught:
        embrace_plus.read(write(tmp_path / "a.avro", facts))
    assert caught.value.code == "empty_recording"


def test_a_large_one_comes_whole(tmp_path: Path) -> None:
    facts = content(*RULES["factor"])
    facts["rawData"]["bvp"]["values"] = np.arange(64 * 900, dtype=float).tolist()
    (recording,) = embrace_plus.read(write(tmp_path / "a.avro", facts))
    assert recording.signal("ppg").duration == 900 and recording.signal("ppg").samples[-1] == 64 * 900 - 1
