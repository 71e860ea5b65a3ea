"""Promise: devices reach their streams over MQTT, WebSocket and LSL, each for itself, and what is lost is said."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsewise import simulate
from pulsewise.cli.main import status
from pulsewise.core.errors import InputError, PulsewiseError, SetupError, UsageError
from pulsewise.core.recording import Recording, Signal
from pulsewise.deploy.alarm import Alarm
from pulsewise.deploy.devices import Devices, answers
from pulsewise.deploy.sources import MESSAGE_BYTES, Fault, Packet, decode, encode
from pulsewise.deploy.sources.claims import Claims
from pulsewise.deploy.sources.order import Order
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import Facts, Model
from pulsewise.learn.scaling import Scaling
from pulsewise.tasks import heart_rate

RATE = 50.0


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """Always 72 bpm, from windows of 4 s: what is tested is what arrives."""
    config = {"channels": 1, "length": 200, "outputs": 1}
    about = Facts(
        "always", heart_rate.build(heart_rate.Config()), Model("constant", False, config), RATE, 200, ("ppg",),
        {}, {"length_s": 4.0}, Scaling((0.0,), (1.0,), (72.0,), (1.0,)), trained=True,
    )  # fmt: skip
    return Bundle(about, {"median": np.zeros(1)})


@pytest.fixture(scope="module")
def pulse() -> np.ndarray:
    x = simulate.recording(60.0, heart_rate=72, noise=0.03, rate=RATE, seed=3).recording.signal("ppg").samples
    return x.astype(np.float64)


def pieces(pulse: np.ndarray, size: int = 25) -> list[bytes]:
    return [encode(pulse[at : at + size], seq=at // size, rate=RATE) for at in range(0, len(pulse), size)]


def packets(pulse: np.ndarray, device: str = "a", size: int = 25) -> list[Packet]:
    return [decode(piece, 1, device) for piece in pieces(pulse, size)]


# -- messages --------------------------------------------------------------------------------------------------------


@given(
    st.integers(1, 4), st.integers(1, 50), st.integers(0, 2**63 - 1), st.sampled_from([0.0, 25.0, 125.0]), st.booleans()
)
def test_a_message_says_the_same_in_both_forms(channels: int, count: int, seq: int, rate: float, missing: bool) -> None:
    samples = np.random.default_rng(seq % 1000).normal(size=(channels, count)).astype(np.float32)
    if missing:
        samples[0, 0] = np.nan
    cells = [[None if np.isnan(v) else float(v) for v in row] for row in samples]
    first = decode(encode(samples, seq=seq, rate=rate), channels)
    second = decode(json.dumps({"samples": cells, "seq": seq, "rate": rate or None}), channels)
    for found in (first, second):
        assert np.array_equal(found.samples, samples, equal_nan=True)
        assert (found.seq, found.rate) == (seq, rate or None)


@settings(max_examples=200)
@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_samples_or_an_error_with_a_code(content: bytes, ours: bool) -> None:
    with contextlib.suppress(InputError):
        decode((b"PWS1\1\0" if ours else b"") + content, 1)


@pytest.mark.parametrize(
    ("message", "code"),
    [(b"{", "malformed"), (b"\xff\xfe", "malformed"), ('{"samples": 3}', "shape"), ('{"samples": [[]]}', "shape"),
     ('{"samples": [[1], [2]]}', "shape"), ('{"samples": [1], "seq": -1}', "malformed"), ("[" * 10_000, "malformed"),
     ('{"samples": [1], "seq": true}', "malformed"), ('{"samples": ["x"]}', "malformed"), ('[1]', "malformed"),
     ('{"samples": [1], "rate": 1e9}', "sampling_rate"), ('{"samples": [1], "device": 3}', "malformed"),
     (b"x" * (MESSAGE_BYTES + 1), "too_large"), (encode(np.ones(3))[:-1], "malformed"), (b"PWS1", "malformed"),
     (b"PWS1\2\0" + encode(np.ones(3))[6:], "malformed"), (encode(np.ones((2, 3))), "shape")],
)  # fmt: skip
def test_messages_that_are_not_samples_are_refused(message, code: str) -> None:
    with pytest.raises(InputError) as error:
        decode(message, 1)
    assert error.value.code == code


@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=8))
def test_messages_in_any_order_and_twice_come_out_in_order_and_once(order: list[int], again: list[int]) -> None:
    taking, found = Order(expected=0), []
    for n in [*order, *again]:
        found += taking.take(Packet(np.zeros((1, 5)), n))
    found += taking.release()
    numbers = [p.seq for p in found]
    assert numbers == sorted(set(numbers)) and sum(p.lost for p in found) == taking.lost
    received = sum(p.samples.shape[1] for p in found)
    last = numbers[-1] + 1
    assert received + taking.lost == 5 * last and taking.twice + len(found) == len(order) + len(again)


def test_a_device_that_begins_anew_is_not_taken_for_late() -> None:
    order = Order()
    for n in range(40):
        order.take(Packet(np.zeros((1, 5)), n))
    (first,) = order.take(Packet(np.zeros((1, 5)), 0))
    assert first.again and order.take(Packet(np.zeros((1, 5)), 1))[0].lost == 0
    again = [p.again for n in (*range(2, 20), *range(15)) for p in order.take(Packet(np.zeros((1, 5)), n))]
    assert again == [False] * 18 + [True] + [False] * 5 and order.twice == 9


# -- devices ---------------------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def values(lines: list[dict], device: str) -> dict[int, float | None]:
    return {n["window"]: n["heart_rate"].get("value") for n in lines if n["device"] == device and "window" in n}


def test_devices_do_not_touch_each_other(bundle: Bundle, pulse) -> None:
    whole = Recording("r", (Signal("ppg", "ppg", "", RATE, pulse.astype(np.float32)),))
    wanted = {e.window: e.value for e in bundle.estimate(whole)}
    devices = Devices(bundle, RATE, alarms=lambda: [Alarm.parse("heart_rate>71", hold=1)])
    mixed: list = [p for pair in zip(packets(pulse, "a"), packets(pulse[::-1], "b"), strict=True) for p in pair]
    mixed[40:40] = [Fault("c", InputError("malformed", "no message")), None]
    lines = list(answers(devices, mixed))
    assert values(lines, "a") == wanted and len(values(lines, "b")) == len(wanted) == 15
    assert [n for n in lines if n["device"] == "c"] == [
        {"device": "c", "state": "error", "code": "malformed", "message": "no message"}
    ]
    assert all(n["alarm:heart_rate>71"] for n in lines if n.get("state") == "ok" and "window" in n)


def test_what_is_lost_is_said_and_late_messages_are_waited_for(bundle: Bundle, pulse) -> None:
    clock = Clock()
    devices = Devices(bundle, RATE, clock=clock)
    line = packets(pulse)
    order = [*line[:10], *line[12:14], line[11], line[10], line[10], *line[14:60], *line[65:]]
    lines = []
    for packet in order:
        lines += devices.take(packet)
        clock.now += 0.2
        lines += devices.tick()
    lost = [n for n in lines if "lost_samples" in n]
    assert [(n["lost_samples"], n["end_s"]) for n in lost] == [(125, 30.0)]
    assert not [n for n in lines if n["state"] in ("stale", "error")]
    lines += devices.end()
    assert len(values(lines, "a")) >= 13


def test_a_silent_device_is_stale_once_and_forgotten_later(bundle: Bundle, pulse) -> None:
    clock = Clock()
    devices = Devices(bundle, None, stale_s=5.0, clock=clock)
    for packet in packets(pulse)[:20]:
        devices.take(packet)
    states = []
    for _ in range(70):
        clock.now += 1.0
        states += [n["state"] for n in devices.tick()]
    assert states.count("stale") == 1 and len(devices) == 0


def test_a_device_without_a_rate_or_with_another_is_an_error_once(bundle: Bundle, pulse) -> None:
    devices = Devices(bundle, None)
    plain = [Packet(p.samples, p.seq, None, "a") for p in packets(pulse)[:5]]
    lines = [n for p in plain for n in devices.take(p)]
    assert [n["code"] for n in lines] == ["sampling_rate"]
    fast = Packet(plain[0].samples, 0, 125.0, "b")
    assert [n["code"] for n in devices.take(fast) + devices.take(fast)] == ["rate"] and len(devices) == 0


def test_a_gap_of_days_begins_anew_and_allocates_nothing(bundle: Bundle, pulse) -> None:
    devices = Devices(bundle, RATE)
    first, *_ = packets(pulse)
    devices.take(first)
    far = [Packet(first.samples, 2**40 + n, RATE, "a") for n in range(10)]
    lines = [n for p in far for n in devices.take(p)]
    assert [n.get("again") for n in lines if "again" in n] == [True] and len(devices) == 1


def test_a_claim_holds_until_it_is_not_renewed() -> None:
    claims = {name: Claims(name) for name in "abc"}
    for topic in range(40):
        wanting = [name for name in "abc" if claims[name].wanted(str(topic), 0.0)]
        order = wanting if topic % 2 else wanting[::-1]
        for worker in order:
            for one in claims.values():
                one.seen(str(topic), worker, 0.1)
    held = [topic for one in claims.values() for topic in one.held(1.0)]
    assert len(held) == len(set(held)) == 40


# -- WebSocket -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def gateway(connections: list[list]) -> Iterator[str]:
    """A server that sends each connection its messages and closes it; the last stays open."""
    websockets = pytest.importorskip("websockets.sync.server")
    waiting, ended = iter(connections), threading.Event()

    def handle(socket) -> None:
        for message in next(waiting, []):
            socket.send(message)
        if len(connections) == 1 or next(waiting, None) is None:
            ended.wait(10)

    connections[:] = [part for pair in connections for part in (pair, [])][:-1]
    with websockets.serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/devices"
        ended.set()
        server.shutdown()
        thread.join(5)


def until(source: Iterator, count: int, seconds: float = 20.0) -> list:
    """The next packets or faults of a source."""
    found, end = [], time.monotonic() + seconds
    for item in source:
        found += [item] if item is not None else []
        if len(found) >= count:
            break
        assert time.monotonic() < end, f"{len(found)} of {count} came"
    source.close()
    return found


def test_a_websocket_is_read_and_connected_again(bundle: Bundle, pulse, monkeypatch) -> None:
    pytest.importorskip("websockets")
    from pulsewise.deploy.sources import websocket as room

    monkeypatch.setattr(room, "FIRST_WAIT_S", 0.05)
    sent = pieces(pulse)
    one = json.dumps({"samples": pulse[:25].tolist(), "seq": 7, "device": "other", "rate": RATE})
    with gateway([[*sent[:60], "nonsense", one], sent[58:]]) as url:
        got = until(room.websocket(url, 1), 124)
    faults = [item for item in got if isinstance(item, Fault)]
    assert [fault.error.code for fault in faults] == ["malformed"]
    assert [p.device for p in got if isinstance(p, Packet) and p.device == "other"] == ["other"]
    lines = list(answers(Devices(bundle, None), got))
    device = url.removeprefix("ws://").partition("/")[0]
    assert len(values(lines, device)) == 15 and not [n for n in lines if "lost_samples" in n]  # 58 and 59 came twice


def test_no_websocket_is_said(monkeypatch) -> None:
    pytest.importorskip("websockets")
    from pulsewise.deploy.sources import websocket as room

    monkeypatch.setattr(room, "FIRST_WAIT_S", 0.01)
    with pytest.raises(SetupError, match="no connection to 127"):
        list(room.websocket("ws://127.0.0.1:9/x", 1, tries=2))
    with pytest.raises(UsageError, match="ws://HOST"):
        list(room.websocket("http://127.0.0.1", 1))


# -- MQTT ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mqtt5() -> ModuleType:
    pytest.importorskip("paho.mqtt")
    spec = importlib.util.spec_from_file_location("broker", Path(__file__).parent / "broker.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["broker"] = module
    spec.loader.exec_module(module)
    return module


class Collected:
    """A source read on a thread of its own, as a worker would."""

    def __init__(self, source: Iterator) -> None:
        self.items: list = []
        self._ended = threading.Event()

        def run() -> None:
            for item in source:
                self.items += [item] if item is not None else []
                if self._ended.is_set():
                    source.close()
                    return

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def end(self) -> None:
        self._ended.set()
        self.thread.join(5)

    @property
    def devices(self) -> set[str]:
        return {item.device for item in self.items}


def wait_for(condition, seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def publisher(port: int):
    from paho.mqtt import client as paho

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def test_many_devices_of_one_broker(mqtt5, bundle: Bundle, pulse) -> None:
    from pulsewise.deploy.sources.mqtt import Broker, mqtt

    with mqtt5.Broker() as broker:
        worker = Collected(mqtt(Broker(f"mqtt://127.0.0.1:{broker.port}"), 1))
        wait_for(lambda: any(c.filters for c in broker.clients))
        broker.repeat = True  # every message comes twice
        client = publisher(broker.port)
        for at, piece in enumerate(pieces(pulse[:1000])):
            for device in ("p1/wrist", "p2/finger"):
                client.publish(f"pulsewise/v1/{device}", piece, qos=1)
            if at == 20:
                wait_for(lambda: len(worker.items) >= 84)
                old = set(broker.clients)
                broker.cut()  # everybody has to connect again
                wait_for(lambda old=old: any(c.filters for c in broker.clients if c not in old))
                wait_for(lambda: client.is_connected() and len(broker.clients) == 2)
        client.publish("pulsewise/v1/p3", "nonsense", qos=1)
        wait_for(lambda: any(isinstance(item, Fault) for item in worker.items))
        worker.end()
        client.loop_stop()
    assert worker.devices == {"p1/wrist", "p2/finger", "p3"}
    lines = list(answers(Devices(bundle, None), worker.items))
    for device in ("p1/wrist", "p2/finger"):
        whole = set(range(5))
        assert set(values(lines, device)) >= whole and not [n for n in lines if "lost_samples" in n]


def test_two_workers_of_a_group_together_see_every_device_once(mqtt5, monkeypatch) -> None:
    from pulsewise.deploy.sources import mqtt as room

    names = [f"device{n}" for n in range(12)]
    with mqtt5.Broker() as broker:
        at = room.Broker(f"mqtt://127.0.0.1:{broker.port}", "ward/+", "night")
        workers = [Collected(room.mqtt(at, 1)) for _ in range(2)]
        wait_for(lambda: sum(len(c.filters) >= 2 for c in broker.clients) == 2)
        client = publisher(broker.port)
        numbers = dict.fromkeys(names, 0)

        def round_of_messages() -> None:
            for name in names:
                client.publish(f"ward/{name}", encode(np.ones(5), seq=numbers[name], rate=RATE), qos=1)
                numbers[name] += 1
            time.sleep(0.02)

        def all_seen() -> bool:
            round_of_messages()
            return set().union(*(w.devices for w in workers)) == set(names)

        wait_for(all_seen)
        for _ in range(20):
            round_of_messages()
        last = {name: numbers[name] - 1 for name in names}
        wait_for(lambda: all(any(i.device == n and i.seq == last[n] for w in workers for i in w.items) for n in names))
        assert workers[0].devices | workers[1].devices == set(names)
        assert not workers[0].devices & workers[1].devices and all(w.devices for w in workers)
        for worker in workers:  # every message from the first on, once
            for name in worker.devices:
                seen = [item.seq for item in worker.items if item.device == name]
                assert seen == list(range(seen[0], last[name] + 1))
        gone, left = workers
        gone.end()  # its devices go to the other
        before = set(left.devices)

        def taken_over() -> bool:
            round_of_messages()
            return left.devices == set(names)

        wait_for(taken_over)
        assert before < left.devices
        left.end()
        client.loop_stop()


def test_devices_beyond_the_most_are_said(mqtt5) -> None:
    from pulsewise.deploy.sources.mqtt import Broker, mqtt

    with mqtt5.Broker() as broker:
        worker = Collected(mqtt(Broker(f"mqtt://127.0.0.1:{broker.port}", "ward/+", "night", most=1), 1))
        wait_for(lambda: any(len(c.filters) >= 2 for c in broker.clients))
        client = publisher(broker.port)

        def said() -> bool:
            for name in "ab":
                client.publish(f"ward/{name}", encode(np.ones(5), rate=RATE), qos=1)
            time.sleep(0.02)
            return any(isinstance(item, Fault) for item in worker.items)

        wait_for(said)
        worker.end()
        client.loop_stop()
    (fault, *_) = [item for item in worker.items if isinstance(item, Fault)]
    assert "beyond the 1 of this worker" in fault.error.what and len(worker.devices - {""}) == 1


def test_no_broker_is_said_and_wrong_calls_too(mqtt5) -> None:
    from pulsewise.deploy.sources.mqtt import Broker, mqtt

    with pytest.raises(SetupError, match="no broker at 127"):
        next(mqtt(Broker("mqtt://127.0.0.1:9"), 1, connect_s=0.1))
    with mqtt5.Broker() as broker:
        broker.shares = False
        with pytest.raises(SetupError, match="SharedSubscriptionAvailable"):
            until(mqtt(Broker(f"mqtt://127.0.0.1:{broker.port}", group="g"), 1), 1)
    for wrong in ({"url": "http://x"}, {"url": "mqtt://x", "topic": "a/#/b"}, {"url": "mqtt://x", "group": "a/b"}):
        with pytest.raises(UsageError):
            Broker(**wrong)
    assert Broker("mqtt://x", "a/b").device("a/b") == "b"
    assert Broker("mqtt://x", "a/+/c").device("a/b/c") == "b/c"


# -- LSL -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def pylsl() -> ModuleType:
    """The library, if it can be loaded here."""
    try:
        import pylsl
    except (ImportError, RuntimeError, OSError) as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"liblsl cannot be loaded: {error}")
        pytest.skip(f"liblsl cannot be loaded: {error}")
    return pylsl


def test_an_lsl_stream_on_loopback(pylsl, bundle: Bundle, pulse) -> None:
    from pulsewise.deploy.sources.lsl import lsl

    info = pylsl.StreamInfo(f"finger-{os.getpid()}", "PPG", 1, RATE, "float32", f"test-{os.getpid()}")
    outlet = pylsl.StreamOutlet(info)
    source = lsl(info.name(), 1, None, find_s=10.0)
    collected = Collected(source)
    wait_for(outlet.have_consumers)
    begin = pylsl.local_clock() - 20.0
    for at in (*range(0, 500, 25), *range(600, 1000, 25)):  # two seconds are missing
        outlet.push_chunk(pulse[at : at + 25].astype(np.float32)[:, None].tolist(), begin + (at + 24) / RATE)
    wait_for(lambda: sum(p.samples.shape[1] for p in collected.items) >= 900)
    collected.end()
    assert [p.lost for p in collected.items if p.lost] == [100]
    got = np.concatenate([p.samples[0] for p in collected.items])
    assert np.array_equal(got, np.r_[pulse[:500], pulse[600:1000]].astype(np.float32))
    lines = list(answers(Devices(bundle, None), collected.items))
    assert [n["lost_samples"] for n in lines if "lost_samples" in n] == [100]
    assert len(values(lines, info.name())) == 4


def test_no_lsl_stream_is_said(pylsl) -> None:
    from pulsewise.deploy.sources.lsl import lsl

    with pytest.raises(SetupError, match="no LSL stream named"):
        lsl("nobody-has-this-name", 1, None, find_s=0.2)


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command_reads_a_websocket(bundle: Bundle, pulse, tmp_path: Path, capsys, monkeypatch) -> None:
    pytest.importorskip("websockets")
    from pulsewise.deploy.sources import websocket as room

    bundle.save(tmp_path / "bundle")
    whole = room.websocket
    with gateway([pieces(pulse)]) as url:
        monkeypatch.setattr(room, "websocket", lambda *a: iter(until(whole(*a), 120)))
        assert status(["stream", str(tmp_path / "bundle"), "--from", "websocket", "--url", url]) == 0
    first, *rest = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert first["state"] == "warming" and first["rate_hz"] == RATE and len(rest) == 15
    assert status(["stream", str(tmp_path / "bundle"), "--from", "carrier-pigeon"]) == 2
    assert status(["stream", str(tmp_path / "bundle"), "--from", "websocket"]) == 2


def test_secrets_do_not_go_unencrypted_to_other_machines(monkeypatch) -> None:
    from pulsewise.deploy.sources.secret import secret

    monkeypatch.setenv("PULSEWISE_TOKEN", "k7Qw")
    assert [secret("PULSEWISE_TOKEN", url) for url in ("wss://far.example/x", "ws://127.0.0.1:9/x")] == ["k7Qw"] * 2
    for url in ("ws://far.example/x", "mqtt://10.0.0.1"):
        with pytest.raises(UsageError, match="unencrypted"):
            secret("PULSEWISE_TOKEN", url)
    assert secret("PULSEWISE_NOT_SET", "ws://far.example") == ""


def test_a_missing_library_says_what_to_install(monkeypatch) -> None:
    from pulsewise.deploy.sources.lsl import lsl

    monkeypatch.setitem(sys.modules, "pylsl", None)
    with pytest.raises(PulsewiseError, match="liblsl"):
        lsl("x", 1, None)
