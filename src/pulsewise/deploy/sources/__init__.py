"""Where a stream comes from: standard input, a recording played again, LSL, MQTT, a WebSocket."""

from pulsewise.deploy.sources.local import LINE_BYTES, Piece, replay, stdin
from pulsewise.deploy.sources.payload import MESSAGE_BYTES, Fault, Packet, decode, encode

__all__ = ["LINE_BYTES", "MESSAGE_BYTES", "Fault", "Packet", "Piece", "decode", "encode", "replay", "stdin"]
