"""BIDS physio: nothing is known without the JSON file beside the table."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.data.open import detect
from pulsewise.formats import bids_physio

NAME = "sub-01_task-rest_physio"


def write(folder: Path, facts: object = None, rows: str | None = None) -> Path:
    rows = rows or "".join(f"{i}\t{'n/a' if i == 5 else i * 2}\t{int(i % 50 == 10)}\n" for i in range(200))
    path = folder / f"{NAME}.tsv.gz"
    path.write_bytes(gzip.compress(rows.encode()))
    default = {"SamplingFrequency": 50.0, "StartTime": -22.345, "Columns": ["cardiac", "respiratory", "trigger"],
               "respiratory": {"Units": "mV"}}  # fmt: skip
    if facts != {}:
        (folder / f"{NAME}.json").write_text(json.dumps(default if facts is None else facts))
    return path


def test_columns_rate_and_triggers(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert detect(path).format == "bids_physio"
    (recording,) = bids_physio.read(path)
    assert [(s.name, s.kind, s.unit, s.rate) for s in recording.signals] == [
        ("cardiac", "ppg", "a.u.", 50), ("respiratory", "resp", "mV", 50),
    ]  # fmt: skip
    assert np.flatnonzero(~recording.signal("resp").valid).tolist() == [5]
    assert [e.time for e in recording.events] == [0.2, 1.2, 2.2, 3.2]
    assert "start_time" in {n.code for n in recording.provenance.notes} and recording.id == NAME


def test_what_the_cardiac_column_is_the_user_may_say(tmp_path: Path) -> None:
    (recording,) = bids_physio.read(write(tmp_path), ReadOptions(columns={"cardiac": "ecg"}))
    assert recording.signals[0].kind == "ecg"


def test_without_the_json_file_a_rate_is_needed(tmp_path: Path) -> None:
    path = write(tmp_path, {})
    with pytest.raises(PulsewiseError) as caught:
        bids_physio.read(path)
    assert caught.value.code == "sampling_rate" and "--rate" in str(caught.value)
    (recording,) = bids_physio.read(path, ReadOptions(rate=50, kind="ppg"))
    assert [s.name for s in recording.signals] == ["column_1", "column_2", "column_3"]


@pytest.mark.parametrize(
    ("facts", "rows", "code"),
    [
        ({"Columns": ["a"], "SamplingFrequency": 50}, None, "malformed"),
        ({"Columns": ["a", "b", "c"], "SamplingFrequency": "fast"}, None, "sampling_rate"),
        ({"Columns": ["a", "b", "c"], "SamplingFrequency": -1}, None, "sampling_rate"),
        ([], None, "malformed"),
        (None, "\n", "empty_recording"),
    ],
)
def test_damaged_descriptions(tmp_path: Path, facts: object, rows: str | None, code: str) -> None:
    with pytest.raises(PulsewiseError) as caught:
        bids_physio.read(write(tmp_path, facts, rows))
    assert caught.value.code == code


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(gzip.compress(b"1\t1\t0\n" * 10_000_000, 9))
    with pytest.raises(PulsewiseError) as caught:
        bids_physio.read(path)
    assert caught.value.code == "expands_too_much"
