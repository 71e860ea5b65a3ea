from __future__ import annotations

import json

import pytest

from pulsewise.cli import main as cli


def test_the_original_pressure_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["check-claim", "--quantity", "sbp", "--r", "0.498", "--rmse", "12.5", "--sd", "13.64"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("The error is 8 % below that of always saying the mean")
    assert "RMSE\t12.5\t13.64\tmmHg" in text


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["check-claim", "--confusion", "10,0,5,0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["command"] == "check-claim"
    assert {line["name"]: line["claimed"] for line in found["lines"]}["precision"] is None


@pytest.mark.parametrize("call", ["check-claim", "check-claim --confusion 1,2,3", "check-claim --confusion a,b,c,d"])
def test_wrong_calls(call: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(call.split()) == 2
    assert "[usage]" in capsys.readouterr().err
