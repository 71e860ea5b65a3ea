"""What a live stream costs: conditioning alone at 500 Hz, and whole streams of 125 Hz with an estimate every 5 s."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from pulsewise import simulate
from pulsewise.deploy.stream import Stream
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import Facts, Model
from pulsewise.learn.scaling import Scaling
from pulsewise.signals import condition
from pulsewise.tasks import heart_rate

PIECE_S, SECONDS = 0.2, 20


def conditioning(config: condition.Config, rate: float = 500.0) -> float:
    """Milliseconds of one core per second of one stream, median over 20 s that come in pieces of 0.2 s."""
    x = np.random.default_rng(0).normal(size=round(rate * (SECONDS + 10)))
    stream, size, taken = condition.Stream(config, rate), round(PIECE_S * rate), []
    for at in range(0, len(x), size):
        begin = time.process_time()
        stream.push(x[at : at + size])
        taken.append(time.process_time() - begin)
    return 1000 * statistics.median(taken[round(10 / PIECE_S) :]) / PIECE_S


def whole() -> float:
    """The same of conditioning, judging and answering together at 125 Hz, mean; a model that costs nothing."""
    config = {"channels": 1, "length": 400, "outputs": 1}
    about = Facts(
        "constant", heart_rate.build(heart_rate.Config()), Model("constant", False, config), 40.0, 400, ("ppg",),
        {"band": [0.5, 8.0], "rate": 40.0}, {"length_s": 10.0, "step_s": 5.0},
        Scaling((0.0,), (1.0,), (72.0,), (1.0,)), trained=True,
    )  # fmt: skip
    stream = Stream(Bundle(about, {"median": np.zeros(1)}), 125.0)
    x = simulate.recording(90.0, heart_rate=72, noise=0.03, rate=125.0, seed=3).recording.signal("ppg").samples
    answered, begin = 0, 0.0
    for at in range(0, len(x), 25):
        if at == 3750:  # 30 s to warm up
            begin, answered = time.process_time(), 0
        answered += len(stream.push(x[at : at + 25]))
    assert answered == 12
    return 1000 * (time.process_time() - begin) / 60


def main() -> list[dict[str, Any]]:
    """Streams that fit one core."""
    figures = []
    for name, config in (
        ("0.5-8 Hz to 40 Hz", condition.Config(band=(0.5, 8.0), rate=40.0)),
        ("0.5-8 Hz to 125 Hz", condition.Config(band=(0.5, 8.0), rate=125.0)),
        ("0.5-40 Hz at 500 Hz (ECG)", condition.Config(band=(0.5, 40.0))),
    ):
        cost = conditioning(config)
        figures.append(
            {"name": f"500 Hz streams conditioned by one core, {name}", "value": 1000 / cost, "unit": "", "least": 1000}
        )
    cost = whole()
    figures.append({"name": "125 Hz streams on one core, judged, estimate every 5 s", "value": 1000 / cost, "unit": ""})
    return figures


if __name__ == "__main__":
    for figure in main():
        print(f"{figure['name']}: {figure['value']:.0f}")
