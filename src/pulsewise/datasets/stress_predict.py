"""Stress-Predict: wrist pulse, EDA, temperature and acceleration (Empatica E4) through stress tasks, 35 people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import DatasetInfo, ReadOptions
from pulsewise.core.recording import Event, Recording
from pulsewise.data.fetch import Source
from pulsewise.data.open import content_hash, open_file
from pulsewise.datasets import _root

INFO = DatasetInfo(
    title="Stress-Predict: a wearable dataset of stress and rest",
    licence="MIT, by the licence file of its repository",
    source="https://github.com/italha-d/Stress-Predict-Dataset",
    citation="Iqbal et al., Sensors 2022;22(21):8135, doi:10.3390/s22218135",
    people="35, of which a copy may hold a part",
    signals="BVP 64 Hz, ACC 32 Hz, EDA and TEMP 4 Hz, 50 to 60 min each",
    labels="begin and end of the tasks; the wristband's heart rate is no reference",
)

NOTICE = """Stress-Predict-Dataset (https://github.com/italha-d/Stress-Predict-Dataset)

MIT License

Copyright (c) 2022 Talha Iqbal

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
"""What must go with everything made of these recordings."""

FETCH = Source("stress-predict-e4", by_hand="clone the repository and give its folder with --from")


@dataclass(frozen=True)
class Config:
    """Where the dataset lies.

    Parameters
    ----------
    root : str, optional
        Folder with `Raw_data`, or one above it; else `$PULSEWISE_DATA/stress-predict-e4`.
    """

    root: str | None = None


@dataclass(frozen=True)
class StressPredict:
    """One session per person."""

    folders: Mapping[str, Path] = field(repr=False)

    def ids(self) -> list[str]:
        """`S01`, `S02`, …"""
        return sorted(self.folders)

    def read(self, recording_id: str) -> Recording:
        """The session; marks of the wearer in pairs become events `task` from the first to the second of a pair."""
        (found,) = open_file(self._folder(recording_id), ReadOptions(keep_ids=True), format="empatica")
        if not isinstance(found, Recording):
            raise InputError("modality", "the session holds windows", where=recording_id)
        return replace(
            found,
            id=recording_id,
            person=recording_id,
            session=recording_id,
            events=tuple(sorted((*found.events, *_tasks(found)), key=lambda event: event.time)),
            conditions={"activity": "stress_tasks", "site": "wrist"},
            provenance=replace(found.provenance, reader="pulsewise.datasets.stress_predict"),
        )

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the files of the session."""
        return _root.digest([], content_hash(self._folder(recording_id)))

    def _folder(self, recording_id: str) -> Path:
        if recording_id not in self.folders:
            raise InputError("not_found", "no such session in this copy of the dataset", where=recording_id[:40])
        return self.folders[recording_id]


def build(config: Config) -> StressPredict:
    """The dataset; `not_found` where it is not."""
    folder = _root.find(config.root, "stress_predict", FETCH.folder, "Raw_data/S*/BVP.csv")
    return StressPredict({path.parent.name: path.parent for path in sorted(folder.glob("Raw_data/S*/BVP.csv"))})


def _tasks(recording: Recording) -> list[Event]:
    tags = [event.time for event in recording.events if event.kind == "tag"]
    if len(tags) % 2:
        return []  # a mark is missing: which ones belong together is not known
    pairs = zip(tags[::2], tags[1::2], strict=True)
    return [Event(begin, "task", str(number), end - begin) for number, (begin, end) in enumerate(pairs, start=1)]
