"""`pulsewise compare`: files, gate, refusals."""

from __future__ import annotations

import csv
import doctest
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pulsewise.cli import main as cli


def pairs(tmp_path: Path, people: int = 12) -> Path:
    path = tmp_path / "pairs.csv"
    lines = [f"p{i % people},{80 + 7 * (i % people) + i % 5},{81 + 7 * (i % people) + i % 3}" for i in range(60)]
    path.write_text("subject,reference,estimate\n" + "\n".join(lines) + "\n")
    return path


def test_report_result_figures_and_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, rows = tmp_path / "out", tmp_path / "rows.csv"
    call = ["compare", str(pairs(tmp_path)), "--quantity", "glucose", "--out", str(out), "--rows", str(rows)]
    assert cli.status([*call, "--resamples", "200"]) == 0
    assert "shows skill" in capsys.readouterr().out.replace("estimates show", "estimates shows")
    assert {p.name for p in out.iterdir()} == {"report.html", "result.json", "figures.csv"}
    found = list(csv.DictReader(rows.read_text().splitlines()))
    assert len(found) == 60
    assert {"row", "person", "error", "clarke", "parkes1", "parkes2", "dts"} <= set(found[0])
    assert found[0]["clarke"] == "A" and float(found[0]["error"]) == 1.0
    assert json.loads((out / "result.json").read_text())["schema_version"] == 1
    assert cli.status(call) == 2  # nothing is replaced unasked
    assert cli.status([*call, "--overwrite", "--resamples", "50"]) == 0


@pytest.mark.parametrize(("bound", "status"), [("skill=0.05", 0), ("skill=0.99", 5)])
def test_the_gate_is_the_lower_bound(bound: str, status: int, tmp_path: Path) -> None:
    call = ["compare", str(pairs(tmp_path)), "--quantity", "glucose", "--out", str(tmp_path / "o"), "-q"]
    assert cli.status([*call, "--fail-under", bound, "--resamples", "200"]) == status


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(pairs(tmp_path))
    assert cli.status(["compare", path, "--quantity", "luck"]) == 2
    assert cli.status(["compare", path, "--quantity", "glucose", "--reference", "ref"]) == 2
    assert cli.status(["compare", str(tmp_path / "none.csv"), "--quantity", "glucose"]) == 3
    assert capsys.readouterr().err.count("\n") == 3


def test_it_needs_no_torch(tmp_path: Path) -> None:
    call = ["compare", str(pairs(tmp_path)), "--quantity", "glucose", "--out", str(tmp_path / "o"), "--resamples", "9"]
    script = f"import sys; from pulsewise.cli.main import status; status({call!r}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False")


def test_the_tutorial_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of the page in order: Python as a doctest, commands as they stand."""
    page = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "compare-a-device.md"
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for language, body in re.findall(
        r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    ):
        if language == "python":
            test = doctest.DocTestParser().get_doctest(body, names, page.name, None, None)
            assert not doctest.DocTestRunner().run(test, clear_globs=False).failed
            names.update(test.globs)
        for line in body.splitlines() if language == "bash" else ():
            assert cli.status([*shlex.split(line)[1:], "-q"]) == 0, line
    assert (tmp_path / "both" / "report.html").is_file() and (tmp_path / "pairs.csv").is_file()
