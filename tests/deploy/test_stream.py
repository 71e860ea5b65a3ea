"""Promise: a stream gives the numbers of the file, however it is cut into pieces, and says in what state it is."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pulsewise import simulate
from pulsewise.cli.main import status
from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.recording import Recording, Signal
from pulsewise.deploy import sources
from pulsewise.deploy.stream import Answer, Stream
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import Facts, Intervals, Model
from pulsewise.learn.scaling import Scaling
from pulsewise.tasks import heart_rate

pytest.importorskip("torch")
RATE = 50.0


def made(condition: dict, window: dict, rate: float, length_s: float) -> Bundle:
    """A network with random weights, whose answer depends on every sample of the window."""
    import torch

    from pulsewise.learn.network.forward import state
    from pulsewise.models import resnet

    length = round(length_s * rate)
    config = {"channels": 1, "length": length, "outputs": 1, "depth": 18, "width": 4}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = resnet.build(resnet.Config(**config)).train()
        net(torch.randn(32, 1, length))
        torch.nn.init.normal_(net.head.weight, 0.0, 0.3)
    about = Facts(
        "tiny", heart_rate.build(heart_rate.Config()), Model("resnet", True, config), rate, length, ("ppg",),
        condition, window, Scaling((0.0,), (1.0,), (100.0,), (10.0,)), intervals=Intervals(0.9, (8.0,), (20,), ""),
        trained=True,
    )  # fmt: skip
    return Bundle(about, state(net.eval()))


BUNDLES = {
    "10 s windows at a lower rate": made({"band": [0.5, 8.0], "rate": 25.0}, {"length_s": 10.0}, 25.0, 10.0),
    "4 s windows, overlapping": made({"band": [0.5, 8.0]}, {"length_s": 4.0, "step_s": 1.5}, RATE, 4.0),
    "as it comes": made({}, {"length_s": 8.0, "step_s": 2.0}, RATE, 8.0),
}


@pytest.fixture(scope="module")
def pulse() -> tuple[np.ndarray, np.ndarray]:
    """A minute with single missing samples, short and long gaps, and 15 s off the skin."""
    x = simulate.recording(70.0, heart_rate=72, noise=0.03, rate=RATE, seed=3).recording.signal("ppg").samples.copy()
    valid = np.ones(len(x), dtype=bool)
    for at in (170, 500, 1000, 1001):
        valid[at] = False
    valid[1030:1060] = valid[1500:1700] = False
    x[2300:2900] = 0.0
    return x, valid


def whole(bundle: Bundle, x: np.ndarray, valid: np.ndarray) -> dict[int, tuple]:
    recording = Recording("stream", (Signal("ppg", "ppg", "", RATE, x, valid),))
    return {e.window: (e.start, e.value, e.reasons, e.quality) for e in bundle.estimate(recording)}


def streamed(bundle: Bundle, x: np.ndarray, valid: np.ndarray, pieces: list[int]) -> list[Answer]:
    stream, found, at = Stream(bundle, RATE), [], 0
    for size in [*pieces, len(x)]:
        found += stream.push(x[at : at + size], valid[at : at + size])
        at += size
    return found + stream.flush()


@pytest.mark.parametrize("name", BUNDLES)
@settings(max_examples=2, phases=(Phase.explicit, Phase.generate))
@given(pieces=st.lists(st.integers(1, 900), max_size=40))
def test_any_pieces_give_the_answers_of_the_file(name: str, pulse, pieces: list[int]) -> None:
    bundle = BUNDLES[name]
    wanted = whole(bundle, *pulse)
    found = streamed(bundle, *pulse, pieces)
    assert [answer.window for answer in found] == sorted(wanted)
    for answer in found:
        start, value, reasons, quality = wanted[answer.window]
        (estimate,) = answer.estimates
        assert answer.start_s == pytest.approx(start, abs=1e-6) and estimate.reasons == reasons
        if value is not None:
            assert estimate.value == pytest.approx(value, abs=1e-4 * 10) and estimate.quality == pytest.approx(quality)
    assert sum(answer.estimates[0].value is not None for answer in found) >= 3


def test_a_lost_packet_is_a_gap_and_nothing_is_put_together_across_it(pulse) -> None:
    bundle, (x, valid) = BUNDLES["as it comes"], pulse
    stream = Stream(bundle, RATE)
    found = stream.push(x[:1100]) + stream.missing(50) + stream.missing(2)
    assert stream.state == "warming"
    found += stream.push(x[1152:2200]) + stream.flush()
    holes = valid.copy()
    holes[:] = True
    holes[1100:1152] = False
    assert {a.window: a.estimates[0].reasons for a in found} == {
        n: reasons for n, (_, _, reasons, _) in whole(bundle, x[:2200], holes[:2200]).items()
    }


def test_states_follow_the_sensor(pulse) -> None:
    bundle, (x, _) = BUNDLES["as it comes"], pulse
    stream = Stream(bundle, RATE)
    assert stream.state == "warming"
    states = [answer.state for at in range(0, len(x), 25) for answer in stream.push(x[at : at + 25])]
    assert states[0] == "ok" and {"ok", "low_quality", "no_contact"} >= set(states) and states[-1] == "ok"
    assert any(state in ("no_contact", "low_quality") for state in states)


def test_latency_is_bounded_and_stated(pulse) -> None:
    for bundle in BUNDLES.values():
        stream = Stream(bundle, RATE)
        late = [a.latency_s for at in range(0, 3000, 20) for a in stream.push(pulse[0][at : at + 20])]
        assert late and max(late) <= stream.delay_s + 20 / RATE


def test_memory_stays_bounded() -> None:
    stream = Stream(BUNDLES["4 s windows, overlapping"], RATE)
    noise = np.random.default_rng(0).normal(size=3000).astype(np.float32)
    for _ in range(8):
        stream.push(noise)
    assert stream._raw.samples.shape[1] <= 62 * RATE + 3000 and stream._out.samples.shape[1] <= 10 * RATE


def test_the_stream_begins_anew_after_its_end(pulse) -> None:
    stream = Stream(BUNDLES["as it comes"], RATE)
    first = stream.push(pulse[0][:1000]) + stream.flush()
    again = stream.push(pulse[0][:1000]) + stream.flush()
    assert [a.to_dict() for a in first] == [a.to_dict() for a in again]


def test_what_cannot_stream_says_so() -> None:
    with pytest.raises(UsageError, match="whole recording"):
        Stream(made({"preset": "glucose-original"}, {"length_s": 2.0}, RATE, 2.0), RATE)
    with pytest.raises(UsageError, match="cannot stream"):
        Stream(made({"band": [0.5, 8.0]}, {"length_s": 1.0, "centre": "beat"}, RATE, 1.0), RATE)
    with pytest.raises(InputError, match="Hz"):
        Stream(BUNDLES["as it comes"], 125.0)
    with pytest.raises(InputError, match="samples"):
        Stream(BUNDLES["as it comes"], RATE).push(np.zeros((2, 10)))
    untrained = BUNDLES["as it comes"]
    untrained = replace(untrained, facts=replace(untrained.facts, trained=False))
    with pytest.raises(Exception, match="never trained"):
        Stream(untrained, RATE)


# -- the command -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory, pulse) -> tuple[Path, Path]:
    """A bundle's folder and a recording that holds the pulse."""
    folder = tmp_path_factory.mktemp("stream")
    BUNDLES["as it comes"].save(folder / "bundle")
    x, valid = pulse
    cells = [f"{v:g}" if ok else "" for v, ok in zip(x[:1500], valid[:1500], strict=True)]
    (folder / "finger.csv").write_text("ppg\n" + "\n".join(cells) + "\n")
    return folder / "bundle", folder / "finger.csv"


def lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_replay_says_what_predict_says(saved, capsys) -> None:
    bundle, file = saved
    rate = ["--rate", "50"]
    assert status(["predict", str(bundle), str(file), *rate, "--json", "--workers", "1"]) == 0
    rows = json.loads(capsys.readouterr().out)["files"][0]["recordings"][0]["windows"]
    assert (
        status(["stream", str(bundle), "--from", f"replay:{file}", "--speed", "0", *rate, "--alarm", "heart_rate>1"])
        == 0
    )
    first, *answers = lines(capsys)
    assert first["state"] == "warming" and first["rate_hz"] == 50
    assert [a["window"] for a in answers] == [row["window"] for row in rows]
    for answer, row in zip(answers, rows, strict=True):
        assert answer["heart_rate"].get("value") == pytest.approx(row["value"], abs=1e-3)
    assert answers[-1]["alarm:heart_rate>1"] is True


def test_standard_input_takes_numbers_and_pieces_with_a_counter(saved, pulse) -> None:
    x = pulse[0]
    pieces = [json.dumps({"samples": [x[at : at + 50].tolist()], "seq": at // 50}) for at in range(0, 1500, 50)]
    del pieces[21]
    _, got = sources.stdin(50.0, 1, 5.0, io.StringIO("\n".join(pieces)))
    whole = list(got)
    assert sum(piece.lost for piece in whole) == 50 and len(whole) == 29
    _, got = sources.stdin(50.0, 1, 5.0, io.StringIO("1\n\n2.5\nnan\n"))
    assert [piece.samples.item() for piece in got][:2] == [1.0, 2.5]


def test_silence_is_said_once(saved) -> None:
    ends = os.pipe()
    with os.fdopen(ends[0]) as reading, os.fdopen(ends[1], "w") as writing:
        _, got = sources.stdin(50.0, 1, 0.05, reading)
        assert next(got) is None
        writing.write("3\n")
        writing.flush()
        assert next(got).samples.item() == 3.0
        writing.close()
        assert [piece for piece in got if piece is not None] == []


@pytest.mark.parametrize(
    ("text", "code"),
    [("abc", "malformed"), ("1,2", "shape"), ('{"samples": [[1]], "seq": -1}', "malformed"), ("{}", "malformed"),
     ('{"samples": [[1]], "seq": 5}\n{"samples": [[1]], "seq": 4}', "time_order"), ("1" * 300_000, "too_large")],
)  # fmt: skip
def test_lines_that_are_not_samples_are_refused(text: str, code: str) -> None:
    _, got = sources.stdin(50.0, 1, 5.0, io.StringIO(text))
    with pytest.raises(InputError) as error:
        list(got)
    assert error.value.code == code


def test_wrong_calls_of_the_command(saved, capsys) -> None:
    bundle, file = saved
    assert status(["stream", str(bundle), "--from", "pigeon"]) == 2
    assert status(["stream", str(bundle), "--from", "stdin"]) == 3
    assert status(["stream", str(bundle), "--from", f"replay:{file}", "--rate", "50", "--alarm", "glucose70"]) == 2
    assert "QUANTITY<LIMIT" in capsys.readouterr().err
