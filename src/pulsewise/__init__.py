"""Recordings of the pulse and the heart in; clinical values out, each with an honest answer to whether it is true."""

__version__ = "0.1.0.dev0"
