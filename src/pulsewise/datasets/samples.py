"""Sample recordings of WFDB, NeuroKit and HeartPy: single recordings for trying out and for tests, not for figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pulsewise.core.errors import InputError, PulsewiseError
from pulsewise.core.plugin import DatasetInfo, ReadOptions
from pulsewise.core.recording import Event, Recording
from pulsewise.data.fetch import Source
from pulsewise.data.labels import NUMBER
from pulsewise.data.open import content_hash, open_file
from pulsewise.datasets import _root

INFO = DatasetInfo(
    title="Sample recordings of the WFDB, NeuroKit and HeartPy packages",
    licence="MIT (the packages); the records of WFDB ODC-BY or open",
    source="https://github.com/MIT-LCP/wfdb-python, https://github.com/neuropsychology/NeuroKit, "
    "https://github.com/paulvangentcom/heartrate_analysis_python",
    people="single recordings; a few are of the same person",
    signals="ECG, PPG, ABP, respiration, EDA; 100 to 3000 Hz",
    labels="beats in some",
)

FETCH = Source("wfdb-samples", by_hand="get the sample folders of the packages and give their folder with --from")


@dataclass(frozen=True)
class Sample:
    """One sample: where it is, and what its file does not say; `beats` is a table of sample numbers beside it."""

    path: str
    options: ReadOptions = field(default_factory=ReadOptions)
    beats: str = ""


def _table(rate: float | None, beats: str = "", **columns: str) -> tuple[ReadOptions, str]:
    return ReadOptions(rate=rate, columns=columns), beats


def _one(rate: float, kind: str, unit: str = "", beats: str = "") -> tuple[ReadOptions, str]:
    return ReadOptions(rate=rate, kind=kind, unit=unit or None), beats


_NEUROKIT, _HEARTPY, _NOISY = "neurokit-samples", "heartpy-samples", "examples/5_noisy_ECG/"
KNOWN: Mapping[str, Sample] = {
    f"{folder}/{path}": Sample(path, *said)
    for folder, path, said in (
        (_NEUROKIT, "bio_resting_5min_100hz.csv", _table(100.0, ECG="ecg", PPG="ppg", RSP="resp")),
        (_NEUROKIT, "bio_resting_8min_100hz.csv",
         _table(100.0, ECG="ecg", RSP="resp", EDA="eda", PhotoSensor="ignore")),
        (_NEUROKIT, "bio_eventrelated_100hz.csv",
         _table(100.0, ECG="ecg", RSP="resp", EDA="eda", Photosensor="ignore")),
        (_NEUROKIT, "ecg_1000hz.csv", _table(1000.0, ECG="ecg")),
        (_NEUROKIT, "ecg_3000hz.csv", _table(3000.0, ECG="ecg")),
        (_HEARTPY, "heartpy/data/data.csv", _one(100.0, "ppg")),
        (_HEARTPY, "heartpy/data/data2.csv", _table(None, timer="time", hr="ppg")),
        (_HEARTPY, "heartpy/data/data3.csv", _table(None, datetime="time", hr="ppg")),
        (_HEARTPY, "examples/2_regular_ECG/e0103.csv", _one(250.0, "ecg", "mV")),
        (_HEARTPY, "examples/2_regular_ECG/e0110.csv", _one(250.0, "ecg", "mV")),
        (_HEARTPY, "examples/2_regular_ECG/e0124.csv", _one(250.0, "ecg", "mV")),
        *((_HEARTPY, f"{_NOISY}118e{snr}.csv", _one(360.0, "ecg", "mV", f"{_NOISY}118e{snr}_ann.csv"))
          for snr in ("00", "06", "12", "24")),
    )
}  # fmt: skip
"""Samples whose files do not say enough by themselves; the records of WFDB do."""


@dataclass(frozen=True)
class Config:
    """Where the samples lie.

    Parameters
    ----------
    root : str, optional
        A folder that holds `wfdb-samples`, `neurokit-samples` or `heartpy-samples`; else `$PULSEWISE_DATA`.
    """

    root: str | None = None


@dataclass(frozen=True)
class Samples:
    """Every known sample that is there, and every WFDB record of a name of letters and digits."""

    files: Mapping[str, tuple[Path, Sample]] = field(repr=False)

    def ids(self) -> list[str]:
        """Package and file, e.g. `neurokit-samples/ecg_1000hz`."""
        return sorted(self.files)

    def read(self, recording_id: str) -> Recording:
        """One sample; beats of a table beside it are events."""
        path, sample = self._file(recording_id)
        options = replace(sample.options, keep_ids=True)
        found = open_file(path, options, format="wfdb" if path.suffix == ".hea" else "csv")
        if len(found) != 1 or not isinstance(found[0], Recording):
            raise InputError("modality", "the sample holds several recordings", where=recording_id)
        recording = found[0]
        rate = recording.signals[0].rate if recording.signals else 1.0
        beats = [Event(float(n) / rate, "beat", "N") for n in _numbers(self._beats(path, sample))]
        person = re.sub(r"e\d\d$", "", path.stem) if sample.beats else path.stem
        return replace(
            recording, id=recording_id, person=person, session=recording_id, events=(*recording.events, *beats),
            provenance=replace(recording.provenance, reader="pulsewise.datasets.samples"),
        )  # fmt: skip

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the sample's files."""
        path, sample = self._file(recording_id)
        parts = sorted(path.parent.glob(f"{path.stem}.*")) if path.suffix == ".hea" else [path]
        beats = self._beats(path, sample)
        return _root.digest([], *map(content_hash, [*parts, *([beats] if beats else [])]))

    def _file(self, recording_id: str) -> tuple[Path, Sample]:
        if recording_id not in self.files:
            raise InputError("not_found", "no such sample here", where=recording_id[:60])
        return self.files[recording_id]

    def _beats(self, path: Path, sample: Sample) -> Path | None:
        beside = path.with_name(Path(sample.beats).name) if sample.beats else None
        return beside if beside is not None and beside.is_file() else None


