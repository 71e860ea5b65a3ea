"""Say what was detected in a file or a bundle, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulsewise.cli._options import Json, reading
from pulsewise.core.errors import InputError, PulsewiseError

if TYPE_CHECKING:
    from pulsewise.core.plugin import ReadOptions
    from pulsewise.core.recording import Recording, Signal
    from pulsewise.core.windows import Windows

PANEL = "Start"
REFERENCES_SHOWN = 20
"""With more of them, a table says how many there are and where they lie."""


def describe(path: str | Path, options: ReadOptions | None = None, *, format: str | None = None) -> dict[str, Any]:
    """What is known of a recording file, a bundle or a run folder, as one dictionary; for Python and for --json.

    Parameters
    ----------
    path : str or Path
        A file of any known format, a folder that is one recording, a bundle, or a run folder.
    options : ReadOptions, optional
        What the file does not say itself.
    format : str, optional
        Read as this format, whatever the file looks like.

    What keeps a file from being read is in `error` (code, what, where, fix), beside what was detected. Raises
    `not_found` where nothing is there and `unknown_format` where no reader recognises the file.
    """
    path = Path(path)
    if not path.exists():
        raise InputError("not_found", f"nothing named {path.name!r}", fix="check the path")
    if (path / "bundle.json").is_file():
        from pulsewise.learn.bundle import Bundle

        return {"what": "bundle", "file": path.name, **Bundle.load(path).info()}
    if (path / "run.json").is_file():
        from pulsewise.cli._run import read_json

        about = read_json(path / "run.json")
        stages = sorted(about.get("stages", {}).items(), key=lambda stage: str(stage[1]["ended"]))
        return {"what": "run", "file": path.name, **about, "stages": dict(stages)}
    return _file(path, options, format)


def _file(path: Path, options: ReadOptions | None, format: str | None) -> dict[str, Any]:
    from pulsewise.core.plugin import ReadOptions
    from pulsewise.core.recording import Recording
    from pulsewise.data.open import detect, expand, open_file

    inside = [] if path.is_file() or format else expand([path])
    if inside and inside != [path]:
        files = [{"file": found.relative_to(path).as_posix(), **vars(detect(found))} for found in inside]
        return {"what": "folder", "file": path.name, "files": files}
    found = detect(path, format)
    about: dict[str, Any] = {"what": "file", "file": path.name, **vars(found)}
    try:
        parts = open_file(path, options or ReadOptions(), format=format)
    except PulsewiseError as error:
        return {**about, "recordings": [], "windows": [], "error": error.to_dict()}
    return {
        **about,
        "recordings": [_recording(part) for part in parts if isinstance(part, Recording)],
        "windows": [_windows(part) for part in parts if not isinstance(part, Recording)],
        "error": None,
    }


def _recording(recording: Recording) -> dict[str, Any]:
    p = recording.provenance
    return {
        "id": recording.id,
        "person": recording.person,
        "session": recording.session,
        "start_utc": recording.start_utc.isoformat() if recording.start_utc else None,
        "zone": recording.zone,
        "duration_s": recording.duration,
        "device": recording.device,
        "site": recording.site,
        "synthetic": recording.synthetic,
        "signals": [_signal(signal) for signal in recording.signals],
        "references": [vars(reference) for reference in recording.references],
        "events": len(recording.events),
        "demographics": dict(recording.demographics),
        "conditions": dict(recording.conditions),
        "format": p.format,
        "integrity": p.integrity,
        "notes": [vars(note) for note in p.notes],
        "dropped_for_privacy": list(p.dropped),
    }


def _signal(signal: Signal) -> dict[str, Any]:
    runs = signal.runs()
    inner = (runs[1:, 0] - runs[:-1, 1]) / signal.rate
    return {
        "name": signal.name,
        "kind": signal.kind,
        "unit": signal.unit,
        "rate_hz": signal.rate,
        "rate_from": signal.rate_source,
        "rate_stated_hz": signal.rate_stated,
        "drift_ppm": signal.drift_ppm,
        "start_s": signal.start,
        "duration_s": signal.duration,
        "samples": len(signal.samples),
        "valid_percent": float(100 * signal.valid.mean()) if len(signal.samples) else 0.0,
        "gaps": len(inner),
        "longest_gap_s": float(inner.max()) if len(inner) else 0.0,
        "wavelength_nm": signal.wavelength_nm,
    }


def _windows(windows: Windows) -> dict[str, Any]:
    return {
        "windows": len(windows),
        "channels": list(windows.channels),
        "samples": windows.length,
        "rate_hz": windows.rate,
        "columns": sorted(windows.columns),
        "synthetic": windows.synthetic,
    }


@reading
def info(
    path: Annotated[Path, typer.Argument(help="A file of any known format, a bundle or a run folder.")],
    read_as: Any = None,
    json: Json = False,
) -> None:
    """Say what was detected in a file, and why: format, rate and where it came from, units, gaps, clock drift, what
    was repaired, and which columns were dropped for privacy.

    For a bundle: every stage with its shape and number of parameters. For a run folder: what is done.

    Example: pulsewise info recording.csv --rate 125
    """
    from pulsewise.cli import _output

    options, format = read_as
    found = describe(path, options, format=format)
    if json:
        _output.emit("info", found)
    elif found["what"] == "file":
        _show_file(found)
    else:
        _show_nested(found)
    error = found.get("error")
    if error:
        raise PulsewiseError(**error)


def _show_file(found: Mapping[str, Any]) -> None:
    from pulsewise.cli import _output

    _output.facts({"file": found["file"], "format": f"{found['format']} ({found['why']})"})
    for windows in found["windows"]:
        _output.facts(windows, title="already cut into windows")
    for recording in found["recordings"]:
        about = ("person", "session", "start_utc", "zone", "device", "site")
        facts: dict[str, Any] = {name: recording[name] for name in about}
        facts["duration"] = f"{recording['duration_s']:.6g} s"
        facts["simulated"] = "yes, simulated person" if recording["synthetic"] else ""
        facts["checksum"] = {True: "agrees", False: "DISAGREES", None: ""}[recording["integrity"]]
        for name in ("demographics", "conditions"):
            facts[name] = ", ".join(f"{k} {_output.cell(v)}" for k, v in recording[name].items())
        facts["dropped for privacy"] = recording["dropped_for_privacy"]
        print()
        _output.facts(facts, title=recording["id"])
        columns = ["name", "kind", "unit", "rate_hz", "rate_from", "duration_s", "valid_percent", "gaps"]
        more = ("longest_gap_s", "drift_ppm", "rate_stated_hz", "wavelength_nm")
        columns += [name for name in more if any(signal[name] for signal in recording["signals"])]
        _output.table(recording["signals"], columns)
        if len(recording["references"]) > REFERENCES_SHOWN:
            heads = ("kind", "method", "unit", "source_unit", "count", "low", "median", "high", "censored")
            _output.table(_summary(recording["references"]), heads)
        elif recording["references"]:
            _output.table(recording["references"], ("kind", "value", "unit", "time", "flag", "source_unit", "method"))
        for note in recording["notes"]:
            times = f" ({note['count']} times)" if note["count"] != 1 else ""
            print(f"note: {note['message']}{times} [{note['code']}]")


def _summary(references: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row by quantity, method and unit; `--json` holds every value."""
    from statistics import median

    rows: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for one in references:
        rows.setdefault((one["kind"], one["method"], one["unit"], one["source_unit"]), []).append(one)
    out = []
    for (kind, method, unit, source), several in rows.items():
        row = {"kind": kind, "method": method, "unit": unit, "source_unit": source, "count": len(several)}
        numbers = [one["value"] for one in several if isinstance(one["value"], int | float)]
        if numbers:
            row |= {"low": min(numbers), "median": median(numbers), "high": max(numbers)}
        out.append({**row, "censored": sum(one["flag"].startswith("censored") for one in several)})
    return out


def _show_nested(found: Mapping[str, Any]) -> None:
    """Plain values as facts; lists and dictionaries of dictionaries as tables; other dictionaries as facts."""
    from pulsewise.cli import _output

    inner: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, Mapping) and value and all(isinstance(v, Mapping) for v in value.values()):
            inner[name] = [{"name": key, **row} for key, row in value.items()]
        elif isinstance(value, Mapping) or (isinstance(value, list) and value and isinstance(value[0], Mapping)):
            inner[name] = value
    _output.facts({name: value for name, value in found.items() if name not in inner})
    for name, value in inner.items():
        print()
        if isinstance(value, Mapping):
            _output.facts({k: v for k, v in value.items() if not isinstance(v, Mapping)}, title=name)
        else:
            columns = dict.fromkeys(key for row in value for key in row)
            _output.table(value, [c for c in columns if c != "key"], title=name)
