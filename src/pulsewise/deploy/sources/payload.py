"""One message of a device, the same for MQTT and WebSocket, as JSON or in binary.

JSON: `{"samples": [[…], …], "seq": 7, "rate": 125}`; `samples` is one list per channel, or one list for one channel;
`null` is a missing sample. Binary, little-endian: 4 bytes "PWS1", u16 version (1), u16 channels, u64 seq, f64 time of
the first sample (s, not used), f32 rate (Hz, 0: not said), u32 samples per channel, then float32, channel after
channel.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError, PulsewiseError
from pulsewise.core.limits import JSON_DEPTH, check_rate

MESSAGE_BYTES = 256 * 1024
"""Longest message that is taken."""
MAGIC, VERSION = b"PWS1", 1
_HEAD = struct.Struct("<4sHHQdfI")
SEQ = 2**63
"""Numbers of messages are below this."""


@dataclass(frozen=True)
class Packet:
    """Samples (C, T) of one device, NaN where missing.

    `seq` counts its messages (None: not counted), `rate` is what it says of itself (None: nothing), `lost` are samples
    that are known to be missing before these, `again` says that the device began anew.
    """

    samples: NDArray[np.float64]
    seq: int | None = None
    rate: float | None = None
    device: str = ""
    lost: int = 0
    again: bool = False


@dataclass(frozen=True)
class Fault:
    """A message that could not be read, or a source that lost its way."""

    device: str
    error: PulsewiseError


def decode(payload: bytes | str, channels: int, device: str = "") -> Packet:
    """The packet in a message.

    Raises `too_large`, `malformed` for what is of neither form, `shape` for other channels, `sampling_rate`.

    >>> decode(encode(np.ones((1, 3)), seq=4, rate=125.0), 1).seq
    4
    >>> decode('{"samples": [1, 2, null], "seq": 5}', 1).samples.tolist()
    [[1.0, 2.0, nan]]
    """
    if len(payload) > MESSAGE_BYTES:
        raise InputError("too_large", f"a message holds at most {MESSAGE_BYTES} bytes")
    packet = _json(payload, device) if isinstance(payload, str) or payload[:4] != MAGIC else _binary(payload, device)
    if packet.samples.ndim != 2 or len(packet.samples) != channels or not packet.samples.shape[1]:
        raise InputError("shape", f"samples ({channels}, T) are needed, {packet.samples.shape} came")
    return packet


def encode(samples: NDArray[Any], *, seq: int = 0, rate: float = 0.0, time: float = 0.0) -> bytes:
    """A binary message of samples (C, T)."""
    x = np.ascontiguousarray(np.atleast_2d(samples), dtype="<f4")
    return _HEAD.pack(MAGIC, VERSION, x.shape[0], seq, time, rate, x.shape[1]) + x.tobytes()


def _binary(payload: bytes, device: str) -> Packet:
    if len(payload) < _HEAD.size:
        raise _malformed()
    _, version, channels, seq, _, rate, count = _HEAD.unpack_from(payload)
    if version != VERSION:
        raise InputError("malformed", f"messages of version {VERSION} are read, version {version} came")
    if seq >= SEQ or not channels or len(payload) != _HEAD.size + 4 * channels * count:
        raise _malformed()
    samples = np.frombuffer(payload, "<f4", offset=_HEAD.size).astype(np.float64).reshape(channels, count)
    return Packet(samples, seq, check_rate(rate) if rate else None, device)


def _json(payload: bytes | str, device: str) -> Packet:
    try:
        text = payload if isinstance(payload, str) else payload.decode("utf-8")
        if text.count("[") > 2 * JSON_DEPTH + 64:
            raise _malformed()
        table = json.loads(text)
        samples = np.array(table["samples"], dtype=np.float64)
        seq = table.get("seq", table.get("sequence"))
        rate = table.get("rate")
        named = table.get("device", device)
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
        raise _malformed() from None
    if seq is not None and (type(seq) is not int or not 0 <= seq < SEQ):
        raise _malformed()
    if not isinstance(named, str) or len(named) > 256 or (rate is not None and type(rate) not in (int, float)):
        raise _malformed()
    return Packet(samples[None] if samples.ndim == 1 else samples, seq, check_rate(rate) if rate else None, named)


def _malformed() -> InputError:
    fix = "see docs/howto/stream.md for both forms"
    return InputError("malformed", 'a message is {"samples": [[…], …], "seq": 7}, or its binary form', fix=fix)
