import hashlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tones import SETTINGS, Tones

from pulsewise.core.disk import lock
from pulsewise.core.errors import PulsewiseError
from pulsewise.data import align, prepare, window
from pulsewise.data.store import Store

make = prepare.prepare


def content(folder: Path) -> dict[str, str]:
    """Digest of every file of a store."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_processes_and_threads_and_one_process_write_the_same_bytes(tmp_path: Path) -> None:
    make(Tones(), tmp_path / "one", **SETTINGS, workers=1)
    make(Tones(), tmp_path / "two", **SETTINGS, workers=2)
    expected = content(tmp_path / "one")
    assert len(expected) == 3 + 8
    assert content(tmp_path / "two") == expected
    with ThreadPoolExecutor(3) as threads:
        make(Tones(), tmp_path / "threads", **SETTINGS, executor=threads)
    assert content(tmp_path / "threads") == expected


def test_a_dask_cluster_writes_the_same_bytes(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    make(Tones(), tmp_path / "one", **SETTINGS, workers=1)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="inproc://"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        make(Tones(), tmp_path / "dask", **SETTINGS, executor=client.get_executor())
    assert content(tmp_path / "dask") == content(tmp_path / "one")


def test_a_second_run_does_nothing_and_a_changed_source_is_made_anew(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    first = make(Tones(), tmp_path, **SETTINGS, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 8) for i in range(1, 9)]
    times = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*")}
    seen.clear()
    again = make(Tones(), tmp_path, **SETTINGS, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert (seen, again.fingerprint) == ([], first.fingerprint)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*")} == times
    changed = make(Tones(version=1), tmp_path, **SETTINGS, workers=1, progress=lambda d, t: seen.append((d, t)))
    assert seen == [(8, 8)]  # one recording of eight
    assert changed.fingerprint != first.fingerprint
    assert len(list((tmp_path / "shards").iterdir())) == 8
    fewer = make(Tones(people=2), tmp_path, **SETTINGS, workers=1)
    assert (len(fewer), len(list((tmp_path / "shards").iterdir()))) == (24, 4)


@pytest.mark.parametrize(
    "change", [{"window": window.Config(length_s=5)}, {"label": align.Config("last")}, {"quantities": ("sbp",)}]
)
def test_other_settings_are_not_mixed_in(tmp_path: Path, change: dict) -> None:
    data = Tones(people=1, sessions=1)
    before = make(data, tmp_path, **SETTINGS, workers=1).fingerprint
    with pytest.raises(PulsewiseError, match=next(iter(change))) as caught:
        make(data, tmp_path, **{**SETTINGS, **change}, workers=1)
    assert (caught.value.code, caught.value.exit_status) == ("resume_mismatch", 6)
    assert Store(tmp_path).fingerprint == before
    assert make(data, tmp_path, **{**SETTINGS, **change}, workers=1, overwrite=True).fingerprint != before
    seen: list[int] = []
    make(data, tmp_path, **{**SETTINGS, **change}, workers=1, overwrite=True, progress=lambda d, t: seen.append(d))
    assert not seen  # the same settings: nothing is thrown away


def test_a_table_of_labels_counts_by_its_content(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    label = align.Config("manual", table=str(table))
    table.write_text("record,window_index,sbp\np00-0,2,120\n")
    made = make(Tones(people=1, sessions=2), tmp_path / "s", **{**SETTINGS, "label": label}, workers=1)
    assert np.flatnonzero(~np.isnan(made.column("label_sbp"))).tolist() == [2]
    table.write_text("record,window_index,sbp\np00-0,3,120\n")
    with pytest.raises(PulsewiseError) as caught:
        make(Tones(people=1, sessions=2), tmp_path / "s", **{**SETTINGS, "label": label}, workers=1)
    assert caught.value.code == "resume_mismatch"
    table.write_text("window_index,sbp\n3,120\n")
    with pytest.raises(PulsewiseError, match="which recording"):
        make(Tones(people=1, sessions=2), tmp_path / "t", **{**SETTINGS, "label": label}, workers=1)


def test_damage_is_repaired_by_running_again(tmp_path: Path) -> None:
    make(Tones(people=2, sessions=1), tmp_path, **SETTINGS, workers=1)
    expected = content(tmp_path)
    files = sorted((tmp_path / "shards").iterdir())
    files[0].write_bytes(files[0].read_bytes()[:-9])
    (tmp_path / "shards" / ".x.arrow.part").write_bytes(b"half")
    make(Tones(people=2, sessions=1), tmp_path, **SETTINGS, workers=1)
    assert content(tmp_path) == expected
    (tmp_path / "card.json").unlink()
    (tmp_path / "manifest.jsonl").write_bytes((tmp_path / "manifest.jsonl").read_bytes()[:-20])  # cut short
    with pytest.raises(PulsewiseError, match="not finished"):
        Store(tmp_path)
    make(Tones(people=2, sessions=1), tmp_path, **SETTINGS, workers=1)
    assert content(tmp_path) == expected


def test_a_second_writer_is_locked_out(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(PulsewiseError, match=f"process {os.getpid()}") as caught:
        make(Tones(), tmp_path, **SETTINGS, workers=1)
    assert (caught.value.code, caught.value.exit_status) == ("output_locked", 6)


def test_nothing_usable_and_different_rates_are_said(tmp_path: Path) -> None:
    with pytest.raises(PulsewiseError, match="too_short 8") as caught:
        make(Tones(duration_s=5), tmp_path / "a", **SETTINGS, workers=1)
    assert caught.value.exit_status == 4
    with pytest.raises(PulsewiseError, match="malformed 1") as caught:
        make(Tones(1, 1, bad=("p00-0",)), tmp_path / "b", **SETTINGS, workers=1)
    assert not (tmp_path / "b" / "card.json").exists()
    with pytest.raises(PulsewiseError) as caught:
        make(Tones(people=0), tmp_path / "c", **SETTINGS, workers=1)
    assert caught.value.code == "empty_recording"


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    make(Tones(people=1, sessions=1), tmp_path, **SETTINGS, workers=1)
    manifest = (tmp_path / "manifest.jsonl").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
        with pytest.raises(PulsewiseError) as caught:
            make(Tones(people=2, sessions=1), tmp_path, **SETTINGS, workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (caught.value.code, caught.value.exit_status) == ("disk", 3)
    assert str(tmp_path) not in str(caught.value)
    assert (tmp_path / "manifest.jsonl").read_bytes() == manifest
    assert not list((tmp_path / "shards").glob("*.part"))
    assert len(make(Tones(people=2, sessions=1), tmp_path, **SETTINGS, workers=1)) == 12


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tones import SETTINGS, Tones
from pulsewise.data.prepare import prepare
if __name__ == "__main__":
    prepare(Tones(people=6, sessions=4, pause_s=0.03), Path(sys.argv[2]), **SETTINGS, workers=int(sys.argv[3]))
"""


