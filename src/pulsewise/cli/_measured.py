"""How vital signs are shown: a page of one recording, a line of each of many, JSON, CSV, forms of other programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pulsewise.cli import _output
from pulsewise.core.errors import PulsewiseError, UsageError

TITLES = {"heart_rate": "heart rate", "respiratory_rate": "respiratory rate", "rhythm": "rhythm"}
"""Quantities of every recording, and what they are called."""

NAMES = {**TITLES, "qt": "QT", "qtc": "QTc", "mean_nn": "mean interval", "rmssd": "RMSSD", "sdnn": "SDNN",
         "pnn50": "pNN50", "sd1": "SD1", "sd2": "SD2", "hf": "HF power", "lf": "LF power", "lf_hf": "LF/HF",
         "rise_time": "rise time", "width_50": "width at half height", "notch_time": "notch after onset",
         "peak_to_peak_time": "peak to peak time", "reflection_index": "reflection index", "b_a": "b/a", "c_a": "c/a",
         "notch_index": "notch index", "d_a": "d/a", "e_a": "e/a", "ageing_index": "ageing index"}  # fmt: skip


def show(
    outcomes: Sequence[Mapping[str, Any]], *, form: str = "", windows: bool = False, start: str | None = None
) -> None:
    """Print outcomes of `deploy.measure` in a form (`json`, `jsonl`, `csv`, `fhir`, `open-mhealth`) or as tables."""
    recordings = [one for outcome in outcomes for one in outcome["recordings"]]
    if form == "json":
        _json(outcomes, recordings)
    elif form == "jsonl":
        _json_lines(outcomes)
    elif form in ("fhir", "open-mhealth"):
        _exchange(form, recordings, start)
    elif form == "csv" or windows:
        rows = list(window_rows(outcomes))
        columns = list(dict.fromkeys(name for row in rows for name in row))
        if form == "csv":
            from pulsewise.core.table import to_csv

            print(to_csv(rows, columns), end="")
        else:
            _output.table(rows, columns)
    elif len(outcomes) == 1 and recordings:
        for one in recordings:
            _page(outcomes[0]["file"], one)
    elif recordings:
        _output.table(list(lines(outcomes)), ("file", "signal", *TITLES, "quality", "windows"))
    if not form:
        for outcome in outcomes:
            if outcome["error"] and len(outcomes) > 1:
                _output.error(f"{outcome['file']}: {PulsewiseError(**outcome['error'])}")


def _json(outcomes: Sequence[Mapping[str, Any]], recordings: Sequence[Mapping[str, Any]]) -> None:
    if len(outcomes) == 1 and recordings:
        first, *others = recordings
        _output.emit("measure", {**first, "also": others} if others else first)
    else:
        _output.emit("measure", {"files": outcomes})


def _json_lines(outcomes: Sequence[Mapping[str, Any]]) -> None:
    import json

    for outcome in outcomes:
        for one in outcome["recordings"]:
            print(json.dumps({"file": outcome["file"], **one}, ensure_ascii=False, allow_nan=False))
        if outcome["error"]:
            print(json.dumps({"file": outcome["file"], "error": outcome["error"]}, ensure_ascii=False))


def _exchange(form: str, recordings: Sequence[Mapping[str, Any]], start: str | None) -> None:
    import json
    from datetime import datetime

    from pulsewise.deploy import fhir, open_mhealth

    if form == "fhir":
        data: Any = fhir.bundle(recordings)
    else:
        try:
            began = datetime.fromisoformat(start) if start else None
        except ValueError:
            raise UsageError("usage", f"--start wants an ISO time, {start[:40] if start else ''!r} came") from None
        data = open_mhealth.data_points(recordings, start=began)
    print(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False))


def window_rows(outcomes: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row per file, signal and window."""
    for outcome in outcomes:
        for one in outcome["recordings"]:
            for window in one["windows"]:
                row = {"file": outcome["file"], "signal": one["recording"]["kind"]}
                row |= {name: window[name] for name in ("start_s", "end_s", "quality", "quality_reasons")}
                for name in TITLES:
                    said = window[name]
                    row |= {name: said.get("value"), f"{name}_low": said.get("low"), f"{name}_high": said.get("high")}
                    row[f"{name}_abstained"] = said.get("abstained")
                row["af_probability"] = window["rhythm"].get("af_probability")
                for group in ("hrv", "pulse_wave"):
                    row |= {f"{group}_{name}": said.get("value") for name, said in window.get(group, {}).items()}
                row |= {f"{name}_ms": window[name].get("value") for name in ("qt", "qtc") if name in window}
                yield row


