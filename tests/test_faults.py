"""Faults and bad input, row by row of the list in the specification of reliability; rows are kept apart.

Every row: a documented code, nothing invented, nothing lost, nothing half-written.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import CODES, PulsewiseError
from pulsewise.core.plugin import ReadOptions

_SEEN: list[tuple[str, str]] | None = None


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if _SEEN is not None and (event == "open" or event.startswith("socket.")):
        _SEEN.append((event, str(arguments[0]) if arguments else ""))


sys.addaudithook(_listen)  # stays for good; silent unless `audited` is open


@contextmanager
def audited() -> Iterator[list[tuple[str, str]]]:
    """Every file opened and every socket made by this process meanwhile."""
    global _SEEN
    seen: list[tuple[str, str]] = []
    _SEEN = seen
    try:
        yield seen
    finally:
        _SEEN = None


# -- rows 3 to 8 for WFDB: what a header promises, and where it points ------------------------------------------


def wfdb_code(path: Path, **options: bool) -> str:
    from pulsewise.formats import wfdb

    with pytest.raises(PulsewiseError) as caught:
        wfdb.read(path, ReadOptions(**options))  # type: ignore[arg-type]  # strict only
    assert str(path.parent) not in str(caught.value), "no path in a message"
    return caught.value.code


def wfdb_record(folder: Path, text: str, dat: bytes = bytes(200)) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "r.hea").write_text(text)
    (folder / "r.dat").write_bytes(dat)
    return folder / "r.hea"


GREEDY = {
    "many samples": "r 1 100 99999999999\nr.dat 16 1\n",
    "just within the limits": f"r 4 100 {2**28}\n" + "r.dat 16 1\n" * 4,
    "many samples per frame": "r 1 0.000001 100\nr.dat 16x1000000000 1\n",
    "a long skew": "r 1 100 100\nr.dat 16:999999999 1\n",
    "far into the file": "r 1 100 100000000\nr.dat 16+999999999 1\n",
    "many segments": "r/2 1 100 99999999999\na 50000000000\nb 49999999999\n",
    "a long gap": f"r/3 1 100 {2**28}\na 1\n~ {2**28 - 2}\na 1\n",
    "FLAC": "r 1 100 99999999999\nr.dat 516 1\n",
}


def test_row_3_a_header_that_promises_too_much_is_refused_before_memory_is_asked_for(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import ReadOptions
from pulsewise.formats import wfdb
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        wfdb.read(Path(path), ReadOptions())
    except InputError as error:
        print(error.code)
    else:
        print("read")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    paths = []
    for i, text in enumerate(GREEDY.values()):
        paths.append(wfdb_record(tmp_path / str(i), text))
        (tmp_path / str(i) / "a.hea").write_text("a 1 100 1\nr.dat 16 1 16 0 0 0 0 II\n")
    done = subprocess.run([sys.executable, "-c", script, *map(str, paths)], capture_output=True, text=True, check=True)
    *codes, growth = done.stdout.split()
    assert set(codes) <= {"too_large", "truncated", "sampling_rate", "malformed"}, dict(zip(GREEDY, codes, strict=True))
    assert int(growth) < 50 * 1024


@pytest.mark.parametrize("cut", [1, 3, 100, 199])
def test_row_4_a_shortened_signal_file_is_read_as_far_as_it_is_whole(cut: int, tmp_path: Path) -> None:
    from pulsewise.formats import wfdb

    values = np.arange(1, 101, dtype="<i2")
    path = wfdb_record(tmp_path, "r 1 100 100\nr.dat 16 1/mV 16 0 0 0 0 II\n", values.tobytes()[:-cut])
    (recording,) = wfdb.read(path, ReadOptions())
    signal, whole = recording.signals[0], (200 - cut) // 2  # type: ignore[union-attr]
    np.testing.assert_array_equal(signal.samples[:whole], values[:whole])
    assert signal.valid.tolist() == [True] * whole + [False] * (100 - whole)
    assert any(note.code == "truncated" for note in recording.provenance.notes)  # type: ignore[union-attr]
    assert wfdb_code(path, strict=True) == "truncated"


def test_row_5_a_wrong_wfdb_checksum(tmp_path: Path) -> None:
    from pulsewise.formats import wfdb

    path = wfdb_record(tmp_path, "r 1 100 100\nr.dat 16 1/mV 16 0 0 77 0 II\n")
    (recording,) = wfdb.read(path, ReadOptions())
    assert recording.provenance.integrity is False  # type: ignore[union-attr]
    assert any(note.code == "checksum" for note in recording.provenance.notes)  # type: ignore[union-attr]
    assert wfdb_code(path, strict=True) == "checksum"


def test_row_6_segments_that_refer_to_themselves_or_nest_too_deep(tmp_path: Path) -> None:
    def nested(*names: str) -> Path:
        for name, below in zip(names, (*names[1:], "end"), strict=True):
            (tmp_path / f"{name}.hea").write_text(f"{name}/1 1 100 100\n{below} 100\n")
        return tmp_path / f"{names[0]}.hea"

    wfdb_record(tmp_path, "r 1 100 100\nr.dat 16 1\n")
    (tmp_path / "end.hea").write_text("end 1 100 100\nr.dat 16 1/mV 16 0 0 0 0 II\n")
    assert wfdb_code(wfdb_record(tmp_path, "r/1 1 100 100\nr 100\n")) == "header_cycle"
    nested("a", "b")
    (tmp_path / "b.hea").write_text("b/1 1 100 100\na 100\n")
    assert wfdb_code(tmp_path / "a.hea") == "header_cycle"
    assert wfdb_code(nested(*"cdefghijk")) == "header_cycle"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.dat",
        "/etc/passwd",
        "..",
        "a/../../secret.dat",
        "\\\\host\\share\\x.dat",
        "C:\\x.dat",
        "C:x.dat",
        "link.dat",
        "loop.dat",
        "folder/secret.dat",
        "s3://bucket/x.dat",
        "http://169.254.169.254/x.dat",
        "file:///etc/passwd",
    ],
)
@pytest.mark.parametrize("form", ["r 1 100 100\n{} 16 1\n", "r/1 1 100 100\n{} 100\n"])
def test_rows_7_and_8_nothing_outside_the_folder_is_opened_and_no_socket_is_made(
    name: str, form: str, tmp_path: Path
) -> None:
    inside = tmp_path / "inside"
    path = wfdb_record(inside, form.format(name.replace(".dat", "") if "/1" in form else name))
    for outside in (tmp_path / "secret.dat", tmp_path / "secret.hea"):
        outside.write_bytes(bytes(200))
    for link in ("link.dat", "link.hea"):
        (inside / link).symlink_to(tmp_path / link.replace("link", "secret"))
    for loop in ("loop.dat", "loop.hea"):
        (inside / loop).symlink_to(inside / loop)
    (inside / "folder").symlink_to(tmp_path)
    with audited() as seen:
        assert wfdb_code(path) == "unsafe_path"
    assert [file for event, file in seen if event == "open"] == [str(path)]
    assert not [event for event, _ in seen if event.startswith("socket.")]


@pytest.mark.parametrize("name", ["s3://bucket/record.hea", "http://169.254.169.254/record.hea", "gs://b/r.hea"])
def test_row_8_an_address_is_no_record(name: str) -> None:
    with audited() as seen:
        assert wfdb_code(Path(name)) == "unsafe_path"
    assert seen == []


# -- end of rows 3 to 8 for WFDB ----------------------------------------------------------------------------------


# -- row 10: damaged files, 50 of each kind here and 1,000 in the soak --------------------------------------------


def whole_file(kind: str, folder: Path) -> Path:
    """A small sound file of one kind."""
    from pulsewise.core.recording import Event, Recording, Signal
    from pulsewise.formats import edf, wfdb

    wave = np.round(np.sin(np.arange(400) / 7) * 100).astype(np.float32)
    signals = (Signal("Pleth", "ppg", "a.u.", 50.0, wave), Signal("ABP", "abp", "mmHg", 25.0, wave[:200]))
    recording = Recording("r", signals, events=tuple(Event(float(t), "beat", "N") for t in range(8)))
    if kind in ("edf", "bdf"):
        edf.write(recording, folder / f"r.{kind}")
    elif kind in ("hea", "dat", "atr"):
        wfdb.write(recording, folder / "r.hea")
    elif kind == "mat":
        import scipy.io

        content = {"ppg": wave, "fs": 50.0, "info": {"a": [1.0, 2.0], "b": "text", "c": {"d": wave[:50]}}}
        scipy.io.savemat(folder / "r.mat", content)
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(folder / "r.h5", "w") as file:
            file.create_dataset("a/ppg", data=wave, chunks=(100,), compression="gzip")
            file.attrs["fs"] = 50.0
            file["ecg"] = wave
            file["text"] = "some text"
    return folder / f"r.{kind}"


def damage(data: bytes, generator: np.random.Generator) -> bytes:
    """One to eight changed bytes, mostly near the beginning; sometimes the end is missing too."""
    out = bytearray(data)
    for _ in range(int(generator.integers(1, 9))):
        reach = len(out) if generator.random() < 0.3 else min(len(out), 1024)
        at = int(generator.integers(reach))
        out[at] = (
            out[at] ^ (1 << int(generator.integers(8))) if generator.random() < 0.5 else int(generator.integers(256))
        )
    return bytes(out[: int(generator.integers(len(out)))]) if generator.random() < 0.1 else bytes(out)


def damaged_files_are_read_or_refused(kind: str, count: int, folder: Path) -> dict[str, int]:
    from importlib import import_module
    from time import monotonic

    names = {"bdf": "edf", "h5": "hdf5", "hea": "wfdb", "dat": "wfdb", "atr": "wfdb"}
    module = import_module(f"pulsewise.formats.{names.get(kind, kind)}")
    path = whole_file(kind, folder)
    opened = folder / "r.hea" if kind in ("hea", "dat", "atr") else path
    sound, ends = path.read_bytes(), {"read": 0}
    assert module.read(opened, ReadOptions())
    generator = np.random.default_rng([2026, *kind.encode()])
    for _ in range(count):
        path.write_bytes(damage(sound, generator))
        start = monotonic()
        try:
            module.read(opened, ReadOptions())
            ends["read"] += 1
        except PulsewiseError as error:
            assert error.code in CODES and error.exit_status == 3, error
            ends[error.code] = ends.get(error.code, 0) + 1
        assert monotonic() - start < 35
    return ends


DAMAGED = ["edf", "bdf", "mat", "h5", "hea", "dat", "atr"]


@pytest.mark.parametrize("kind", DAMAGED)
def test_row_10_damaged_files_are_read_or_refused_by_a_code(kind: str, tmp_path: Path) -> None:
    ends = damaged_files_are_read_or_refused(kind, 50, tmp_path)
    assert sum(ends.values()) == 50


@pytest.mark.soak
@pytest.mark.parametrize("kind", DAMAGED)
def test_row_10_a_thousand_damaged_files(kind: str, tmp_path: Path) -> None:
    ends = damaged_files_are_read_or_refused(kind, 1000, tmp_path)
    print(kind, ends)
    assert sum(ends.values()) == 1000


# -- end of row 10 --------------------------------------------------------------------------------------------------
