"""Estimate while the samples arrive: one line of JSON per window, and one where the state changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulsewise.cli._options import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pulsewise.deploy.sources import Piece

PANEL = "Use"


@reading
def stream(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder, or the run folder it is in.")],
    source: Annotated[
        str,
        typer.Option("--from", metavar="SOURCE", help="stdin, replay:FILE, lsl, lsl:NAME, mqtt or websocket."),
    ] = "stdin",
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="mqtt://HOST:PORT (mqtts:// with TLS), or ws://HOST:PORT/PATH.")
    ] = "",
    topic: Annotated[
        str, typer.Option("--topic", metavar="FILTER", help="Of MQTT; from its first wildcard on it names the device.")
    ] = "pulsewise/v1/#",
    group: Annotated[
        str, typer.Option("--group", metavar="NAME", help="Of MQTT: workers of one group share the devices.")
    ] = "",
    speed: Annotated[
        float, typer.Option("--speed", min=0.0, help="Of a replay: 1 is real time, 0 as fast as it goes.")
    ] = 1.0,
    stale: Annotated[
        float, typer.Option("--stale", min=0.1, metavar="S", help="Silence after which it is stale.")
    ] = 5.0,
    alarm: Annotated[
        list[str] | None,
        typer.Option("--alarm", metavar="glucose<70", help="Say when a quantity goes beyond a limit; repeatable."),
    ] = None,
    hysteresis: Annotated[
        float, typer.Option("--hysteresis", min=0.0, help="How far back it must come before an alarm ends.")
    ] = 0.0,
    hold: Annotated[int, typer.Option("--hold", min=1, help="Windows in a row that start or end an alarm.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Let an untrained bundle answer.")] = False,
    read_as: Any = None,
) -> None:
    """Estimate while the samples arrive: a line of JSON per window with values, intervals, quality, latency and state
    (warming, ok, low_quality, no_contact), and a line where the stream goes stale.

    On standard input a line is a number per channel (separated by commas or spaces), or an object
    {"samples": [[…], …], "seq": 7}; a missing number of `seq` becomes a gap of that many pieces. --rate is needed.
    Messages of MQTT and WebSocket are that object or its binary form; each device is a stream of its own, named in its
    lines. With --group several workers share the devices of one broker.

    Example: pulsewise stream demo-bundle --from replay:finger.csv --speed 0
    """
    from pulsewise.cli import _output
    from pulsewise.cli._files import bundle_folder
    from pulsewise.deploy import sources
    from pulsewise.deploy.alarm import Alarm
    from pulsewise.deploy.stream import Stream
    from pulsewise.learn.bundle import Bundle

    folder = bundle_folder(bundle)
    loaded = Bundle.load(folder)

    def new_alarms() -> list[Alarm]:
        return [Alarm.parse(text, hysteresis=hysteresis, hold=hold) for text in alarm or ()]

    alarms = new_alarms()
    options, format = read_as
    known = options.demographics
    if source == "stdin":
        rate, pieces = sources.stdin(options.rate, len(loaded.facts.signals), stale)
    elif source.startswith("replay:"):
        rate, pieces, known = sources.replay(Path(source.removeprefix("replay:")), options, format, loaded, speed)
    else:
        from pulsewise.deploy.devices import Devices, answers

        packets = _live(source, url, topic, group, len(loaded.facts.signals), options.rate)
        devices = Devices(
            loaded, options.rate, stale_s=stale, alarms=new_alarms, force=force, demographics=options.demographics
        )
        for line in answers(devices, packets):
            _output.line(line)
        return
    running = Stream(loaded, rate, force=force, demographics=known)
    _output.line({"state": running.state, "rate_hz": rate, "delay_s": round(running.delay_s, 3)})
    for answer in _answers(running, pieces):
        said = answer if isinstance(answer, dict) else answer.to_dict()
        if not isinstance(answer, dict):
            for one in alarms:
                said |= one.see({e.quantity: e.value for e in answer.estimates})
        _output.line(said)


def _live(source: str, url: str, topic: str, group: str, channels: int, rate: float | None) -> Iterator[Any]:
    """Packets of devices; raises `usage` for a source that is none."""
    from pulsewise.core.errors import UsageError

    if source == "lsl" or source.startswith("lsl:"):
        from pulsewise.deploy.sources.lsl import lsl

        return lsl(source[4:], channels, rate)
    if source == "mqtt":
        from pulsewise.deploy.sources.mqtt import Broker, mqtt

        return mqtt(Broker(url or "mqtt://127.0.0.1:1883", topic, group), channels)
    if source == "websocket":
        from pulsewise.deploy.sources.websocket import websocket

        return websocket(url, channels)
    what = f"--from is stdin, replay:FILE, lsl, lsl:NAME, mqtt or websocket; {source[:40]!r} came"
    raise UsageError("usage", what)


def _answers(running: Any, pieces: Iterator[Piece | None]) -> Iterator[Any]:
    """Answers as they come; None as a piece means silence."""
    for piece in pieces:
        if piece is None:
            yield {"state": "stale", "end_s": round(running.seconds, 3)}
            continue
        if piece.lost:
            yield from running.missing(piece.lost)
        yield from running.push(piece.samples)
    yield from running.flush()
