"""Every ending of the program: right status, one line, no traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pulsewise.cli import main as cli


def program(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **options.pop("env", {})}  # type: ignore[dict-item]
    return subprocess.run(
        [sys.executable, "-m", "pulsewise", *arguments], capture_output=True, text=True, env=environment, **options
    )


def test_every_file_is_a_command_with_a_summary_and_a_function_of_its_name() -> None:
    import importlib

    assert len(cli.words()) >= 1
    for word in cli.words().values():
        assert word.summary.endswith((".", "…")), f"{word.name}: the first line of the docstring is the summary"
        assert word.panel in cli.PANELS
        stem = word.name.replace("-", "_")
        assert callable(getattr(importlib.import_module(f"pulsewise.cli.{stem}"), stem))


def test_help_without_arguments_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status([]) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in cli.words())


def test_wrong_command_suggests_a_right_one_and_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["lsit"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "'list'" in lines[0]
    assert lines[0].endswith("[usage]")


@pytest.mark.parametrize("arguments", [["list", "--jsn"], ["list", "modles"], ["list", "models", "more"], ["--no"]])
def test_wrong_calls_are_one_line_and_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1


def test_json_has_a_schema_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["list", "tasks", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema_version"] == 1
    assert data["command"] == "list"


def test_plain_table_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["list", "commands"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("\t")[0] == "name"
    assert all(len(line.split("\t")) == len(lines[0].split("\t")) for line in lines)


def test_help_needs_no_torch_and_no_array_library() -> None:
    script = "import sys; from pulsewise.cli.main import status; status(['--help']); print(sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    for heavy in ("'torch'", "'numpy'", "'lightning'", "'scipy'", "'matplotlib'", "'pyarrow'"):
        assert heavy not in out.splitlines()[-1]


def test_reader_that_goes_away_is_no_error() -> None:
    shell = f"{sys.executable} -m pulsewise list commands --json | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.returncode in (0, 141)


def test_closed_standard_output_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m pulsewise list tasks >&-"], capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "FORCE_COLOR": "1"},
        {"COLUMNS": "40", "FORCE_COLOR": "1"},
        {"NO_COLOR": "1"},
        {"TERM": "dumb"},
    ],
)
@pytest.mark.parametrize("arguments", [["--help"], ["list", "commands"]])
def test_any_terminal_will_do(arguments: list[str], env: dict[str, str]) -> None:
    done = program(*arguments, env=env)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    if "COLUMNS" in env:
        assert max(len(re.sub(r"\033\[[0-9;]*m", "", line)) for line in done.stdout.splitlines()) <= 40
    if "FORCE_COLOR" not in env:
        assert "\033" not in done.stdout


def test_a_fault_of_ours_is_one_line_without_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(kind: str) -> None:
        raise ValueError("secret value 12345")

    monkeypatch.setattr("pulsewise.cli.list.entries", broken)
    assert cli.status(["list", "tasks"]) == 1
    text = capsys.readouterr().err
    assert "12345" not in text
    assert text.strip().endswith("[internal]")
    assert cli.status(["list", "tasks", "--traceback"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_disk_error_has_no_path(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def full(kind: str) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "patient-name"))

    monkeypatch.setattr("pulsewise.cli.list.entries", full)
    assert cli.status(["list", "tasks"]) == 3
    text = capsys.readouterr().err
    assert "patient-name" not in text
    assert "No space left on device" in text


def test_stop_by_the_user(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(kind: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pulsewise.cli.list.entries", stop)
    assert cli.status(["list", "tasks"]) == 130
    assert capsys.readouterr().err.splitlines() == ["stopped"]


def test_a_second_sigterm_does_not_disturb_the_ending() -> None:
    code = "import os, signal, sys, atexit; from pulsewise.cli import main; "
    code += "atexit.register(lambda: os.kill(os.getpid(), signal.SIGTERM)); "
    code += "main._invoke = lambda arguments: os.kill(os.getpid(), signal.SIGTERM); main.main(['list'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 143 and done.stderr == ""
