"""Messages of many devices from an MQTT 5 broker, alone or shared with other workers of a group."""

from __future__ import annotations

import contextlib
import importlib
import json
import queue
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from pulsewise.core.errors import InputError, PulsewiseError, SetupError, UsageError
from pulsewise.deploy.sources.claims import RENEW_S, Claims
from pulsewise.deploy.sources.payload import MESSAGE_BYTES, Fault, Packet, decode
from pulsewise.deploy.sources.secret import secret

TOPIC = "pulsewise/v1/#"
CLAIMS = "pulsewise/claims"
USER, PASSWORD = "PULSEWISE_MQTT_USER", "PULSEWISE_MQTT_PASSWORD"  # names of variables
TICK_S, KEEPALIVE_S, CONNECT_S = 0.2, 30, 15.0
SESSION_S = 15
"""Seconds that the broker keeps messages for a worker that is away; those of a shared subscription among them."""
QUEUE = 4096
_HANDED_OUT, _CLAIM, _OWN = 1, 2, 3  # subscription identifiers

Item = Packet | Fault | None


@dataclass(frozen=True)
class Broker:
    """Where the messages are.

    Parameters
    ----------
    url : str
        mqtt://HOST:PORT, or mqtts:// (TLS). User and password are those of the environment (`USER`, `PASSWORD`).
    topic : str
        What to subscribe to; a device is named by its topic from the first wildcard on.
    group : str
        Of workers that share the devices; empty: this one takes them all.
    qos : int
        0 or 1; with 1 the broker repeats what was not acknowledged.
    most : int
        Devices this worker takes at most, of a group.
    """

    url: str
    topic: str = TOPIC
    group: str = ""
    qos: int = 1
    most: int = 1000

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path not in ("", "/"):
            raise UsageError("usage", "a broker is mqtt://HOST:PORT or mqtts://HOST:PORT", fix="give --url")
        if not re.fullmatch(r"([^/#+\0]+|\+)?(/([^/#+\0]*|\+))*(/?#)?", self.topic) or self.topic.startswith("$"):
            raise UsageError("usage", f"{self.topic[:60]!r} is no topic filter", fix="e.g. --topic pulsewise/v1/#")
        if not re.fullmatch(r"[\w.-]{0,64}", self.group):
            raise UsageError("usage", "a group is letters, digits, . _ and -", fix="e.g. --group ward3")

    def device(self, topic: str) -> str:
        """A device's name.

        >>> Broker("mqtt://localhost", "pulsewise/v1/#").device("pulsewise/v1/p7/wrist")
        'p7/wrist'
        """
        fixed = re.split(r"[#+]", self.topic)[0]
        return topic[len(fixed) :] if topic.startswith(fixed) and len(topic) > len(fixed) else topic.rpartition("/")[2]


@dataclass
class _Inbox:
    """What the network thread leaves for the reader; what does not fit is counted, not waited for."""

    items: queue.Queue[Packet | Fault] = field(default_factory=lambda: queue.Queue(QUEUE))
    dropped: int = 0
    refused: str = ""

    def put(self, item: Packet | Fault) -> None:
        try:
            self.items.put_nowait(item)
        except queue.Full:
            self.dropped += 1


def mqtt(broker: Broker, channels: int, *, connect_s: float = CONNECT_S) -> Iterator[Item]:
    """Packets as they come, None in silence; connects again by itself, with the session kept for `SESSION_S`.

    Raises
    ------
    SetupError
        `missing_dependency`: paho-mqtt is not installed; `environment`: no broker within `connect_s` seconds, or it
        refuses.
    """
    worker = _Worker(broker, channels)
    worker.connect(connect_s)
    try:
        while True:
            if worker.inbox.refused:
                raise SetupError(
                    "environment",
                    f"the broker refuses: {worker.inbox.refused}",
                    fix=f"a broker of MQTT 5; {USER} for a name",
                )
            worker.renew()
            yield from worker.overflow()
            try:
                yield worker.inbox.items.get(timeout=TICK_S)
            except queue.Empty:
                yield None
    finally:
        worker.close()


