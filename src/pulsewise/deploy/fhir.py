"""What was measured as FHIR R4: a Bundle of Observations that say on every line that they are estimates.

Facts: HL7 FHIR R4 (4.0.1) Observation, SampledData and Bundle; LOINC and UCUM codes as in `CODES`. `status` is
`preliminary` and `method` says what the value was estimated from and by what; an interval goes into `component`s, an
abstention into `dataAbsentReason` with pulsewise's codes as text. Without a known start there is no `effective` time:
the place in the recording is then a note.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pulsewise import __version__
from pulsewise.core.estimate import REASONS

Json = dict[str, Any]

CODES: dict[str, tuple[str, str, str]] = {
    "heart_rate": ("8867-4", "Heart rate", "/min"),
    "respiratory_rate": ("9279-1", "Respiratory rate", "/min"),
    "rhythm": ("8884-9", "Heart rate rhythm", ""),
    "qt": ("8634-8", "Q-T interval", "ms"),
    "qtc": ("8636-3", "Q-T interval corrected", "ms"),
    "sdnn": ("80404-7", "R-R interval.standard deviation (Heart rate variability)", "ms"),
}
"""LOINC code, its name, and the UCUM unit of each quantity."""

RHYTHMS = {
    "af": ("49436004", "Atrial fibrillation"),
    "sinus": ("64730000", "Normal sinus rhythm"),
    "ectopy": ("33413000", "Ectopic beats"),
    "other": ("6285003", "Tachyarrhythmia"),
}
"""SNOMED CT codes of the rhythms."""

_UCUM, _LOINC, _SNOMED = "http://unitsofmeasure.org", "http://loinc.org", "http://snomed.info/sct"
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_SPACE = uuid.UUID("6f3c4b0e-8a53-5d0c-9c5e-3f6f2d1f5a10")


def bundle(measured: Sequence[Mapping[str, Any]], *, windows: bool = True) -> Json:
    """A Bundle (collection) of what was measured in recordings.

    Parameters
    ----------
    measured : sequence of mapping
        As `Measured.to_dict` gives it.
    windows : bool
        Also the heart and respiratory rate of every window, as SampledData.
    """
    entries = [resource for one in measured for resource in observations(one, windows=windows)]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"urn:uuid:{item['id']}", "resource": item} for item in entries],
    }


def observations(one: Mapping[str, Any], *, windows: bool = True) -> Iterator[Json]:
    """The Observations of one recording: its summary, then a series over its windows."""
    recording, summary = one["recording"], one["summary"]
    said = {name: summary[name] for name in CODES if name in summary}
    if "hrv" in summary:
        said["sdnn"] = summary["hrv"]["sdnn"]
    for name, value in said.items():
        whole = _head(recording, name, 0.0, float(recording["duration_s"]), "summary")
        yield whole | _value(name, value, summary["quality"])
    rows = one["windows"]
    starts = [float(w["start_s"]) for w in rows]
    even = len({round(b - a, 6) for a, b in itertools.pairwise(starts)}) == 1
    if windows and even:
        step = starts[1] - starts[0]
        for name in ("heart_rate", "respiratory_rate"):
            series = _head(recording, name, starts[0], float(rows[-1]["end_s"]), "series")
            values = [w[name].get("value") for w in rows]
            yield series | {"valueSampledData": sampled(values, 1000 * step, CODES[name][2])}


def sampled(values: Sequence[float | None], period_ms: float, unit: str) -> Json:
    """Values at a fixed step as SampledData; what is not known is `E`.

    >>> sampled([72.04, None], 2000, "/min")["data"]
    '72.04 E'
    """
    origin = {"value": 0, "unit": unit, "system": _UCUM, "code": unit}
    data = " ".join("E" if value is None else f"{value:.6g}" for value in values)
    return {"origin": origin, "period": period_ms, "dimensions": 1, "data": data}


def unsampled(data: Mapping[str, Any]) -> list[float | None]:
    """The inverse of `sampled`, for one dimension; `E`, `L` and `U` are None.

    >>> unsampled(sampled([72.04, None], 2000, "/min"))
    [72.04, None]
    """
    factor, origin = float(data.get("factor", 1)), float(data["origin"]["value"])
    return [None if word in "ELU" else float(word) * factor + origin for word in str(data["data"]).split()]


def _head(recording: Mapping[str, Any], name: str, start: float, end: float, what: str) -> Json:
    code, display, _ = CODES[name]
    source = f"{recording.get('sha256') or recording.get('id', '')}/{recording['kind']}/{name}/{what}/{start}/{end}"
    method = f"estimated from {recording['kind'].upper()} by pulsewise {__version__}"
    head: Json = {
        "resourceType": "Observation",
        "id": str(uuid.uuid5(_SPACE, source)),
        "status": "preliminary",
        "category": [{"coding": [{"system": _CATEGORY, "code": "vital-signs"}]}],
        "code": {"coding": [{"system": _LOINC, "code": code, "display": display}], "text": name.replace("_", " ")},
        "method": {"text": method},
        "device": {"display": recording.get("device") or "unknown device"},
        "subject": {"identifier": {"value": recording.get("person") or recording.get("id") or "unknown"}},
    }
    notes = ["Estimated, not measured. Research use, not a medical device."]
    if recording.get("synthetic"):
        notes.append("Simulated person.")
    began = recording.get("start_utc")
    if began:
        origin = datetime.fromisoformat(began) + timedelta(seconds=float(recording.get("offset_s") or 0))
        moments = [(origin + timedelta(seconds=s)).isoformat(timespec="milliseconds") for s in (start, end)]
        head["effectivePeriod"] = {"start": moments[0], "end": moments[1]}
    else:
        notes.append(f"From {start:g} s to {end:g} s of the recording.")
    return head | {"note": [{"text": text} for text in notes]}


def _value(name: str, said: Mapping[str, Any], quality: float) -> Json:
    """Value, interval and signal quality, or why there is no value."""
    if "abstained" in said:
        text = "; ".join(f"{code}: {REASONS[code]}" for code in said["abstained"])
        coding = [{"system": _ABSENT, "code": "unknown", "display": "Unknown"}]
        return {"dataAbsentReason": {"coding": coding, "text": text}}
    parts = [_component("signal quality, 0 to 1", quality, "1")]
    if name == "rhythm":
        code, display = RHYTHMS[said["value"]]
        coding = [{"system": _SNOMED, "code": code, "display": display}]
        parts.append(_component("probability of atrial fibrillation", said["af_probability"], "1"))
        return {"valueCodeableConcept": {"coding": coding, "text": said["value"]}, "component": parts}
    unit = CODES[name][2]
    bounds = [bound for bound in ("low", "high") if said.get(bound) is not None]
    parts += [_component(f"{bound} end of the 90 % interval", said[bound], unit) for bound in bounds]
    return {"valueQuantity": _quantity(said["value"], unit), "component": parts}


def _component(text: str, value: float, unit: str) -> Json:
    return {"code": {"text": text}, "valueQuantity": _quantity(value, unit)}


def _quantity(value: float, unit: str) -> Json:
    return {"value": value, "unit": unit, "system": _UCUM, "code": unit}
