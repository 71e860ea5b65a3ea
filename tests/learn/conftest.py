"""Small problems for the learning room: windows in memory, and a small store on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsewise.core.windows import Windows
from pulsewise.data.split import Fold
from pulsewise.learn import recipe

RATE, LENGTH = 25.0, 64


class Memory:
    """Windows in memory with the interface of a store."""

    synthetic = True

    def __init__(self, windows: Windows) -> None:
        self.all = windows
        self.rate, self.channels, self.length = windows.rate, windows.channels, windows.length

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(self.all.samples.tobytes())
        for name in sorted(self.all.columns):
            digest.update(name.encode() + self.all.columns[name].tobytes())
        return digest.hexdigest()[:16]

    def __len__(self) -> int:
        return len(self.all)

    def columns(self) -> dict[str, Any]:
        return dict(self.all.columns)

    def take(self, rows: Any) -> Any:
        return self.all.samples[rows]

    def windows(self, rows: Any) -> Windows:
        return self.all[rows]


def waves(people: int = 12, each: int = 8, seed: int = 0, channels: int = 1) -> Windows:
    """Sines whose frequency (0.7 to 3 Hz) is the heart rate, and whose glucose is a line in it."""
    random = np.random.default_rng(seed)
    count = people * each
    hz = random.uniform(0.7, 3.0, count)
    time = np.arange(LENGTH) / RATE
    phase = random.uniform(0, 2 * np.pi, (count, channels, 1))
    samples = np.sqrt(2) * np.sin(2 * np.pi * hz[:, None, None] * time + phase)
    samples += random.normal(0, 0.05, samples.shape)
    person = np.repeat([f"p{i:02d}" for i in range(people)], each)
    columns = {
        "person": person,
        "record": person,
        "start": np.tile(np.arange(each) * LENGTH / RATE, people),
        "label_heart_rate": 60 * hz,
        "label_glucose": 60 + 30 * hz,
    }
    kinds = ("ppg", "ecg")[:channels]
    return Windows(samples.astype(np.float32), RATE, kinds, columns, synthetic=True)


def segments(people: int = 4, each: int = 16, length: int = 100, seed: int = 0) -> Windows:
    """Sines of one frequency per person; every other segment is poor: drowned in noise."""
    random = np.random.default_rng(seed)
    person = np.repeat([f"p{i}" for i in range(people)], each)
    poor = np.arange(len(person)) % 2 == 1
    hz = np.repeat(np.linspace(0.8, 2.5, people), each)
    time = np.arange(length) / 25.0
    x = np.sin(2 * np.pi * hz[:, None] * time + random.uniform(0, 6.3, (len(person), 1)))
    x += random.normal(0, 1, x.shape) * np.where(poor, 1.0, 0.05)[:, None]
    columns = {
        "person": person,
        "record": person,
        "start": np.tile(np.arange(each) * 4.0, people),
        "quality": np.where(poor, random.uniform(0, 0.5, len(person)), 0.95).astype(np.float32),
    }
    return Windows(x[:, None].astype(np.float32), 25.0, ("ppg",), columns, synthetic=True)


def by_person(windows: Windows, train: int, validation: int) -> Fold:
    """The first people train, the next validate, the rest test."""
    index = np.unique(windows.columns["person"], return_inverse=True)[1]
    rows = [np.flatnonzero(part) for part in (index < train, (index >= train) & (index < train + validation))]
    return Fold(rows[0], rows[1], np.flatnonzero(index >= train + validation))


TABLE: dict[str, Any] = {
    "name": "tiny",
    "dataset": {"name": "simulated"},
    "task": {"name": "heart_rate"},
    "window": {"length_s": LENGTH / RATE},
    "model": {"name": "resnet", "depth": 18, "width": 4, "dropout": 0.2},
    "train": {"epochs": 3, "batch": 16, "lr": 3e-3, "accelerator": "cpu", "precision": "float32"},
}


@pytest.fixture
def make_recipe() -> Callable[..., recipe.Recipe]:
    """A tiny recipe with some tables changed: `make_recipe(train={"epochs": 1})`."""

    def make(**changes: Any) -> recipe.Recipe:
        table = {key: dict(value) if isinstance(value, dict) else value for key, value in TABLE.items()}
        for key, value in changes.items():
            replaced = isinstance(value, dict) and "name" not in value
            table[key] = {**table.get(key, {}), **value} if replaced else value
        return recipe.fill(table)

    return make


@pytest.fixture
def store() -> Memory:
    """96 windows of 12 people."""
    return Memory(waves())


@pytest.fixture
def fold(store: Memory) -> Fold:
    """8 people train, 2 validate, 2 test."""
    return by_person(store.all, 8, 2)


@pytest.fixture(scope="session")
def memory() -> type[Memory]:
    """The class, for tests that make their own windows."""
    return Memory


@pytest.fixture(scope="session")
def make_waves() -> Callable[..., Windows]:
    """`waves`, for tests that make their own windows."""
    return waves


@pytest.fixture(scope="session")
def make_segments() -> Callable[..., Windows]:
    """`segments`, for tests of pre-training."""
    return segments


@pytest.fixture(scope="session")
def split_people() -> Callable[[Windows, int, int], Fold]:
    """`by_person`, for tests that make their own windows."""
    return by_person


@pytest.fixture(scope="session")
def disk_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store on disk of 10 simulated people with 4 windows of 4 s each."""
    from pulsewise.data.prepare import prepare

    r = recipe.fill({**TABLE, "dataset": {"name": "simulated", "preset": "null", **DISK}, **DISK_TABLES})
    folder = tmp_path_factory.mktemp("store") / "store"
    quantities = r.build_task().quantities
    parts = {"condition": r.condition, "window": r.window, "label": r.label, "quantities": quantities}
    return prepare(r.build_dataset(), folder, **parts, workers=1).path


DISK = {"people": 10, "sessions": 1, "windows": 4, "duration_s": 4.0}
DISK_TABLES = {
    "window": {"length_s": 4.0},
    "condition": {"band": [0.5, 8.0], "rate": 25.0},
    "label": {"how": "nearest"},
}
