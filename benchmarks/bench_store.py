"""Random reads of shuffled windows: the store beside a plain .npy memory map and HDF5, and memory as it grows.

Cold: a fresh process, the files dropped from the page cache (as far as the system obeys), every window read
once in shuffled batches of 256, opening included. Each figure is the median of interleaved runs, each in its
own process.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pulsewise.core.recording import Recording, Signal

LENGTH, BATCH, RATE = 1200, 256, 120.0
WINDOWS = 1000
"""Of one recording."""


@dataclass(frozen=True)
class Noise:
    """Recordings of `WINDOWS` windows of noise each."""

    recordings: int

    def ids(self) -> list[str]:
        return [f"r{i:04d}" for i in range(self.recordings)]

    def fingerprint(self, recording_id: str) -> str:
        return recording_id

    def read(self, recording_id: str) -> Recording:
        random = np.random.default_rng(int(recording_id[1:]))
        samples = random.standard_normal(WINDOWS * LENGTH, dtype=np.float32)
        return Recording(recording_id, (Signal("p", "other", "a.u.", RATE, samples),), person=recording_id)


def make(folder: Path, recordings: int) -> None:
    from pulsewise.data import align, window
    from pulsewise.data.prepare import prepare
    from pulsewise.signals import condition

    prepare(
        Noise(recordings),
        folder,
        condition=condition.Config(),
        window=window.Config(("other",), length_s=LENGTH / RATE),
        label=align.Config(),
        quantities=("sbp",),
        workers=1,
    )


def make_peers(folder: Path, store: Path) -> None:
    """The same windows as float32 in one .npy file and in one HDF5 dataset with a window per chunk."""
    import h5py

    from pulsewise.data.store import Store

    source = Store(store)
    array = np.lib.format.open_memmap(folder / "w.npy", "w+", np.float32, (len(source), LENGTH))
    with h5py.File(folder / "w.h5", "w") as file:
        chunks = file.create_dataset("w", (len(source), LENGTH), "f4", chunks=(1, LENGTH))
        for start in range(0, len(source), 4000):
            rows = np.arange(start, min(start + 4000, len(source)))
            array[rows] = chunks[rows[0] : rows[-1] + 1] = source.take(rows)[:, 0]
    array.flush()


def forget(path: Path) -> None:
    """Ask the system to drop a file, or the files of a folder, from its cache."""
    for file in [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]:
        handle = os.open(file, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def anonymous_mib() -> float:
    """Memory of this process that is not a mapped file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def read(kind: str, path: Path, batches: int) -> dict[str, float]:
    """Windows per second of one fresh process, first touch (cold) and again over the same rows (warm)."""
    from pulsewise.data.store import Store

    forget(path)
    before = anonymous_mib()
    begin = time.perf_counter()
    if kind == "store":
        store = Store(path)
        count, take = len(store), store.take
    elif kind == "npy":
        array = np.load(path, mmap_mode="r")
        count, take = len(array), lambda rows: array[rows]
    else:
        import h5py

        dataset = h5py.File(path)["w"]
        count, take = len(dataset), lambda rows: dataset[np.sort(rows)]
    rows = np.random.default_rng(os.getpid()).permutation(count)[: batches * BATCH].reshape(-1, BATCH)
    for batch in rows:
        take(batch)
    middle = time.perf_counter()
    for batch in rows:
        take(batch)
    end = time.perf_counter()
    return {
        "cold": rows.size / (middle - begin),
        "warm": rows.size / (end - middle),
        "memory": anonymous_mib() - before,
    }


def child(kind: str, path: Path, batches: int) -> dict[str, float]:
    call = f"bench_store.read({kind!r}, pathlib.Path({str(path)!r}), {batches})"
    code = f"import bench_store, json, pathlib; print(json.dumps({call}))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    found: dict[str, float] = json.loads(result.stdout)
    return found


def main() -> list[dict[str, object]]:
    """Windows per second, ratios and memory."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        make(folder / "small", 16)
        make(folder / "large", 160)
        make_peers(folder, folder / "large")
        runs: dict[str, list[dict[str, float]]] = {"small": [], "large": [], "npy": [], "h5": []}
        for _ in range(5):
            runs["small"].append(child("store", folder / "small", 62))
            runs["large"].append(child("store", folder / "large", 625))
            runs["npy"].append(child("npy", folder / "w.npy", 625))
            runs["h5"].append(child("h5", folder / "w.h5", 20))
    middle = {k: {f: statistics.median(r[f] for r in found) for f in found[0]} for k, found in runs.items()}
    growth = middle["large"]["memory"] - middle["small"]["memory"]
    large = middle["large"]
    return [
        {"name": "store, 160 recordings, cold", "value": large["cold"], "unit": "windows/s", "least": 100_000},
        {"name": "store, 160 recordings, warm", "value": large["warm"], "unit": "windows/s"},
        {
            "name": "store / .npy memory map (float32), cold",
            "value": large["cold"] / middle["npy"]["cold"],
            "unit": "x",
        },
        {
            "name": "store / .npy memory map (float32), warm",
            "value": large["warm"] / middle["npy"]["warm"],
            "unit": "x",
        },
        {"name": "store / h5py (a window per chunk), cold", "value": large["cold"] / middle["h5"]["cold"], "unit": "x"},
        {"name": "own memory, 160 recordings beyond 16", "value": growth, "unit": "MiB", "most": 4.0},
    ]


if __name__ == "__main__":
    for figure in main():
        print(figure)
