"""What a computing process does: one call after the other, in the words of the stages it calls."""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import ArtifactError, InputError, PulsewiseError, UsageError
from pulsewise.core.recording import Provenance, Recording, Signal, from_parts
from pulsewise.core.windows import Windows
from pulsewise.deploy.serve import frames
from pulsewise.learn.bundle import Bundle

Given = Mapping[str, Any]
Arrays = list[NDArray[Any]]
Made = tuple[Any, Arrays]

MEMORY = 4 * 2**30
"""Bytes of a process (RLIMIT_DATA); beyond, only the request that asked for them fails."""

BUNDLES: dict[str, Bundle] = {}
FORCED = [False]


def main(handle: int) -> NoReturn:
    """Answer calls until the server closes the socket, or is gone."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    os.nice(5)  # the server itself comes first: it must be able to refuse while these compute
    link = socket.socket(fileno=handle)
    while True:
        try:
            plain, arrays = _take(link)
        except (EOFError, OSError):
            os._exit(0)
        answer, made = answered(plain["call"], plain["given"], arrays)
        if plain["call"] == "load":
            gc.freeze()  # models and libraries stay: no answer waits while they are looked through
        link.sendall(frames.head_of(answer, made))
        for array in made:
            link.sendall(frames.raw(array))


def answered(call: str, given: Given, arrays: Arrays) -> Made:
    """`{"answer": …}` or `{"error": …}`, and arrays."""
    from pulsewise.deploy.serve.made import CALLS

    calls: dict[str, Callable[[Given, Arrays], Made]] = {"load": load, **CALLS}
    try:
        plain, made = calls[call](given, arrays)
        return {"answer": plain}, [np.ascontiguousarray(a) for a in made]
    except PulsewiseError as error:
        found = error
    except MemoryError:
        found = PulsewiseError("busy", "this needs more memory than a request may have", fix="send less at once")
    except RecursionError:
        found = InputError("malformed", "the input nests too deep")
    except Exception as error:  # a slip of ours: its kind may be told, its text may hold what was sent
        found = PulsewiseError("internal", "the program broke", where=type(error).__name__)
    return {"error": found.to_dict()}, []


def _take(link: socket.socket) -> tuple[Any, Arrays]:
    length = bytearray(8)
    _fill(link, memoryview(length))
    text = bytearray(int.from_bytes(length, "little"))
    _fill(link, memoryview(text))
    head = json.loads(text)
    arrays = frames.blank(head["arrays"])
    for array in arrays:
        _fill(link, frames.raw(array))
    return head["plain"], arrays


def _fill(link: socket.socket, view: memoryview) -> None:
    while len(view):
        count = link.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]


def load(given: Given, arrays: Arrays) -> Made:
    """Load the models and let each answer once, so that the first request is as fast as the others."""
    import pulsewise.signals.measure

    FORCED[0] = bool(given["force"])
    with one_core():
        for name, path in given["bundles"].items():
            BUNDLES[name] = Bundle.load(Path(path))
            if BUNDLES[name].trained or FORCED[0]:
                try_out(BUNDLES[name])
    t = np.arange(1250) / 125
    pulsewise.signals.measure.measure(np.exp(3 * np.cos(2 * np.pi * 1.2 * t)), 125.0)
    return {"bundles": sorted(BUNDLES)}, []


@contextmanager
def one_core() -> Iterator[None]:
    """Engines take as many threads as they see processors; with a process per processor they would only wait there."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def try_out(bundle: Bundle) -> None:
    """One forward pass; raises `missing_dependency` where its engine is not installed."""
    f = bundle.facts
    wave = np.sin(np.arange(f.length) / 10, dtype=np.float32)
    samples = np.broadcast_to(wave, (1, len(f.channels), f.length)).copy()
    bundle.predict_windows(Windows(samples, f.rate, f.channels), force=True)


def bundle_of(given: Given) -> Bundle:
    """The model a call names; `unknown_name`."""
    if given["model"] not in BUNDLES:
        raise UsageError("unknown_name", "no such model is served", fix="see /api/models")
    found = BUNDLES[given["model"]]
    if not found.trained and not FORCED[0]:
        raise ArtifactError("untrained", "this model was never trained", fix="train it")
    return found


def part_of(given: Given, arrays: Arrays) -> Recording | Windows:
    """The recording or the windows of a call."""
    if given.get("columns") is None:
        return from_parts(given["head"], arrays)
    columns = {n: np.asarray(c, dtype=str) if isinstance(c, list) else arrays[c] for n, c in given["columns"].items()}
    head = given["head"]
    return Windows(arrays[0], head["rate"], tuple(head["channels"]), columns, head["synthetic"])


def window_of(given: Given, arrays: Arrays, names: tuple[str, ...]) -> Recording:
    """Samples (C, T) of one request as a recording whose signals have the given names."""
    samples = np.atleast_2d(arrays[0])
    if len(samples) != len(names):
        raise InputError("shape", f"{len(names)} channels are needed ({', '.join(names)}), {len(samples)} came")
    kinds = [given.get("kind") or name for name in names] if len(names) == 1 else list(names)
    signals = tuple(
        Signal(name, kind, "", given["rate"], row, rate_source="option")
        for name, kind, row in zip(names, kinds, samples, strict=True)
    )
    known = given.get("demographics") or {}
    return Recording("request", signals, demographics=known, provenance=Provenance("http"))
