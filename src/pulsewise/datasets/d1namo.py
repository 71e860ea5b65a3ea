"""D1NAMO: chest-strap ECG at 250 Hz with glucose of people with type 1 diabetes, days of everyday life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_samples
from pulsewise.core.plugin import DatasetInfo
from pulsewise.core.recording import Note, Provenance, Recording, Signal
from pulsewise.data.fetch import Source
from pulsewise.datasets import _root, d1namo_glucose

INFO = DatasetInfo(
    title="D1NAMO: ECG and glucose of people with type 1 diabetes",
    licence="stated at the source; read it before passing anything on",
    source="doi:10.1016/j.imu.2018.09.003 (from memory)",
    citation="Dubosson et al., Informatics in Medicine Unlocked 2018;13:92-100",
    people="9 with type 1 diabetes, of which a folder may hold a part",
    signals="ECG 250 Hz of a chest strap (Zephyr), in its own counts",
    labels="glucose in mmol/L, method cgm or manual (finger)",
)

FETCH = Source("d1namo", by_hand="get the archive from the publisher, unpack it and give its folder with --from")

RATE = 250.0
_STAMP = "%Y_%m_%d-%H_%M_%S"
_FORMS = ("%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S")
WORST_RATE = 0.01
"""How far the rate of the timestamps may be from the stated one, as a share."""


@dataclass(frozen=True)
class Config:
    """Where the dataset lies.

    Parameters
    ----------
    root : str, optional
        Folder of the people (`001/glucose.csv`, `001/sensor_data/<start>/<start>_ECG.csv`), or one above it; else
        `$PULSEWISE_DATA/d1namo`.
    zone : str
        Of its local times, which the tables do not state; the study was made in Switzerland.
    """

    root: str | None = None
    zone: str = "Europe/Zurich"


@dataclass(frozen=True)
class D1namo:
    """One recording per wearing of the strap; readings of the person from an hour before it to an hour after."""

    files: Mapping[str, Path] = field(repr=False)
    zone: str

    def ids(self) -> list[str]:
        """`<person>/<start>`, sorted."""
        return sorted(self.files)

    def read(self, recording_id: str) -> Recording:
        """The ECG with gaps as gaps, and the readings in mg/dL; `malformed`, `sampling_rate`, `local_time`."""
        path = self._path(recording_id)
        person, _, name = recording_id.partition("/")
        begin = datetime.strptime(name, _STAMP)
        signal, notes = _ecg(path, begin)
        sugar = d1namo_glucose.D1namoGlucose(path.parents[2] / "glucose.csv", self.zone).read("glucose")
        start = _root.utc(begin, self.zone)
        shift = (sugar.start_utc - start).total_seconds() if sugar.start_utc is not None else 0.0
        near = [replace(r, time=r.time + shift) for r in sugar.references if r.time is not None]
        last = signal.duration + NEAR_S
        return Recording(
            recording_id,
            (signal,),
            person=person,
            session=name,
            start_utc=start,
            zone=self.zone,
            references=tuple(r for r in near if r.time is not None and -NEAR_S <= r.time <= last),
            conditions={"health": "type_1_diabetes"},
            device="Zephyr BioHarness 3",
            provenance=Provenance("d1namo", "pulsewise.datasets.d1namo", notes=notes, why="layout of the dataset"),
        )

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the ECG (by name, size and time of change), the readings and the zone."""
        path = self._path(recording_id)
        state = path.stat()
        sugar = path.parents[2] / "glucose.csv"
        return _root.digest([sugar], path.name, state.st_size, state.st_mtime_ns, self.zone)

    def _path(self, recording_id: str) -> Path:
        if recording_id not in self.files:
            raise InputError("not_found", "no recording of this name", where=recording_id[:60])
        return self.files[recording_id]


NEAR_S = 3600.0
"""Readings of the person up to this long before and after a recording go with it."""


def build(config: Config) -> D1namo:
    """The dataset; `not_found` where it is not."""
    folder = _root.find(config.root, "d1namo", FETCH.folder, "*/sensor_data/*/*_ECG.csv")
    found = {}
    for path in sorted(folder.glob("*/sensor_data/*/*_ECG.csv")):
        person, name = path.parents[2], path.parent.name
        try:
            datetime.strptime(name, _STAMP)
        except ValueError:
            continue
        if (person / "glucose.csv").is_file():  # healthy people have none
            found[f"{person.name}/{name}"] = path
    if not found:
        raise InputError("not_found", "nobody in the folder has both an ECG and glucose.csv", where="d1namo")
    return D1namo(found, config.zone)


def _ecg(path: Path, begin: datetime) -> tuple[Signal, tuple[Note, ...]]:
    """The samples where their times put them, on a grid of 250 Hz."""
    try:
        table = csv.read_csv(
            path, convert_options=csv.ConvertOptions(column_types={"Time": pa.string(), "EcgWaveform": pa.float32()})
        )
        times, values = table.column("Time"), table.column("EcgWaveform")
    except (pa.ArrowInvalid, KeyError) as error:
        said = "the table needs the columns Time and EcgWaveform"
        raise InputError("malformed", said, where=path.name) from error
    check_samples(table.num_rows, where=path.name)
    if table.num_rows < 2:
        raise InputError("empty_recording", "the table holds no samples", where=path.name)
    seconds = _seconds(times, begin, path.name)
    whole = seconds[-1] - seconds[0]
    steps = np.diff(seconds)
    if (steps < 0).any():
        raise InputError("time_order", f"{int((steps < 0).sum())} timestamps run backwards", where=path.name)
    usual = float(np.median(steps))
    if not usual > 0 or abs(1 / usual / RATE - 1) > WORST_RATE:
        said = f"a step of {usual:.4g} s is not that of {RATE:g} Hz"
        raise InputError("sampling_rate", said, where=path.name)
    places = np.rint((seconds - seconds[0]) * RATE).astype(np.int64)
    check_samples(int(places[-1]) + 1, where=path.name)
    samples = np.full(int(places[-1]) + 1, np.nan, np.float32)
    samples[places] = values.to_numpy(zero_copy_only=False)
    lost = len(samples) - len(np.unique(places))
    notes = (Note("gap", "samples are missing between the timestamps", lost),) if lost else ()
    made = Signal("EcgWaveform", "ecg", "a.u.", RATE, samples, start=float(seconds[0]), rate_source="dataset")
    measured = (table.num_rows - 1) / whole if whole > 0 else RATE
    drift = (measured / RATE - 1) * 1e6 if not lost else None
    return replace(made, drift_ppm=drift), notes


def _seconds(times: Any, begin: datetime, where: str) -> NDArray[np.float64]:
    """Times of the samples in seconds from `begin`; `local_time` where they are of no known form."""
    whole = pc.utf8_slice_codeunits(times, 0, 19)
    for form in _FORMS:
        try:
            stamps = pc.strptime(whole, format=form, unit="s")
        except pa.ArrowInvalid:
            continue
        rest = pc.replace_substring_regex(pc.utf8_slice_codeunits(times, 19, 30), pattern="^$", replacement=".0")
        fraction = np.asarray(pc.cast(pc.binary_join_element_wise("0", rest, ""), pa.float64()))
        offset = (begin - datetime(1970, 1, 1)) / timedelta(seconds=1)
        found: NDArray[np.float64] = np.asarray(pc.cast(stamps, pa.int64())).astype(np.float64) - offset + fraction
        return found
    raise InputError("local_time", "the times of the ECG are of no known form", where=where)
