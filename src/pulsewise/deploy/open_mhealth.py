"""What was measured as Open mHealth data points: heart-rate-2.0 and respiratory-rate-2.0, one per window.

The header says `sensed` for how it came about and names pulsewise as its source with the word `estimated`. A data point
needs a moment: a recording without a start is refused unless one is given.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pulsewise import __version__
from pulsewise.core.errors import InputError

Json = dict[str, Any]

SCHEMAS = {
    "heart_rate": ("heart-rate", "2.0", "beats/min"),
    "respiratory_rate": ("respiratory-rate", "2.0", "breaths/min"),
}
"""Name, version and unit of each quantity's schema."""

_SPACE = uuid.UUID("0d9c2a52-7f0b-5f62-b1b5-5a1d0a4f7c11")


def data_points(
    measured: Sequence[Mapping[str, Any]], *, start: datetime | None = None, created: datetime | None = None
) -> list[Json]:
    """The data points of recordings; windows without a value have none.

    Parameters
    ----------
    measured : sequence of mapping
        As `Measured.to_dict` gives it.
    start : datetime, optional
        Aware; of recordings that do not say when they began. `local_time` where neither is known.
    created : datetime, optional
        Of the data points; now where None.
    """
    made = (created or datetime.now(UTC)).isoformat(timespec="seconds")
    return [point for one in measured for point in _points(one, start, made)]


def _points(one: Mapping[str, Any], start: datetime | None, made: str) -> Iterator[Json]:
    recording = one["recording"]
    said = recording.get("start_utc")
    origin = datetime.fromisoformat(said) if said else start
    if origin is None or origin.tzinfo is None:
        raise InputError(
            "local_time",
            "a data point needs to know when it was; the recording does not say when it began",
            where=str(recording.get("id", "")),
            fix="give --start 2026-01-31T10:00:00+01:00",
        )
    origin += timedelta(seconds=float(recording.get("offset_s") or 0))
    for window in one["windows"]:
        for name, (schema, version, unit) in SCHEMAS.items():
            if "value" not in window[name]:
                continue
            moments = [(origin + timedelta(seconds=float(window[k]))).isoformat() for k in ("start_s", "end_s")]
            source = f"{recording.get('sha256') or recording.get('id')}/{recording['kind']}/{name}/{moments[0]}"
            yield {
                "header": {
                    "id": str(uuid.uuid5(_SPACE, source)),
                    "creation_date_time": made,
                    "schema_id": {"namespace": "omh", "name": schema, "version": version},
                    "acquisition_provenance": {
                        "source_name": f"pulsewise {__version__}, estimated from {recording['kind'].upper()}",
                        "modality": "sensed",
                    },
                    "user_id": str(recording.get("person") or recording.get("id") or "unknown"),
                },
                "body": {
                    name: {"value": window[name]["value"], "unit": unit},
                    "effective_time_frame": {
                        "time_interval": {"start_date_time": moments[0], "end_date_time": moments[1]}
                    },
                    "descriptive_statistic": "average",
                },
            }