class _Worker:
    """A client of the broker with its claims. Callbacks run on the client's thread."""

    def __init__(self, broker: Broker, channels: int) -> None:
        try:
            paho, subscribing, kinds, parts_of = (
                importlib.import_module(f"paho.mqtt.{name}")
                for name in ("client", "subscribeoptions", "packettypes", "properties")
            )
        except ImportError as error:
            fix = "pip install 'pulsewise[live]'"
            raise SetupError("missing_dependency", "MQTT needs paho-mqtt", fix=fix) from error
        self.broker, self.channels, self.inbox = broker, channels, _Inbox()
        self._kinds, self._parts, self._options = kinds.PacketTypes, parts_of.Properties, subscribing.SubscribeOptions
        self.claims = Claims(f"pulsewise-{secrets.token_hex(8)}", broker.most)
        self._own: set[str] = set()
        self._renewed = 0.0
        client = paho.Client(
            importlib.import_module("paho.mqtt.enums").CallbackAPIVersion.VERSION2,
            self.claims.worker,
            protocol=paho.MQTTv5,
        )
        client.reconnect_delay_set(1, 30)
        if user := secret(USER, broker.url):
            client.username_pw_set(user, secret(PASSWORD, broker.url) or None)
        parts = urlsplit(broker.url)
        if parts.scheme == "mqtts":
            client.tls_set()
        client.on_connect, client.on_message = self._connected, self._message
        self.client, self.host = client, parts.hostname or ""
        self.port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)

    def connect(self, within_s: float) -> None:
        """Connect and start the client's thread; raises `environment` where there is no broker in time."""
        until = time.monotonic() + within_s
        limits = self._properties(
            "CONNECT", SessionExpiryInterval=SESSION_S, ReceiveMaximum=200, MaximumPacketSize=MESSAGE_BYTES + 4096
        )
        while True:
            try:
                self.client.connect(self.host, self.port, KEEPALIVE_S, properties=limits)
                break
            except OSError as error:
                if time.monotonic() >= until:
                    what = f"no broker at {self.host}:{self.port}"
                    raise SetupError("environment", what, fix="check --url and that it is running") from error
                time.sleep(0.5)
        self.client.loop_start()

    def close(self) -> None:
        """Free the claims and go."""
        with contextlib.suppress(ValueError, RuntimeError, OSError):
            for topic in list(self._own):
                self._publish(topic, "")
            time.sleep(0.05)
            self.client.disconnect(properties=self._properties("DISCONNECT", SessionExpiryInterval=0))
        self.client.loop_stop()

    def overflow(self) -> Iterator[Fault]:
        """What was left out since the last time."""
        dropped, self.inbox.dropped = self.inbox.dropped, 0
        refused, self.claims.refused = self.claims.refused, 0
        fix = "start another worker of the same --group"
        if dropped:
            what = f"{dropped} messages came faster than they could be answered and were left out"
            yield Fault("", InputError("too_large", what, fix=fix))
        if refused:
            what = f"{refused} messages are of devices beyond the {self.broker.most} of this worker"
            yield Fault("", InputError("too_large", what, fix=fix))

    def renew(self) -> None:
        """Say again which devices are one's own, now and then; one that lapsed while the broker was away is over."""
        now = time.monotonic()
        if not self.broker.group or now - self._renewed < RENEW_S:
            return
        self._renewed = now
        held = set(self.claims.held(now))
        for topic in list(self._own):
            if topic in held:
                self._publish(topic, self.claims.worker)
            else:
                self._own.discard(topic)
                self.client.unsubscribe(topic)

    def _properties(self, kind: str, **values: int) -> Any:
        made = self._parts(getattr(self._kinds, kind))
        for name, value in values.items():
            setattr(made, name, value)
        return made

    def _publish(self, topic: str, worker: str) -> None:
        claim = json.dumps({"topic": topic, "worker": worker or self.claims.worker, "free": not worker})
        self.client.publish(f"{CLAIMS}/{self.broker.group}", claim, qos=1)

    def _subscribe(self, topic: str, identifier: int) -> None:
        options = self._options(qos=self.broker.qos if identifier != _CLAIM else 1)
        named = self._properties("SUBSCRIBE", SubscriptionIdentifier=identifier)
        self.client.subscribe(topic, options=options, properties=named)

    def _connected(self, client: Any, _: Any, __: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self.inbox.refused = "" if "navailable" in str(code) or "busy" in str(code) else str(code)
            return
        if not self.broker.group:
            self._subscribe(self.broker.topic, _OWN)
            return
        for need in ("SharedSubscriptionAvailable", "SubscriptionIdentifierAvailable"):
            if getattr(properties, need, 1) == 0:
                self.inbox.refused = f"it lacks what a group needs ({need})"
                return
        self._subscribe(f"{CLAIMS}/{self.broker.group}", _CLAIM)
        self._subscribe(f"$share/{self.broker.group}/{self.broker.topic}", _HANDED_OUT)
        for topic in list(self._own):  # again, after a lost session
            self._subscribe(topic, _OWN)

    def _message(self, client: Any, _: Any, message: Any) -> None:
        kinds = getattr(message.properties, "SubscriptionIdentifier", [_OWN])
        now = time.monotonic()
        if _CLAIM in kinds:
            self._claimed(message.payload, now)
        elif _OWN in kinds:
            self._data(message)
        elif message.topic not in self._own and self.claims.wanted(message.topic, now):
            self._publish(message.topic, self.claims.worker)

    def _claimed(self, payload: bytes, now: float) -> None:
        try:
            claim = json.loads(payload[:4096])
            topic, worker, free = str(claim["topic"]), str(claim["worker"]), bool(claim.get("free"))
        except (ValueError, KeyError, TypeError):
            return
        if free:
            if self.claims.holders.get(topic, ("",))[0] == worker:
                self.claims.holders.pop(topic)
                self.claims.asked.pop(topic, None)
            return
        mine = self.claims.seen(topic, worker, now) == "mine"
        if mine and topic not in self._own:
            self._own.add(topic)
            self._subscribe(topic, _OWN)
        elif not mine and topic in self._own:  # it had been silent too long, and another took over
            self._own.discard(topic)
            self.client.unsubscribe(topic)

    def _data(self, message: Any) -> None:
        device = self.broker.device(message.topic)
        try:
            packet = decode(bytes(message.payload), self.channels)
            self.inbox.put(replace(packet, device=device))
        except PulsewiseError as error:
            self.inbox.put(Fault(device, error))