def lines(outcomes: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row per file and signal."""
    for outcome in outcomes:
        for one in outcome["recordings"]:
            said = one["summary"]
            row = {"file": outcome["file"], "signal": one["recording"]["kind"], "quality": round(said["quality"], 2)}
            row |= {name: text(said[name]) for name in TITLES}
            yield {**row, "windows": f"{said['windows_with_heart_rate']} of {said['windows']}"}


def _page(file: str, one: Mapping[str, Any]) -> None:
    """Everything of one signal of one file: what it is, what was measured, and what was not and why."""
    recording, said = one["recording"], one["summary"]
    names = ", ".join(recording.get("channel_names") or [])
    title = (
        f"{file}: {recording['kind'].upper()} {names}, {_length(recording['duration_s'])}, {recording['rate_hz']:g} Hz"
    )
    flat = {name: said[name] for name in (*TITLES, "qt", "qtc") if name in said}
    for group in ("hrv", "pulse_wave"):
        flat |= said.get(group, {})
    rows = [_row(name, value) for name, value in flat.items() if "value" in value]
    none: dict[str, list[str]] = {}
    for name, value in flat.items():
        if "value" not in value:
            reason = ", ".join(r.replace("_", " ") for r in value["abstained"])
            none.setdefault(reason, []).append(NAMES.get(name, name))
    rows += [{"quantity": ", ".join(what), "value": "–", "90 % interval": reason} for reason, what in none.items()]
    _output.table(rows, ("quantity", "value", "90 % interval", "unit"), title=title)
    upside_down = ", upside down" if said["polarity"] < 0 else ""
    _output.prose(
        f"Signal quality {said['quality']:.2f}{upside_down}; {said['beats']} beats; a heart rate in "
        f"{said['windows_with_heart_rate']} of {said['windows']} windows."
    )
    for doubt in recording.get("doubts") or ():
        _output.prose(f"Doubtful: {doubt['message']}")
    stamp = "Simulated person. " if recording.get("synthetic") else ""
    _output.prose(f"{stamp}Estimated, not measured by a reference device. Research use. Not a medical device.")


def _row(name: str, value: Mapping[str, Any]) -> dict[str, str]:
    row = {"quantity": NAMES.get(name, name), "unit": value["unit"].replace("ms2", "ms²")}
    if isinstance(value["value"], str):
        probability = f"AF probability {value['af_probability']:.2f}" if "af_probability" in value else ""
        return {**row, "value": value["value"], "90 % interval": probability}
    if "formula" in value:
        row["quantity"] += f" ({value['formula'].capitalize()})"
    interval = "" if value["low"] is None else f"{_number(value['low'])} to {_number(value['high'])}"
    return {**row, "value": _number(value["value"]), "90 % interval": interval}


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _length(seconds: float) -> str:
    """A duration as people say it.

    >>> _length(75), _length(4000)
    ('75 s', '1 h 7 min')
    """
    if seconds < 180:
        return f"{seconds:.4g} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def text(said: Mapping[str, Any]) -> str:
    """A value with its interval and unit, or why there is none.

    >>> text({"value": 72.04, "low": 71.0, "high": 73.1, "unit": "bpm"}), text({"abstained": ["flat"]})
    ('72 (71 to 73) bpm', 'none: flat')
    """
    if "abstained" in said:
        return "none: " + ", ".join(reason.replace("_", " ") for reason in said["abstained"])
    if isinstance(said["value"], str):
        return str(said["value"])
    interval = "" if said["low"] is None else f" ({said['low']:.0f} to {said['high']:.0f})"
    return f"{said['value']:.0f}{interval} {said['unit']}"


def write(
    outcomes: Sequence[Mapping[str, Any]], *, plot: Path | None, rr: Path | None, marks: Path | None
) -> Iterator[Path]:
    """Write the files that were asked for; of several recordings each gets the name of its file and signal."""
    from pulsewise.core.disk import write_atomic
    from pulsewise.deploy.marks import kubios_rr, wfdb_annotations

    whole = [(outcome["file"], one) for outcome in outcomes for one in outcome["recordings"]]
    for file, one in whole:

        def named(path: Path, file: str = file, kind: str = one["recording"]["kind"]) -> Path:
            return path if len(whole) == 1 else path.with_name(f"{path.stem}-{Path(file).stem}-{kind}{path.suffix}")

        if plot is not None:
            from pulsewise.show.vitals import draw

            yield draw(one, named(plot))
        if rr is not None:
            yield write_atomic(named(rr), kubios_rr(one))
        if marks is not None:
            yield write_atomic(named(marks), wfdb_annotations(one))
