"""What can be taken away: a recording's tables in the forms that other programs and the glucose project read."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.recording import Recording, Reference, Signal
from pulsewise.core.table import to_csv
from pulsewise.core.windows import Windows
from pulsewise.deploy import fhir, open_mhealth
from pulsewise.deploy.marks import kubios_rr, wfdb_annotations
from pulsewise.deploy.serve.jobs import Arrays, Given, Made, bundle_of, part_of
from pulsewise.deploy.tables import WINDOW_COLUMNS
from pulsewise.formats import glucose_labels, glucose_peaks, glucose_windows
from pulsewise.signals import condition


@dataclass(frozen=True)
class Form:
    """A file that can be downloaded: the end of its name, its media type, what it needs and what is in it."""

    ending: str
    media: str
    needs: tuple[str, ...]
    about: str


CSV = "text/csv; charset=utf-8"
JSON = "application/json"
FORMS: dict[str, Form] = {
    "raw": Form("_raw.csv", CSV, (), "time,ppg: every sample, empty where nothing was recorded"),
    "cleansed": Form("_raw_cleansed.csv", CSV, (), "time,ppg: the samples that can be used, at their own times"),
    "peaks": Form("_peaks.csv", CSV, ("measured",), "peak_index,time,amplitude_original,amplitude_preprocessed"),
    "windows": Form("_filtered_windows.csv", CSV, ("model",), "a line per window: beat, similarity, mean, SD, range"),
    "windows_long": Form("_filtered_windows_detailed.csv", CSV, ("model",), "window_index,sample_index,amplitude"),
    "windows_wide": Form("_ppg_windows.csv", CSV, ("model",), "a line per window with all its samples"),
    "labels": Form("_glucose_labels.csv", CSV, ("model",), "window_index,glucose_mg_dl from the references"),
    "glucose": Form("_glucose_predictions.csv", CSV, ("predicted",), "window_index,glucose_mg_dl as estimated"),
    "estimates": Form(
        "_estimates.csv", CSV, ("predicted",), "a line per window and quantity, with interval and reasons"
    ),
    "vitals": Form("_vitals.csv", CSV, ("measured",), "a line per window: heart rate, respiration, rhythm, quality"),
    "measure": Form("_measure.json", JSON, ("measured",), "what pulsewise measure says"),
    "rr": Form("_rr.txt", "text/plain; charset=utf-8", ("measured",), "intervals between beats in ms, as for Kubios"),
    "beats": Form(".atr", "application/octet-stream", ("measured",), "beats and rhythm as WFDB annotations"),
    "edits": Form("_edits.csv", CSV, (), "beats corrected by hand: who, why"),
    "references": Form("_references.csv", CSV, (), "reference values with their times"),
    "fhir": Form("_fhir.json", "application/fhir+json", ("measured",), "a FHIR R4 Bundle of Observations"),
    "openmhealth": Form("_open_mhealth.json", JSON, ("measured",), "Open mHealth data points"),
}


def download(given: Given, arrays: Arrays) -> Made:
    """The content of one form, as bytes."""
    made = MAKERS[given["form"]](given, part_of(given, arrays))
    content = made.encode("utf-8") if isinstance(made, str) else made
    return {}, [np.frombuffer(content, np.uint8)]


def _signal(given: Given, part: Recording | Windows) -> Signal:
    if isinstance(part, Windows):
        raise InputError("modality", "the file holds windows, a recording is needed", fix="upload the recording")
    return part.signal(given["signal"])


def _raw(given: Given, part: Recording | Windows) -> str:
    return _samples(_signal(given, part), every=True)


def _cleansed(given: Given, part: Recording | Windows) -> str:
    return _samples(_signal(given, part), every=False)


def _samples(signal: Signal, *, every: bool) -> str:
    out = io.StringIO()
    out.write(f"time,{signal.kind}\n")
    for time, value, ok in zip(signal.times.tolist(), signal.samples.tolist(), signal.valid.tolist(), strict=True):
        if ok or every:
            out.write(f"{time:.6f},{value:.7g}\n" if ok else f"{time:.6f},\n")
    return out.getvalue()


def _peaks(given: Given, part: Recording | Windows) -> bytes:
    signal = _signal(given, part)
    smooth = condition.condition(signal, condition.PRESETS["glucose-description"])
    times = np.array(given["measured"]["beats"]["time_s"], dtype=float)
    place = np.clip(np.rint(times * signal.rate).astype(int), 0, max(len(signal.samples) - 1, 0))
    same = len(smooth.samples) == len(signal.samples)
    after = smooth.samples[place] if same else np.interp(times, smooth.times - signal.start, smooth.samples)
    return _written(lambda path: glucose_peaks.write_peaks(place, times, signal.samples[place], after, path))


def _cut(given: Given, part: Recording | Windows) -> Windows:
    from pulsewise.deploy.serve.made import cut

    return cut(bundle_of(given), part)[0]


def _windows(given: Given, part: Recording | Windows) -> str:
    from pulsewise.deploy.serve.made import similarity

    windows = _cut(given, part)
    first = windows.samples[:, 0]
    alike = similarity(windows.samples[:, :1], first.mean(axis=0)[None]) if len(windows) else np.zeros(0)
    numbers = windows.columns.get("window", np.arange(len(windows)))
    drawn = ("window_mean", "window_std", "window_min", "window_max")
    names = ("window_index", "peak_index", "window_length", "similarity_score", *drawn)
    rows = [
        (int(numbers[i]), int(windows.columns["beat_index"][i]), windows.length, float(alike[i]), float(row.mean()),
         float(row.std()), float(row.min()), float(row.max()))
        for i, row in enumerate(first)
    ]  # fmt: skip
    return to_csv([dict(zip(names, row, strict=True)) for row in rows], names)


def _long(given: Given, part: Recording | Windows) -> bytes:
    windows = _cut(given, part)
    return _written(lambda path: glucose_windows.write_long(windows, path))


def _wide(given: Given, part: Recording | Windows) -> bytes:
    windows = _cut(given, part)
    return _written(lambda path: glucose_windows.write_wide(windows, path))


def _labels(given: Given, part: Recording | Windows) -> bytes:
    from pulsewise.data.align import Config, label

    references = [Reference(**one) for one in given["references"]]
    labelled = label(_cut(given, part), references, Config(), ["glucose"])
    numbers = labelled.columns.get("window", np.arange(len(labelled)))
    values = [None if np.isnan(v) else float(v) for v in labelled.label("glucose")]
    return _written(lambda path: glucose_labels.write_predictions(numbers.tolist(), values, path))


def _glucose(given: Given, part: Recording | Windows) -> str:
    rows = [row for row in given["predicted"]["windows"] if row["quantity"] == "glucose"]
    if not rows:
        raise UsageError("usage", "the model does not estimate glucose", where="model", fix="choose one that does")
    cells = [{"window_index": row["window"], "glucose_mg_dl": row["value"]} for row in rows]
    return to_csv(cells, ("window_index", "glucose_mg_dl"))


def _estimates(given: Given, part: Recording | Windows) -> str:
    return to_csv(given["predicted"]["windows"], [name for name in WINDOW_COLUMNS if name not in ("file", "recording")])


def _vitals(given: Given, part: Recording | Windows) -> str:
    rows = list(vital_rows(given["measured"]))
    return to_csv(rows, list(dict.fromkeys(name for row in rows for name in row)))


def vital_rows(measured: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row per window: every value with its bounds, and why where there is none."""
    for window in measured["windows"]:
        row = {name: window[name] for name in ("start_s", "end_s", "quality", "quality_reasons")}
        for name, said in window.items():
            if isinstance(said, dict) and {"value", "abstained"} & set(said):
                row |= {name: said.get("value"), f"{name}_low": said.get("low"), f"{name}_high": said.get("high")}
                row[f"{name}_abstained"] = said.get("abstained")
            elif isinstance(said, dict):
                row |= {f"{name}_{inner}": one.get("value") for inner, one in said.items() if isinstance(one, dict)}
        yield row