def killed(folder: Path, script: Path, workers: int, progress: int, later: float) -> None:
    """Start a preparation and kill it (SIGKILL) some time after so many recordings are listed."""
    here = str(Path(__file__).parent)
    process = subprocess.Popen([sys.executable, str(script), here, str(folder), str(workers)])
    manifest = folder / "manifest.jsonl"
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if manifest.exists() and manifest.read_bytes().count(b"\n") >= progress:
            break
        time.sleep(0.002)
    time.sleep(later)
    process.kill()
    process.wait()


def survives(tmp_path: Path, kills: int, seed: int) -> None:
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    data, folder = Tones(people=6, sessions=4), tmp_path / "killed"
    expected = content(make(data, tmp_path / "whole", **SETTINGS, workers=1).path)
    random = np.random.default_rng(seed)
    listed = 0
    for number in range(kills):
        killed(folder, script, 1 + number % 2, listed + int(random.integers(1, 10)), random.uniform(0, 0.05))
        if (folder / "card.json").exists():  # it was done before it was killed
            assert content(folder) == expected
            shutil.rmtree(folder)
        else:
            with pytest.raises(PulsewiseError):
                Store(folder)
        lines = (folder / "manifest.jsonl").read_text().split("\n")[:-1] if folder.exists() else []
        assert len(lines) >= listed or not folder.exists()  # nothing that was done is lost
        listed = len(lines)
    resumed: list[int] = []
    make(data, folder, **SETTINGS, workers=1, progress=lambda done, total: resumed.append(done))
    assert len(resumed) == 24 - listed
    assert content(folder) == expected


def test_a_preparation_killed_twice_goes_on_where_it_stopped(tmp_path: Path) -> None:
    survives(tmp_path, 2, seed=os.getpid())


@pytest.mark.soak
def test_a_preparation_killed_twenty_times_goes_on_where_it_stopped(tmp_path: Path) -> None:
    survives(tmp_path, 20, seed=os.getpid())