def build(config: Config) -> Samples:
    """The samples; `not_found` where there is none."""
    tops = []
    for folder in ("wfdb-samples", _NEUROKIT, _HEARTPY):
        needed = {"wfdb-samples": "100.hea", _NEUROKIT: "ecg_1000hz.csv", _HEARTPY: "heartpy/data/data.csv"}[folder]
        base = str(Path(config.root) / folder) if config.root and (Path(config.root) / folder).is_dir() else config.root
        try:
            tops.append((folder, _root.find(base, "samples", folder, needed)))
        except PulsewiseError as error:
            if error.code != "not_found":
                raise
    files: dict[str, tuple[Path, Sample]] = {}
    for folder, top in tops:
        for key, sample in KNOWN.items():
            if key.startswith(folder) and (top / sample.path).is_file():
                files[f"{folder}/{Path(sample.path).stem}"] = (top / sample.path, sample)
        if folder == "wfdb-samples":
            names = [path for path in sorted(top.glob("*.hea")) if re.fullmatch(r"[A-Za-z]?\d+[a-z]?", path.stem)]
            files |= {f"{folder}/{path.stem}": (path, Sample(path.name)) for path in names if _has_signal(path)}
    if not files:
        raise InputError("not_found", "no sample was found", fix="give --data DIR that holds the packages' samples")
    return Samples(files)


def _has_signal(path: Path) -> bool:
    return path.with_suffix(".dat").is_file() or path.with_suffix(".mat").is_file()


def _numbers(path: Path | None) -> list[float]:
    if path is None:
        return []
    words = path.read_text(encoding="ascii", errors="replace").split()
    if not all(NUMBER.fullmatch(word) for word in words):
        raise InputError("malformed", "the table of beats holds something else than numbers", where=path.name)
    return [float(word) for word in words]
