"""Files in, estimates out: what is said, what is refused, what is kept."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import pulsewise
from pulsewise.cli.main import status
from pulsewise.core.estimate import Estimate
from pulsewise.core.plugin import ReadOptions
from pulsewise.deploy import predict as deploy
from pulsewise.deploy.tables import summarise, table, windows_table
from pulsewise.simulate import cohort

RECIPE = """
name = "small"
[dataset]
name = "simulated"
preset = "glucose_pos"
people = 60
sessions = 1
windows = 2
[condition]
band = [0.5, 8.0]
rate = 20
[label]
how = "constant"
[split]
train = 0.5
validation = 0.4
test = 0.1
[task]
name = "glucose"
[model]
name = "constant"
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "small.toml").write_text(RECIPE)
    return pulsewise.run(folder / "small.toml", out=folder / "run", until="train").folder / "bundle"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as they come: good ones, a flat one, one without a rate, a note."""
    out = tmp_path_factory.mktemp("files")
    for number, recording in enumerate(cohort("null", people=3, sessions=1, windows=3, seed=1).recordings):
        signal = recording.signals[0]
        rows = "".join(f"{t:.6f},{v:.6f}\n" for t, v in zip(signal.times, signal.samples, strict=True))
        (out / f"finger-{number}.csv").write_text("time,ppg\n" + rows)
    times = np.arange(0, 30, 1 / 64)
    (out / "flat.csv").write_text("time,ppg\n" + "".join(f"{t:.6f},1.0\n" for t in times))
    (out / "broken.csv").write_text("ppg\n" + "0.5\n0.7\n" * 400)
    (out / "about.txt").write_text("who measured what, and why\n")
    return out


def test_every_file_has_an_outcome_and_a_bad_one_stops_nothing(bundle: Path, folder: Path) -> None:
    outcomes = {o["file"]: o for o in pulsewise.predict(bundle, [folder])}
    assert {name: o["status"] for name, o in outcomes.items()} == {
        "broken.csv": "error",
        "finger-0.csv": "ok",
        "finger-1.csv": "ok",
        "finger-2.csv": "ok",
        "flat.csv": "abstained",
    }
    assert outcomes["broken.csv"]["error"]["code"] == "sampling_rate"
    row = outcomes["finger-0.csv"]["recordings"][0]["summary"][0]
    assert (row["windows"], row["used"]) == (3, 3)
    assert row["low"] < row["mean"] < row["high"]
    flat = outcomes["flat.csv"]["recordings"][0]["summary"][0]
    assert flat["mean"] is None
    assert flat["abstained"]


def test_a_file_says_what_the_bundle_says(bundle: Path, folder: Path) -> None:
    from pulsewise.learn.bundle import Bundle

    (recording,) = pulsewise.open(folder / "finger-0.csv")
    said = [(e.start, e.value, e.low, e.high) for e in Bundle.load(bundle).estimate(recording)]
    (outcome,) = pulsewise.predict(bundle, [folder / "finger-0.csv"])
    assert [(w["start_s"], w["value"], w["low"], w["high"]) for w in outcome["recordings"][0]["windows"]] == said


def test_processes_say_the_same(bundle: Path, folder: Path) -> None:
    assert deploy.predict(bundle, [folder], workers=2) == deploy.predict(bundle, [folder], workers=1)


def test_what_is_kept_is_not_done_again(
    bundle: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = deploy.predict(bundle, [folder], out=tmp_path)
    read: list[str] = []
    whole = deploy.outcome_of
    monkeypatch.setattr(deploy, "outcome_of", lambda b, path, job: read.append(path.name) or whole(b, path, job))
    assert deploy.predict(bundle, [folder], out=tmp_path) == first
    assert read == ["broken.csv"]
    deploy.predict(bundle, [folder / "finger-0.csv"], ReadOptions(unit="a.u."), out=tmp_path)
    assert read == ["broken.csv", "finger-0.csv"]


def test_half_written_files_of_an_earlier_call_do_not_count(bundle: Path, folder: Path, tmp_path: Path) -> None:
    first = deploy.predict(bundle, [folder / "finger-0.csv"], out=tmp_path)
    (kept,) = (tmp_path / "files").glob("*.json")
    kept.write_text(kept.read_text()[:100])
    assert deploy.predict(bundle, [folder / "finger-0.csv"], out=tmp_path) == first


def test_tables(bundle: Path, folder: Path) -> None:
    outcomes = deploy.predict(bundle, [folder])
    assert [row["file"] for row in table(outcomes)] == sorted(path.name for path in folder.glob("*.csv"))
    assert len(windows_table(outcomes)) >= 9


def test_summary_figures_are_over_the_windows_with_a_value() -> None:
    def at(value: float | None, *reasons: str) -> Estimate:
        return Estimate("sbp", "mmHg", 0, 1, value, reasons=reasons)

    (row,) = summarise([at(120.0), at(None, "motion"), at(130.0), at(None, "motion", "flat")])
    assert (row["mean"], row["min"], row["max"]) == (125.0, 120.0, 130.0)
    assert row["sd"] == pytest.approx(np.std([120, 130], ddof=1))
    assert row["abstained"] == {"motion": 2, "flat": 1}
    (none,) = summarise([at(None, "flat")])
    assert none["mean"] is None
    assert summarise([]) == []


# -- the command ----------------------------------------------------------------------------------------------


def test_the_command_reports_bad_files_and_goes_on(
    bundle: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["predict", str(bundle), str(folder), "-q"]) == 3
    said = capsys.readouterr()
    assert "finger-2.csv" in said.out
    assert "broken.csv" in said.err
    assert said.err.strip().endswith("[sampling_rate]")


def test_good_files_only(bundle: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = bundle.parent
    assert status(["predict", str(run), str(folder / "finger-0.csv"), str(folder / "finger-1.csv")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("file\t")


def test_nothing_usable_is_exit_4(bundle: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["predict", str(bundle), str(folder / "flat.csv")]) == 4
    said = capsys.readouterr()
    assert "flat.csv" in said.out
    assert said.err.strip().endswith("[no_usable_signal]")


def test_json_and_csv(bundle: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["predict", str(bundle), str(folder / "finger-0.csv"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["schema_version"] == 1
    assert said["files"][0]["recordings"][0]["summary"][0]["quantity"] == "glucose"
    assert status(["predict", str(bundle), str(folder / "finger-0.csv"), "--csv", "--windows"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["window"] for row in rows] == ["0", "1", "2"]
    assert float(rows[0]["value"]) > 0


def test_the_form_of_other_programs(
    bundle: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = str(folder / "finger-0.csv")
    assert status(["predict", str(bundle), one, "--form", "glucose"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == "window_index,glucose_mg_dl"
    assert len(printed.splitlines()) == 4
    assert (
        status(["predict", str(bundle), one, str(folder / "flat.csv"), "--form", "glucose", "--out", str(tmp_path)])
        == 0
    )
    assert (tmp_path / "finger-0_glucose_predictions.csv").read_text() == printed
    assert (tmp_path / "flat_glucose_predictions.csv").read_text().splitlines()[1].endswith(",")


@pytest.mark.parametrize(
    ("words", "code", "exit_status"),
    [
        (["no-such-bundle", "FILE"], "not_found", 3),
        (["BUNDLE", "no-such-file.csv"], "not_found", 3),
        (["BUNDLE", "FILE", "--form", "glucose", "--json"], "usage", 2),
        (["BUNDLE", "FILE", "--column", "ppg"], "usage", 2),
        (["BUNDLE"], "usage", 2),
    ],
)
def test_wrong_calls(
    words: list[str], code: str, exit_status: int, bundle: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = {"BUNDLE": str(bundle), "FILE": str(folder / "finger-0.csv")}
    assert status(["predict", *(real.get(word, word) for word in words)]) == exit_status
    assert capsys.readouterr().err.strip().endswith(f"[{code}]")


def test_a_damaged_bundle_is_refused(bundle: Path, folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert status(["predict", str(copy), str(folder / "finger-0.csv")]) == 6


def test_recordings_of_the_device(bundle: Path, real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = real_data / "device-webapp" / "raw" / "Multi-channel"
    files = [raw / "Multi-channel-input.xlsx", raw / "multi-channel-input-files"]
    outcomes = pulsewise.predict(bundle, files)
    assert [o["status"] for o in outcomes] == ["ok"] * 4, [o["error"] for o in outcomes]
