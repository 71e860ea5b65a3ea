from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tones import SETTINGS, Tones

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.recording import Recording, Signal
from pulsewise.data import split
from pulsewise.data.duplicates import Report, duplicates, refuse
from pulsewise.data.prepare import prepare
from pulsewise.data.store import Store


@dataclass(frozen=True)
class Copied(Tones):
    """The recording of person 3 is that of person 1 with another gain, offset and a little noise."""

    noise: float = 0.0

    def read(self, recording_id: str) -> Recording:
        recording = super().read(recording_id)
        if recording_id != "p03-0":
            return recording
        source = super().read("p01-0").signals[0]
        noise = np.random.default_rng(5).normal(size=len(source.samples)) * self.noise
        samples = (source.samples * 3.7 + 40 + noise).astype("f4")
        return replace(recording, signals=(Signal("copy", "ppg", "a.u.", source.rate, samples),))


def store(folder: Path, noise: float = 0.0) -> Store:
    return prepare(Copied(noise=noise), folder, **SETTINGS, workers=1)


def test_a_copy_under_another_name_is_found_whatever_its_gain(tmp_path: Path) -> None:
    made = store(tmp_path)
    report = duplicates(made)
    assert (report.identical, report.near, report.across_people, report.complete) == (6, 6, 6, True)
    record = made.column("record")
    assert {tuple(sorted((record[a], record[b]))) for a, b, _ in report.pairs} == {("p01-0", "p03-0")}
    assert report.to_dict()["pairs"][0][2] > 0.999998
    by_person = split.make(made.columns(), split.Config("leave-one-person-out"))
    split.check(by_person, made.columns())  # the names are different
    found = duplicates(made, by_person)
    assert found.across_sides == 6
    with pytest.raises(PulsewiseError) as caught:
        refuse(found, by_person)
    assert (caught.value.code, caught.value.exit_status) == ("leakage_detected", 5)
    leaky = split.make(made.columns(), split.Config("leaky-random"))
    refuse(duplicates(made, leaky), leaky)


def test_a_noisy_copy_is_near_but_not_identical(tmp_path: Path) -> None:
    report = duplicates(store(tmp_path, noise=0.05))
    assert (report.identical, report.near) == (0, 6)


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    made = prepare(Tones(people=12), tmp_path, **SETTINGS, workers=1)
    report = duplicates(made)
    assert report == Report(144, 0, 0, 0, 0)


def test_hardly_a_copy_is_missed_among_many() -> None:
    """Of 300 copies with a correlation near 0.9998 among 6,000 windows, at least 99 % are found."""

    class Memory:
        channels, length = ("ppg",), 100

        def __init__(self) -> None:
            random = np.random.default_rng(0)
            self.samples = random.normal(size=(6000, 1, 100)).astype(np.float32).cumsum(axis=2)
            copies = self.samples[:300] - self.samples[:300].mean(axis=2, keepdims=True)
            noise = random.normal(size=copies.shape) * copies.std(axis=2, keepdims=True) * 0.02
            self.samples[3000:3300] = 2 * (copies + noise)

        def __len__(self) -> int:
            return len(self.samples)

        def take(self, rows: np.ndarray) -> np.ndarray:
            return self.samples[rows]

        def column(self, name: str) -> np.ndarray:
            return np.arange(6000) // 50

    report = duplicates(Memory())
    pairs = {(a, b) for a, b, _ in duplicates(Memory(), listed=10_000).pairs}
    truth = {(i, i + 3000) for i in range(300)}
    assert len(truth - pairs) <= 3
    assert report.near == len(pairs)
