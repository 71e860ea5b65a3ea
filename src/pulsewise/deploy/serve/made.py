"""The calls of a computing process: vital signs, estimates, windows, comparisons and reports."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows
from pulsewise.deploy import predict as predicting
from pulsewise.deploy.measure import Job, measure_recording
from pulsewise.deploy.serve import files, judged
from pulsewise.deploy.serve.jobs import FORCED, Arrays, Given, Made, bundle_of, part_of, window_of
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.estimating import windows_for
from pulsewise.signals import measure as measuring
from pulsewise.signals.edits import Edit
from pulsewise.signals.measured import plain

STEPS = 128
"""Of an explanation: seconds, where `pulsewise explain` goes on until it adds up; its error is said either way."""
MOST_DRAWN = 200
"""Windows sent for drawing."""


def measure_window(given: Given, arrays: Arrays) -> Made:
    """Vital signs of samples (C, T)."""
    samples = arrays[0]
    if given.get("kind") not in (None, *measuring.PULSATILE):
        raise InputError("modality", f"measured are {', '.join(measuring.PULSATILE)}", where="kind")
    found = measuring.measure(
        samples, given["rate"], given.get("kind") or "ppg", window=given.get("window"), step=given.get("step")
    )
    return found.to_dict(), []


def predict_window(given: Given, arrays: Arrays) -> Made:
    """Estimates of a model from samples (C, T)."""
    bundle = bundle_of(given)
    recording = window_of(given, arrays, bundle.facts.signals)
    return predicting.one(bundle, recording, force=FORCED[0]), []


def measure(given: Given, arrays: Arrays) -> Made:
    """Vital signs of a recording's channel, with beats as corrected."""
    part = part_of(given, arrays)
    if isinstance(part, Windows):
        raise InputError("modality", "the file holds windows, a recording is needed", fix="upload the recording")
    edits = tuple(Edit(**edit) for edit in given["edits"])
    job = Job(ReadOptions(), window=given["window"], step=given["step"], signal=given["signal"], edits=edits)
    made = measure_recording(part, job)[0].to_dict()
    made["beats"]["time"] = made["beats"]["time_s"]
    seconds = made["seconds"]
    made["quality"] = {"step_s": 1, "score": seconds["quality"], "reason": seconds["reasons"]}
    return made, []


def predict(given: Given, arrays: Arrays) -> Made:
    """Estimates of a model from a recording or ready-made windows."""
    return predicting.one(bundle_of(given), part_of(given, arrays), force=FORCED[0]), []


def windows(given: Given, arrays: Arrays) -> Made:
    """The windows a model sees, each channel's template (their mean), and what was left out and why.

    Samples and templates are rounded for drawing; of more than `MOST_DRAWN` windows some spread over all are sent.
    """
    part, dropped = cut(bundle_of(given), part_of(given, arrays))
    chosen = np.unique(np.linspace(0, len(part) - 1, min(MOST_DRAWN, len(part))).round().astype(int))
    template = part.samples.mean(axis=0) if len(part) else np.zeros(part.samples.shape[1:], np.float32)
    columns, drawn = part.columns, part.samples[chosen]
    told = {
        "rate": part.rate,
        "channels": list(part.channels),
        "length": part.length,
        "count": len(part),
        "start_s": plain(columns["start"][chosen]),
        "window": [int(n) for n in columns.get("window", np.arange(len(part)))[chosen]],
        "beat_index": [int(n) for n in columns["beat_index"][chosen]],
        "quality": plain(columns["quality"][chosen].astype(float)),
        "similarity": plain(similarity(drawn, template)),
        "samples": [[short(row) for row in one] for one in drawn],
        "template": [short(row) for row in template],
        "dropped": dropped,
    }
    return told, []


def cut(bundle: Bundle, part: Recording | Windows) -> tuple[Windows, list[dict[str, Any]]]:
    """The windows of a recording as a model was trained with them, and those left out with the reason."""
    if isinstance(part, Windows):
        return part, []
    made, left = windows_for(bundle, part)
    rows = zip(left.start, left.window, left.reason, strict=True)
    return made, [{"start_s": float(s), "window": int(w), "reason": str(r)} for s, w, r in rows]


def short(values: NDArray[np.float32]) -> list[float | None]:
    """Samples with as many digits as a drawing needs; None for what is not finite."""
    return [float(f"{v:.4g}") if np.isfinite(v) else None for v in values.tolist()]


def explain(given: Given, arrays: Arrays) -> Made:
    """Where in the signal the answer for one window comes from: the explanation, and one line to draw of it.

    Beside one model of random weights, not several as `pulsewise explain` takes: somebody waits for it.
    """
    from pulsewise.judge.explain import Config
    from pulsewise.judge.explain import explain as look

    config = Config(quantity=given["quantity"], windows=1, start_s=given["start_s"], draws=1, steps=STEPS)
    made = look(bundle_of(given), part_of(given, arrays), config, force=FORCED[0]).to_dict()
    window = made["windows"][0]
    channel = window["channels"][0]
    chosen = next((m for m in made["methods"] if m["name"] in channel["values"]), None)
    line = {
        "samples": channel["samples"],
        "attribution": channel["values"][chosen["name"]] if chosen else [],
        "method": chosen["title"] if chosen else "",
        "of_the_model": bool(chosen and chosen["check"]["passed"]),
        "alike": chosen["check"].get("alike") if chosen else None,
        "check": chosen["check"]["words"] if chosen else "",
        "rate": made["rate_hz"],
        "start_s": window["start_s"],
        "value": window["value"],
    }
    return {**made, "drawn": line}, []


def similarity(samples: NDArray[np.float32], template: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine (N,) of windows (N, C, T) with a template (C, T); NaN where either is zero throughout."""
    a = samples.reshape(len(samples), template.size).astype(np.float64)
    b = template.reshape(-1).astype(np.float64)
    size = np.linalg.norm(a, axis=1) * np.linalg.norm(b)
    return np.where(size > 0, (a @ b) / np.where(size > 0, size, 1.0), np.nan)


CALLS = {
    "measure_window": measure_window,
    "predict_window": predict_window,
    "measure": measure,
    "predict": predict,
    "windows": windows,
    "explain": explain,
    "compare": judged.compare,
    "report": judged.report,
    "download": files.download,
}