def _edits(given: Given, part: Recording | Windows) -> str:
    return to_csv(given["edits"], ("time_s", "action", "who", "why", "signal", "at"))


def _references(given: Given, part: Recording | Windows) -> str:
    names = ("quantity", "value", "unit", "time_s", "flag")
    rows = [{**one, "quantity": one["kind"], "time_s": one["time"]} for one in given["references"]]
    return to_csv(rows, names)


def _json(given: Given, part: Recording | Windows) -> str:
    return json.dumps(given["measured"], indent=1, sort_keys=True, allow_nan=False) + "\n"


def _fhir(given: Given, part: Recording | Windows) -> str:
    return json.dumps(fhir.bundle([given["measured"]]), indent=1, allow_nan=False) + "\n"


def _open_mhealth(given: Given, part: Recording | Windows) -> str:
    start = part.start_utc if isinstance(part, Recording) else None
    return json.dumps(open_mhealth.data_points([given["measured"]], start=start), indent=1, allow_nan=False) + "\n"


def _written(write: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="pulsewise-") as folder:
        path = Path(folder) / "table.csv"
        write(path)
        return path.read_bytes()


def rows_of(text: str, most: int = 100_000) -> list[dict[str, str]]:
    """A small CSV table as rows; `malformed` where it is none, `too_large`."""
    try:
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error:
        raise InputError("malformed", "the table is no CSV", where="body") from None
    if len(rows) > most:
        raise InputError("too_large", f"at most {most} rows are taken", where="body")
    return [{(k or "").strip().casefold(): (v or "").strip() for k, v in row.items() if k} for row in rows]


MAKERS: dict[str, Callable[[Given, Recording | Windows], str | bytes]] = {
    "raw": _raw, "cleansed": _cleansed, "peaks": _peaks, "windows": _windows, "windows_long": _long,
    "windows_wide": _wide, "labels": _labels, "glucose": _glucose, "estimates": _estimates, "vitals": _vitals,
    "measure": _json, "rr": lambda given, _: kubios_rr(given["measured"]),
    "beats": lambda given, _: wfdb_annotations(given["measured"]), "edits": _edits, "references": _references,
    "fhir": _fhir, "openmhealth": _open_mhealth,
}  # fmt: skip
