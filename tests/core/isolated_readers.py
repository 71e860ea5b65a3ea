"""Readers for test_isolate.py: one good one and many that misbehave."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Note, Provenance, Recording, Signal
from pulsewise.core.windows import Windows


def good(path: Path, options: ReadOptions) -> list[Recording | Windows]:
    assert path.read_bytes() == b"abc"
    assert options.rate is not None
    signals = (Signal("x", "ppg", "a.u.", options.rate, np.array([1, np.nan, 3], np.float32)),)
    windows = Windows(
        np.zeros((2, 1, 4), np.float32), 4.0, ("ppg",), {"person": ["p1", "p2"], "label_glucose": [90.0, np.nan]}
    )
    print("readers may print; nobody hears it")
    return [Recording(path.name, signals, provenance=Provenance("test", notes=(Note("a", "b", 3),))), windows]


def arrays(path: Path, options: ReadOptions) -> dict[str, np.ndarray]:
    return {"a": np.arange(6.0).reshape(2, 3).T, "b": np.array(["x", "yz"]), "none": np.empty((0, 4), np.int16)}


def where(path: Path, options: ReadOptions) -> list[Recording | Windows]:
    return [Recording("r", (), device=str(Path.cwd()))]


def segfault(path: Path, options: ReadOptions) -> None:
    ctypes.string_at(0)


def abort(path: Path, options: ReadOptions) -> None:
    os.abort()


def quit_quietly(path: Path, options: ReadOptions) -> None:
    os._exit(0)


def own_error(path: Path, options: ReadOptions) -> None:
    raise InputError("sampling_rate", "no rate", fix="give --rate")


def any_error(path: Path, options: ReadOptions) -> None:
    raise KeyError("a value of the file that nobody should see")


def recursion(path: Path, options: ReadOptions) -> None:
    recursion(path, options)


def memory(path: Path, options: ReadOptions) -> None:
    np.ones(2**31, np.uint8)


def connect(path: Path, options: ReadOptions) -> None:
    socket.create_connection(("127.0.0.1", 9))


def start_a_process(path: Path, options: ReadOptions) -> None:
    subprocess.run([sys.executable, "--version"], check=True)


def write_much(path: Path, options: ReadOptions) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    Path("out").write_bytes(bytes(2**22))


def open_many(path: Path, options: ReadOptions) -> None:
    files = [path.open() for _ in range(100)]
    raise AssertionError(len(files))


def sleep(path: Path, options: ReadOptions) -> None:
    time.sleep(60)


def spin(path: Path, options: ReadOptions) -> None:
    while True:
        pass


def spin_deaf(path: Path, options: ReadOptions) -> None:
    for number in (signal.SIGTERM, signal.SIGXCPU, signal.SIGALRM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass
