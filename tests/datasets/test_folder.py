"""A folder of one's own: tables matched to files, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.datasets import folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "day1").mkdir()
    for name in ("day1/a.csv", "day1/b.csv", "c.csv"):
        lines = "\n".join(f"{i / 50:.2f},{(i * 7) % 50}" for i in range(500))
        (tmp_path / name).write_text(f"time,ppg\n{lines}\n")
    (tmp_path / "people.csv").write_text("file;person;age;sex;condition_meal\nday1/*;p1;45,5;F;fasting\nc.csv;p2;;;\n")
    (tmp_path / "references.csv").write_text(
        "file,person,quantity,value,unit,time\nday1/a.csv,,glucose,5.5,mmol/L,3\n,p1,sbp,120,,\n*,,dbp,10.6,kPa,\n"
    )
    return tmp_path


def test_tables_are_matched_to_files(home: Path) -> None:
    dataset = pickle.loads(pickle.dumps(folder.build(folder.Config(str(home)))))
    assert dataset.ids() == ["c.csv", "day1/a.csv", "day1/b.csv"]
    a, c = dataset.read("day1/a.csv"), dataset.read("c.csv")
    assert (a.person, a.demographics["age"], a.demographics["sex"]) == ("p1", 45.5, "female")
    assert a.conditions == {"meal": "fasting"}
    assert [(r.kind, round(float(r.value), 1), r.time) for r in a.references] == [
        ("glucose", 99.1, 3.0),
        ("sbp", 120.0, None),
        ("dbp", 79.5, None),
    ]
    assert [r.kind for r in c.references] == ["dbp"]
    assert a.signals[0].rate == pytest.approx(50)


def test_a_changed_reference_changes_the_fingerprint_of_that_recording_only(home: Path) -> None:
    before = folder.build(folder.Config(str(home)))
    text = (home / "references.csv").read_text().replace("5.5", "5.6")
    (home / "references.csv").write_text(text)
    after = folder.build(folder.Config(str(home)))
    assert before.fingerprint("day1/a.csv") != after.fingerprint("day1/a.csv")
    assert before.fingerprint("c.csv") == after.fingerprint("c.csv")


@pytest.mark.parametrize(
    ("table", "text", "code"),
    [
        ("people.csv", "file,person\nnothing.csv,p1\n", "label"),
        ("people.csv", "file,person\nc.csv,\n", "label"),
        ("people.csv", "file,person\nc.csv,p1\n*,p2\n", "label"),
        ("people.csv", "name,age\nc.csv,3\n", "label"),
        ("references.csv", "file,quantity,value\nc.csv,mood,3\n", "label"),
        ("references.csv", "file,quantity,value\nc.csv,sbp,1_20\n", "label"),
        ("references.csv", "file,quantity,value,unit\nc.csv,sbp,120,mg/dL\n", "unit"),
        ("references.csv", "file,quantity,value,time\nc.csv,sbp,120,2026-01-01 08:00\n", "local_time"),
    ],
)
def test_wrong_tables_are_refused(home: Path, table: str, text: str, code: str) -> None:
    (home / table).write_text(text)
    with pytest.raises(PulsewiseError) as caught:
        folder.build(folder.Config(str(home))).read("c.csv")
    assert caught.value.code == code


def test_without_a_folder_or_a_table(tmp_path: Path) -> None:
    for root, code in ((None, "usage"), (str(tmp_path / "no"), "not_found")):
        with pytest.raises(PulsewiseError) as caught:
            folder.build(folder.Config(root))
        assert caught.value.code == code
