import json
import pickle
from pathlib import Path

import numpy as np
import pandas
import pyarrow as pa
import pytest
from tones import SETTINGS, Tones

from pulsewise.core.errors import PulsewiseError
from pulsewise.data import align, store
from pulsewise.data.prepare import prepare, windows_of
from pulsewise.data.store import Store


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return prepare(Tones(), tmp_path_factory.mktemp("store"), **SETTINGS, workers=1)


def test_rows_are_the_windows_of_the_recordings_in_order(made: Store) -> None:
    parts = []
    for name in sorted(Tones().ids()):
        recording = Tones().read(name)
        cut, _ = windows_of(recording, SETTINGS["condition"], SETTINGS["window"])
        parts.append(align.label(cut, recording.references, SETTINGS["label"], SETTINGS["quantities"]))
    assert len(made) == sum(map(len, parts)) == 48
    samples = np.concatenate([part.samples for part in parts])
    everything = made.windows()
    assert np.abs(everything.samples - samples).max() < 1e-4  # the SD of each window is 1
    for name in parts[0].columns:
        np.testing.assert_array_equal(everything.columns[name], np.concatenate([p.columns[name] for p in parts]), name)
    assert set(made.column("condition_meal").tolist()) == {"", "fasting"}
    assert (made.rate, made.channels, made.length, made.synthetic) == (50.0, ("ppg",), 500, True)


def test_windows_are_taken_in_any_order_and_also_not_at_all(made: Store) -> None:
    everything = made.take(np.arange(len(made)))
    rows = np.random.default_rng(0).integers(0, len(made), 100)
    assert np.array_equal(made.take(rows), everything[rows])
    assert made.take([]).shape == (0, 1, 500)
    mask = made.column("person") == "p01"
    assert np.array_equal(made.windows(mask).columns["person"], ["p01"] * 12)
    for wrong in ([48], [-1], [0.5], [[0]]):
        with pytest.raises(PulsewiseError) as caught:
            made.take(wrong)
        assert caught.value.code == "shape"
    with pytest.raises(PulsewiseError, match="no column 'x'"):
        made.column("x")


def test_other_tools_read_the_files_as_they_are(made: Store) -> None:
    file = sorted((made.path / "shards").glob("*.arrow"))[0]
    table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
    frame = table.to_pandas()
    entry = next(e for e in store.read_manifest(made.path) if e["key"] == file.stem)
    rows = made.column("record") == entry["id"]
    values = np.stack(frame["samples"].to_list()) * frame[["scale"]].to_numpy() + frame[["offset"]].to_numpy()
    assert np.allclose(values, made.take(np.flatnonzero(rows))[:, 0], atol=1e-6)
    assert frame["label_sbp"].tolist() == made.column("label_sbp")[rows].tolist()
    assert isinstance(pandas.read_feather(file)["person"][0], str)
    meta = json.loads(table.schema.metadata[b"pulsewise"])
    assert (meta["rate"], meta["channels"], meta["synthetic"]) == (50.0, ["ppg"], True)
    import pyarrow.dataset as dataset

    assert dataset.dataset(made.path / "shards", format="arrow").count_rows() == len(made)


def test_the_card_says_who_and_what_was_left_out_and_why(tmp_path: Path) -> None:
    made = prepare(Tones(duration_s=65.0, bad=("p01-0",)), tmp_path, **SETTINGS, workers=1)
    card = json.loads((tmp_path / "card.json").read_text())
    assert card == made.card
    assert card["recordings"] == {"all": 8, "used": 7, "refused": {"malformed": 1}}
    assert (card["people"], card["synthetic"]) == (4, True)
    assert card["windows"] == {"candidates": 42, "kept": 42, "dropped": {}}
    assert card["labels"]["glucose"] == {"missing": 14, "ok": 28}  # within 20 s of the reading: 4 of 6
    assert card["labels"]["sbp"] == {"ok": 42}
    assert "p01" not in (tmp_path / "card.json").read_text()  # the card may be shared


def test_a_store_pickles_and_holds_no_file_open(made: Store) -> None:
    again = pickle.loads(pickle.dumps(made))
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert np.array_equal(again.take([47, 0]), made.take([47, 0]))
    assert len(again._open) == 2
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_more_recordings_than_mappings(made: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAPPED", 2)
    again = Store(made.path)
    rows = np.arange(len(made))
    assert np.array_equal(again.take(rows), made.take(rows))
    assert len(again._open) == 2


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    prepare(Tones(people=2, sessions=1), tmp_path, **SETTINGS, workers=1)
    return tmp_path


@pytest.mark.parametrize("file", ["card.json", "manifest.jsonl"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"schema_version": 1}', b"\xff\xfe\n"])
def test_a_damaged_store_is_refused(copy: Path, file: str, content: bytes) -> None:
    (copy / file).write_bytes(content)
    with pytest.raises(PulsewiseError) as caught:
        Store(copy)
    assert (caught.value.code, caught.value.exit_status) == ("artifact_invalid", 6)


def test_a_missing_shard_a_bit_and_a_foreign_name_are_found(copy: Path) -> None:
    file = sorted((copy / "shards").iterdir())[0]
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    with pytest.raises(PulsewiseError, match=r"checksum|cannot be read"):
        Store(copy).verify()
    file.unlink()
    with pytest.raises(PulsewiseError, match="missing"):
        Store(copy).take(np.arange(12))
    manifest = (copy / "manifest.jsonl").read_text()
    (copy / "manifest.jsonl").write_text(manifest.replace(file.stem, "../../etc/passwd"))
    with pytest.raises(PulsewiseError, match="damaged line"):
        Store(copy)


def test_a_newer_store_is_refused_with_both_versions(copy: Path) -> None:
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(card | {"schema_version": 9}))
    with pytest.raises(PulsewiseError, match="version 9, this program reads up to 1") as caught:
        Store(copy)
    assert (caught.value.code, caught.value.exit_status) == ("artifact_version", 6)


def test_no_store_is_said(tmp_path: Path) -> None:
    with pytest.raises(PulsewiseError) as caught:
        Store(tmp_path)
    assert caught.value.code == "not_found"
