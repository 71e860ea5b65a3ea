"""What is written is read back; what is odd is refused with a code."""

import dataclasses
import json

import pytest

from pulsewise.core.errors import ArtifactError, UsageError
from pulsewise.core.plugin import Target, Task
from pulsewise.judge.evaluate import judge_rows
from pulsewise.judge.result import SCHEMA_VERSION, Number, from_dict, from_json, load
from pulsewise.judge.score import Settings

GLUCOSE = Task("glucose", (Target("glucose", "mg/dL", 20, 600),))


@pytest.fixture
def result(make_rows):
    return judge_rows(make_rows(people=8, gain=0.4), GLUCOSE, Settings(resamples=50), stamps=["synthetic"])


def test_round_trip_through_the_file(result, tmp_path):
    path = result.save(tmp_path / "result.json")
    again = load(path)
    assert again.to_json() == result.to_json() == path.read_text(encoding="utf-8")
    assert again.verdict == result.verdict


def test_keys_are_sorted_and_there_is_no_nan(result):
    text = result.to_json()
    data = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert list(data) == sorted(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_cannot_be_nan(result, value):
    with pytest.raises(ValueError, match="None and a reason"):
        Number(value)
    with pytest.raises(ValueError, match="no NaN"):
        dataclasses.replace(result, level=value).to_json()


def test_a_missing_figure_needs_a_known_reason():
    with pytest.raises(ValueError, match="needs a reason"):
        Number(None)
    with pytest.raises(ValueError, match="unknown reason"):
        Number(None, reason="because")


def test_a_newer_schema_is_refused_with_both_versions(result):
    newer = {**result.to_dict(), "schema_version": SCHEMA_VERSION + 1}
    with pytest.raises(ArtifactError, match=f"{SCHEMA_VERSION + 1}.*{SCHEMA_VERSION}") as caught:
        from_dict(newer)
    assert (caught.value.code, caught.value.exit_status) == ("artifact_version", 6)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1}', "[" * 100_000, '{"schema_version": "1"}'])
def test_what_is_not_a_result_is_refused(text):
    with pytest.raises(ArtifactError) as caught:
        from_json(text)
    assert caught.value.code == "artifact_invalid"


def test_an_unknown_key_is_refused(result):
    with pytest.raises(ArtifactError, match="colour"):
        from_dict({**result.to_dict(), "colour": "red"})


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(UsageError, match="no result"):
        load(tmp_path / "result.json")
