"""HTTP = file = stream: whichever way samples come in, the numbers are the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from pulsewise.core.recording import Recording, Signal
from pulsewise.deploy.predict import one
from pulsewise.learn.bundle import Bundle

MODEL = "small-glucose"


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(
    seconds=st.floats(11, 34),
    bpm=st.floats(45, 140),
    gap=st.one_of(st.none(), st.tuples(st.floats(0, 30), st.floats(0.02, 5))),
    pieces=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_http_is_file_is_stream(
    server: Any, small_run: Path, pulse: Any, seconds: float, bpm: float, gap: Any, pieces: int, seed: int
) -> None:
    samples = pulse(seconds, bpm=bpm).astype("<f4")
    if gap is not None:
        samples[round(gap[0] * 125) : round((gap[0] + gap[1]) * 125)] = np.nan
    bundle = Bundle.load(small_run / "bundle")
    wanted = one(bundle, Recording("r", (Signal("ppg", "ppg", "", 125.0, samples),)))
    plain = json.loads(json.dumps(wanted["windows"]))
    with httpx.Client(base_url=server.url, timeout=60) as client:
        raw = client.post(f"/api/predict/{MODEL}", params={"rate": 125}, content=samples.tobytes()).json()
        listed = [None if np.isnan(v) else float(v) for v in samples]
        typed = client.post(f"/api/predict/{MODEL}", params={"rate": 125}, json={"samples": listed}).json()
    assert raw["windows"] == typed["windows"] == plain
    generator, said = np.random.default_rng(seed), []
    cuts = np.sort(generator.integers(0, len(samples), pieces))
    with connect(f"ws://127.0.0.1:{server.port}/api/streams?model={MODEL}&rate=125") as socket:
        for piece in np.split(samples, cuts):
            socket.send(piece.tobytes())
        socket.send('{"end": true}')
        said = [json.loads(line) for line in socket]
    streamed = {a["window"]: a["glucose"].get("value") for a in said if "glucose" in a}
    tolerance = 1e-4 * bundle.facts.scaling.target_sd[0]
    for row in plain:
        if row["value"] is not None:
            assert abs(streamed[row["window"]] - row["value"]) <= tolerance
    assert {w for w, v in streamed.items() if v is not None} == {r["window"] for r in plain if r["value"] is not None}
