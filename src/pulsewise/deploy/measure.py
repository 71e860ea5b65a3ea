"""Files in, vital signs out: what `signals.measure` says of every pulse and ECG in them, in parallel, resumable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.config import fingerprint
from pulsewise.core.errors import InputError, PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording, Signal
from pulsewise.core.windows import Windows
from pulsewise.data.open import open_file
from pulsewise.deploy import batch
from pulsewise.deploy.batch import Outcome, Progress
from pulsewise.signals.edits import Edit
from pulsewise.signals.measure import PULSATILE, measure
from pulsewise.signals.measured import SCHEMA_VERSION, Measured, plain

LOWEST_ACC_RATE = 10.0
ORDER = ("ppg", "ecg", "abp")
"""What is measured of a recording, in this order."""


@dataclass(frozen=True)
class Job:
    """What decides the answer for a file, besides the file; window and step in s."""

    options: ReadOptions
    format: str | None = None
    window: float | None = None
    step: float | None = None
    signal: str | None = None
    edits: tuple[Edit, ...] = ()
    qtc: str = "fridericia"


def measure_files(
    paths: Sequence[str | Path],
    options: ReadOptions | None = None,
    *,
    format: str | None = None,
    window: float | None = None,
    step: float | None = None,
    signal: str | None = None,
    edits: Sequence[Edit] = (),
    qtc: str = "fridericia",
    workers: int | None = 1,
    out: str | Path | None = None,
    progress: Progress | None = None,
    inside: Callable[[float], None] | None = None,
) -> list[Outcome]:
    """Vital signs of files or folders, in the order given.

    Parameters
    ----------
    paths : sequence of path
        Files of any known format, or folders of them.
    options, format
        What the files do not say themselves.
    window, step : float, optional
        Seconds; as `signals.measure.measure`.
    signal : str, optional
        Measure only this channel, or this kind (`ppg`, `ecg`, `abp`).
    edits : sequence of Edit, optional
        Corrected beats; those that name a signal go to the signals of this name or kind only.
    qtc : str
        Formula of QTc.
    workers : int, optional
        Processes; None: as many as are useful.
    out : path, optional
        Folder in which outcomes are kept: a second call does only what is new or has changed.
    progress : callable, optional
        Called with 1 for every file that is done.
    inside : callable, optional
        Called with how much of a file is done, 0 to 1, again and again, where this process measures it.

    Returns
    -------
    list of dict
        Each with `file`, `status` (ok, abstained, error), `error`, and `recordings`: JSON objects of
        `Measured.to_dict`, one per recording and kind of signal.
    """
    job = Job(options or ReadOptions(), format, window, step, signal, tuple(edits), qtc)
    settings = fingerprint([asdict(job), SCHEMA_VERSION])
    here = None if inside is None else partial(outcome_of, job=job, inside=inside)
    work = batch.Batch(partial(_begin, job), settings, SCHEMA_VERSION, here)
    return batch.run(work, paths, workers=workers, out=None if out is None else Path(out), progress=progress)


def _begin(job: Job) -> Callable[[Path], Outcome]:
    return partial(outcome_of, job=job)


def outcome_of(path: Path, job: Job, inside: Callable[[float], None] | None = None) -> Outcome:
    """What is measured in one file; faults of the file are part of the answer."""
    result: Outcome = {"file": path.name, "status": "error", "error": None, "recordings": []}
    try:
        for part in open_file(path, job.options, format=job.format):
            if isinstance(part, Windows):
                raise InputError("modality", "the file holds windows, a recording is needed", fix="give recordings")
            result["recordings"] += [found.to_dict() for found in measure_recording(part, job, inside)]
    except PulsewiseError as error:
        return {**result, "recordings": [], "error": error.to_dict()}
    answered = any("value" in one["summary"]["heart_rate"] for one in result["recordings"])
    result["status"] = "ok" if answered else "abstained"
    return result


def measure_recording(
    recording: Recording, job: Job | None = None, inside: Callable[[float], None] | None = None
) -> list[Measured]:
    """What is measured in every kind of signal of a recording; `modality` where none has beats.

    `inside` is called with how much is done, 0 to 1.
    """
    job = job or Job(ReadOptions())
    found: list[Measured] = []
    wanted = groups(recording, job.signal)

    def told(share: float) -> None:
        if inside is not None:
            inside((len(found) + share) / len(wanted))

    for group in wanted:
        samples = np.stack([s.samples for s in group])
        valid = np.stack([s.valid for s in group])
        first = group[0]
        arm = arm_of(recording, first) if first.kind == "ppg" else None
        names = {"", first.kind, *(s.name for s in group)}
        one = measure(
            samples,
            first.rate,
            first.kind,
            acc=None if arm is None else arm[0],
            acc_rate=None if arm is None else arm[1],
            window=job.window,
            step=job.step,
            valid=valid,
            edits=[e for e in job.edits if e.signal in names],
            qtc=job.qtc,
            unit=first.unit if first.kind == "ecg" else "",
            progress=told,
        )
        found.append(Measured(**{**vars(one), "recording": {**about(recording, group), **one.recording}}))
    return found


def groups(recording: Recording, wanted: str | None = None) -> list[list[Signal]]:
    """Signals that are measured together: of one kind, rate, start and length; `modality` where there are none."""
    known: dict[tuple[str, float, float, int], list[Signal]] = {}
    for signal in recording.signals:
        if signal.kind in PULSATILE and len(signal.samples) and wanted in (None, signal.kind, signal.name):
            known.setdefault((signal.kind, signal.rate, signal.start, len(signal.samples)), []).append(signal)
    if not known:
        have = ", ".join(f"{s.name} ({s.kind})" for s in recording.signals) or "none"
        raise InputError(
            "modality",
            f"a pulse or an ECG is needed; the recording has {have}",
            fix="say what a column is with --column NAME=ppg, or --kind ppg",
        )
    return [group for _, group in sorted(known.items(), key=lambda item: ORDER.index(item[0][0]))]


def arm_of(recording: Recording, signal: Signal) -> tuple[NDArray[np.float64], float] | None:
    """The accelerometer (A, T) beside a signal and its rate (Hz), cut or padded to begin with the signal; or None.

    Axes are those signals of kind `acc` that share the first one's rate, start and length.
    """
    axes = recording.channels("acc")
    if not axes or axes[0].rate < LOWEST_ACC_RATE:
        return None
    same = [s for s in axes if (s.rate, s.start, len(s.samples)) == (axes[0].rate, axes[0].start, len(axes[0].samples))]
    arm = np.stack([np.where(s.valid, s.samples, np.nan) for s in same]).astype(np.float64)
    late = round((axes[0].start - signal.start) * axes[0].rate)
    arm = arm[:, -late:] if late < 0 else np.pad(arm, ((0, 0), (late, 0)), constant_values=np.nan)
    return (arm, axes[0].rate) if arm.shape[1] > len(arm) else None


def about(recording: Recording, group: Sequence[Signal]) -> dict[str, Any]:
    """What is known of the recording, for the key `recording`: never a name."""
    start = recording.start_utc
    found: dict[str, Any] = plain(
        {
            "id": recording.id,
            "person": recording.person,
            "start_utc": start.isoformat() if start else None,
            "offset_s": group[0].start,
            "channel_names": [s.name for s in group],
            "device": recording.device,
            "synthetic": recording.synthetic,
            "format": recording.provenance.format,
            "sha256": recording.provenance.sha256,
            "notes": [{"code": n.code, "message": n.message, "count": n.count} for n in recording.provenance.notes],
        }
    )
    return found
