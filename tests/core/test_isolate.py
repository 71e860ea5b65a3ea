"""Readers that misbehave die alone. The readers used here are below, found by the name of this file."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core import isolate
from pulsewise.core.errors import InputError, PulsewiseError
from pulsewise.core.isolate import Limits
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Note, Recording
from pulsewise.core.windows import Windows

HERE = Path(__file__).parent
READERS = "isolated_readers"


@pytest.fixture(autouse=True)
def readers_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(HERE))
    isolate._stop()  # the helper of other tests does not know this folder
    yield
    isolate._stop()


def run(name: str, tmp_path: Path, **limits: float) -> list[Recording | Windows]:
    path = tmp_path / "file.bin"
    path.write_bytes(b"abc")
    return isolate.run(f"{READERS}:{name}", path, ReadOptions(rate=50.0), Limits(**limits))  # type: ignore[arg-type]


def test_recordings_and_windows_come_back_as_they_were(tmp_path: Path) -> None:
    recording, windows = run("good", tmp_path)
    assert isinstance(recording, Recording) and isinstance(windows, Windows)
    assert recording.id == "file.bin"
    assert recording.signals[0].rate == 50.0
    assert recording.signals[0].valid.tolist() == [True, False, True]
    assert recording.provenance.notes == (Note("a", "b", 3),)
    assert windows.samples.shape == (2, 1, 4)
    assert windows.columns["person"].tolist() == ["p1", "p2"]
    np.testing.assert_array_equal(windows.label("glucose"), [90.0, np.nan])


def test_arrays_come_back_by_name(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"abc")
    found = isolate.read_arrays(f"{READERS}:arrays", path)
    assert list(found) == ["a", "b", "none"]
    assert found["a"].tolist() == [[0, 3], [1, 4], [2, 5]] and found["b"].tolist() == ["x", "yz"]
    assert (found["none"].shape, found["none"].dtype) == ((0, 4), np.int16)
    with pytest.raises(InputError) as caught:
        isolate.read_arrays(f"{READERS}:segfault", path)
    assert caught.value.code == "reader_crashed"


@pytest.mark.parametrize(
    ("reader", "code"),
    [
        ("segfault", "reader_crashed"),
        ("abort", "reader_crashed"),
        ("quit_quietly", "reader_crashed"),
        ("own_error", "sampling_rate"),
        ("any_error", "malformed"),
        ("recursion", "malformed"),
        ("memory", "too_large"),
        ("no_such_reader", "malformed"),
        ("connect", "unsafe_path"),
        ("start_a_process", "unsafe_path"),
        ("write_much", "malformed"),
        ("open_many", "malformed"),
    ],
)
def test_what_a_reader_does_wrong_has_a_code(reader: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(PulsewiseError) as caught:
        run(reader, tmp_path)
    assert caught.value.code == code
    assert run("good", tmp_path), "the next file is read as if nothing had happened"


@pytest.mark.parametrize("reader", ["sleep", "spin", "spin_deaf"])
def test_a_reader_that_hangs_is_stopped(reader: str, tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        run(reader, tmp_path, seconds=1.0)
    assert caught.value.code == "reader_timeout"
    assert time.monotonic() - start < 4.0


def test_a_reader_works_in_a_fresh_folder_that_is_gone_afterwards(tmp_path: Path) -> None:
    (recording,) = run("where", tmp_path)
    assert isinstance(recording, Recording)
    assert recording.device != str(Path.cwd())
    assert not Path(recording.device).exists()


def test_threads_and_forks_may_read_at_the_same_time(tmp_path: Path) -> None:
    done = []
    threads = [threading.Thread(target=lambda: done.append(len(run("good", tmp_path)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [2] * 8
    child = os.fork() if not _threads_left() else -1
    if child == 0:
        os._exit(0 if len(run("good", tmp_path)) == 2 else 1)
    if child > 0:
        assert os.waitpid(child, 0)[1] == 0
    assert len(run("good", tmp_path)) == 2, "the parent's helper is still its own"


def _threads_left() -> bool:
    return threading.active_count() > 1


def test_a_helper_that_was_killed_is_started_again(tmp_path: Path) -> None:
    run("good", tmp_path)
    process = isolate._helper.process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert len(run("good", tmp_path)) == 2


def test_a_file_costs_milliseconds(tmp_path: Path) -> None:
    run("good", tmp_path)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        run("good", tmp_path)
        times.append(time.perf_counter() - start)
    assert np.median(times) < 0.1
