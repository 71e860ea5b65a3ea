"""Copies to share: no planted name, number, place or date comes through any reader and any writer; signals stay."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsewise.core.errors import UsageError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Event, Note, Provenance, Recording, Reference, Signal
from pulsewise.data.convert import convert, writers
from pulsewise.data.deidentify import deidentify
from pulsewise.data.open import open_file

CANARIES = ("janecanary", "wardcanary", "serialcanary", "1960")
WAVE = np.round(1000 * np.sin(np.arange(1000) / 7)).astype(np.float32)
START = datetime(2026, 3, 28, 20, 5, tzinfo=UTC)


def planted() -> Recording:
    """A recording with a name in every text it has."""
    name = "JaneCanary"
    valid = np.ones(1000, dtype=bool)
    valid[100:150] = False
    clocks = {f"clock of {name}": START.timestamp() + np.arange(1000) / 100}
    return Recording(
        name,
        (Signal(f"{name} PPG", "ppg", "a.u.", 100.0, WAVE, valid, clocks=clocks),
         Signal("II", "ecg", "mV", 100.0, WAVE)),
        person=name, session=f"{name} 1960", start_utc=START, zone="Europe/Berlin",
        references=(Reference("sbp", 121.0, "mmHg", 2.0, method=name, device="SerialCanary"),
                    Reference("glucose", 40.0, "mg/dL", 3.0, method="finger", flag="censored_low")),
        events=(Event(1.0, name, "N"), Event(2.0, "beat", "V"), Event(3.0, "note", f"called {name}"),
                Event(4.0, "rhythm", "(AFIB"), Event(5.0, "ibi", duration=0.8), Event(5.5, "tag", "JANECANARY")),
        demographics={"age": 93.0, "sex": "female", "name": name},  # type: ignore[dict-item]  # as a careless reader
        conditions={"meal": "fasting", "site": "WardCanary", "health": "Jane Canary 1960"},
        device=f"Polar H10 SerialCanary of {name}", site="WardCanary",
        provenance=Provenance("csv", sha256="ab" * 32, notes=(Note("gap", f"gap in {name}", 50),),
                              dropped=(name,), why=name),
    )  # fmt: skip


def clean(text: str) -> bool:
    folded = text.casefold()
    return not any(word in folded for word in CANARIES)


def test_nothing_that_is_planted_stays_and_nothing_measured_changes() -> None:
    before = planted()
    after, notes = deidentify(before)
    assert clean(str(after)) and clean(repr(after)), after
    assert after.start_utc is None and after.zone == "" and after.site == "" and after.device == "Polar H10"
    for a, b in zip(before.signals, after.signals, strict=True):
        assert (
            np.array_equal(a.samples, b.samples)
            and np.array_equal(a.valid, b.valid)
            and (a.rate, a.start) == (b.rate, b.start)
        )
    assert [s.name for s in after.signals] == ["ppg 1", "II"] and after.signals[0].clocks["clock 1"][0] == 0
    assert [(r.kind, r.value, r.time, r.method, r.flag) for r in after.references] == [
        ("sbp", 121, 2, "", "ok"), ("glucose", 40, 3, "finger", "censored_low"),
    ]  # fmt: skip
    assert [(e.time, e.kind, e.text) for e in after.events] == [
        (1, "event", "N"), (2, "beat", "V"), (3, "note", ""), (4, "rhythm", "(AFIB"), (5, "ibi", ""), (5.5, "tag", ""),
    ]  # fmt: skip
    assert after.demographics == {"age": 90.0, "sex": "female"} and after.conditions == {"meal": "fasting"}
    assert after.provenance.sha256 == "" and [n.code for n in after.provenance.notes] == ["gap"]
    assert clean(str(notes)) and "texts of events (2)" in notes[0].message


def test_it_changes_nothing_a_second_time() -> None:
    once, _ = deidentify(planted())
    assert str(deidentify(once)[0]) == str(once)


def test_dates_are_moved_by_whole_weeks_the_same_for_a_person() -> None:
    first = planted()
    later = Recording("b", first.signals, person=first.person, start_utc=START + timedelta(days=3))
    other = Recording("b", first.signals, person="somebody else", start_utc=START)
    one, two, three = (deidentify(r, shift_dates=True)[0].start_utc for r in (first, later, other))
    assert one is not None and two is not None and three is not None
    moved = START - one
    assert two - one == timedelta(days=3) and moved % timedelta(weeks=1) == timedelta(0) and moved >= timedelta(weeks=1)
    assert one.weekday() == START.weekday() and one.time() == START.time()


@given(st.text(min_size=4, max_size=30), st.sampled_from(["signal", "event", "kind", "method", "device", "condition"]))
def test_any_text_with_a_name_in_it_goes(words: str, where: str) -> None:
    text = f"{words} JaneCanary"
    signal = Signal(text if where == "signal" else "ppg", "ppg", "a.u.", 10.0, np.ones(5))
    made = Recording(
        "r", (signal,), device=text if where == "device" else "",
        conditions={"meal": text} if where == "condition" else {},
        events=(Event(0, text if where == "kind" else "beat", text if where == "event" else ""),),
        references=(Reference("sbp", 120.0, "mmHg", method=text if where == "method" else ""),),
    )  # fmt: skip
    assert "JaneCanary" not in repr(deidentify(made)[0])


def test_no_writer_writes_what_was_planted(tmp_path: Path) -> None:
    from pulsewise.formats import npz

    (tmp_path / "in").mkdir()
    source = tmp_path / "in" / "JaneCanary 1960.npz"
    npz.write(planted(), source)
    for name in writers():
        out = tmp_path / name
        (done,) = convert([source], out, to=name, deidentified=True)
        assert clean(str(done.recording)) and clean(" ".join(f.name for f in done.files))
        for file in out.rglob("*"):
            assert file.is_dir() or clean(file.read_bytes().decode("latin-1")), name
        for again in open_file(done.files[-1], ReadOptions(keep_ids=True)):
            assert isinstance(again, Recording) and clean(repr(again)) and again.start_utc is None, name
            assert again.signals[0].rate == 100 and int((~again.signals[0].valid).sum()) == 50, name


def test_free_texts_of_edf_headers_and_annotations(tmp_path: Path) -> None:
    from pulsewise.formats import edf

    source = tmp_path / "a.edf"
    edf.write(
        Recording("r", (Signal("ppg", "ppg", "a.u.", 100.0, WAVE),), events=(Event(1, "mark", "XXXXXXXXXXXXXXXX"),)),
        source,
    )
    content = bytearray(source.read_bytes().replace(b"X" * 16, b"Jane JaneCanary ".ljust(16)[:16]))
    content[8:88] = b"MCH-0234 F 12-MAY-1960 JaneCanary".ljust(80)
    content[88:168] = b"Startdate 02-MAR-2026 WardCanary Dr_JaneCanary SerialCanary".ljust(80)
    content[168:184] = b"02.03.2609.14.40"
    source.write_bytes(content)
    (done,) = convert([source], tmp_path / "b.edf", deidentified=True)
    out = (tmp_path / "b.edf").read_bytes()
    assert clean(out.decode("latin-1")) and b"02.03.26" not in out and b"MCH-0234" not in out and b"2026" not in out
    assert clean(str(done.recording))


def test_free_texts_of_wfdb_headers_and_annotations(tmp_path: Path) -> None:
    from pulsewise.formats import wfdb

    (tmp_path / "in").mkdir()
    source = tmp_path / "in" / "r.hea"
    wfdb.write(
        Recording("r", (Signal("ppg", "ppg", "a.u.", 100.0, WAVE),), events=(Event(1, "note", "call JaneCanary"),)),
        source,
    )
    lines = source.read_text().splitlines()
    lines[0] += " 20:05:00 28/03/2026"
    plain = [line for line in lines if not line.startswith("#")]
    source.write_text("\n".join([*plain, "# <name>: JaneCanary <born>: 1960", "# Ward WardCanary"]) + "\n")
    convert([source], tmp_path / "out", to="wfdb", deidentified=True, options=ReadOptions(zone="UTC"))
    for file in (tmp_path / "out").iterdir():
        text = file.read_bytes().decode("latin-1")
        assert clean(text) and "28/03/2026" not in text and "2026" not in text, file.name


def test_dates_of_a_copy_may_be_moved(tmp_path: Path) -> None:
    from pulsewise.formats import npz

    npz.write(planted(), tmp_path / "a.npz")
    convert([tmp_path / "a.npz"], tmp_path / "b.npz", deidentified=True, shift_dates=True)
    (again,) = open_file(tmp_path / "b.npz")
    assert isinstance(again, Recording) and again.start_utc is not None and again.start_utc < START


def test_options_that_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        convert([tmp_path / "a.npz"], tmp_path / "b.npz", shift_dates=True)
    with pytest.raises(UsageError):
        convert([tmp_path / "a.npz"], tmp_path / "b.npz", deidentified=True, options=ReadOptions(keep_ids=True))


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pulsewise.cli.main import status
    from pulsewise.formats import npz

    npz.write(planted(), tmp_path / "a.npz")
    assert (
        status(["convert", str(tmp_path / "a.npz"), str(tmp_path / "out"), "--to", "csv", "--deidentify", "--json"])
        == 0
    )
    said = json.loads(capsys.readouterr().out)["recordings"][0]
    assert any("left out or replaced for sharing" in note for note in said["notes"])
    assert status(["convert", str(tmp_path / "a.npz"), str(tmp_path / "o.csv"), "--deidentify", "--keep-ids"]) == 2
