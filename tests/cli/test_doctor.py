"""The doctor finds what is wrong and says how to repair it."""

from __future__ import annotations

import json

import pytest

from pulsewise.cli import doctor
from pulsewise.cli.main import status


def test_a_healthy_machine_passes_quickly(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert report["libraries"]["numpy"]
    assert sum(test["seconds"] for test in report["self_test"].values()) < 10


def test_a_missing_base_library_is_named_and_exits_7(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "BASE", ("numpy", "no-such-library"))
    assert status(["doctor", "--no-test"]) == 7
    assert "no-such-library is not installed" in capsys.readouterr().err


def test_a_failing_self_test_is_named_and_exits_7(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> str:
        raise ArithmeticError("wrong heart rate")

    monkeypatch.setattr(doctor, "SELF_TESTS", {"beats": broken})
    assert status(["doctor"]) == 7
    assert "self-test beats: ArithmeticError: wrong heart rate" in capsys.readouterr().err
