"""HDF5 and MATLAB 7.3: datasets, structs, PulseDB subsets; nothing outside the file is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows
from pulsewise.formats import hdf5 as ours
from pulsewise.formats import mat

h5py = pytest.importorskip("h5py")
WAVE = np.sin(np.arange(200) / 7)


def read(path: Path, **options: Any) -> Recording:
    (recording,) = ours.read(path, ReadOptions(**options))
    assert isinstance(recording, Recording)
    return recording


def refused(path: Path, **options: Any) -> PulsewiseError:
    with pytest.raises(PulsewiseError) as caught:
        ours.read(path, ReadOptions(**options))
    return caught.value


def names(recording: Recording) -> list[tuple[str, str, float, int]]:
    return [(s.name, s.kind, s.rate, len(s.samples)) for s in recording.signals]


def matlab(file: Any, name: str, value: Any, kind: str = "double") -> Any:
    """A dataset as MATLAB 7.3 writes it: columns together, the class as an attribute."""
    made = file.create_dataset(name, data=np.asarray(value).T)
    made.attrs["MATLAB_class"] = np.bytes_(kind)
    return made


def text(file: Any, name: str, value: str) -> Any:
    return matlab(file, name, np.array([[ord(c) for c in value]], np.uint16), "char")


def cell(file: Any, name: str, values: list[str]) -> None:
    references = np.empty((len(values), 1), dtype=h5py.ref_dtype)
    for i, value in enumerate(values):
        references[i, 0] = text(file, f"#refs#/{name.replace('/', '_')}{i}", value).ref
    matlab(file, name, references, "cell")


def as_matlab(path: Path) -> Path:
    """Put the user block of MATLAB 7.3 before the file."""
    block = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM"
    assert path.read_bytes()[512:520] == ours.MAGIC
    path.write_bytes(block + path.read_bytes()[128:])
    return path


def test_datasets_groups_and_attributes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["sampling_rate"] = 50
        file["ppg"] = WAVE
        made = file.create_dataset("chest/ECG", data=np.repeat(WAVE, 2), compression="gzip", chunks=(64,))
        made.attrs["fs"], made.attrs["unit"] = 100.0, "uV"
        file["who"] = "Jane Doe"
    recording = read(tmp_path / "x.h5")
    assert names(recording) == [("chest.ECG", "ecg", 100.0, 400), ("ppg", "ppg", 50.0, 200)]
    np.testing.assert_allclose(recording.signals[0].samples, np.repeat(WAVE, 2) / 1000, rtol=1e-6)
    assert "Jane" not in repr(recording) and "who" in recording.provenance.dropped


def test_matlab_7_3_equals_matlab_5(tmp_path: Path) -> None:
    import scipy.io

    with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:
        matlab(file, "ppg", WAVE[np.newaxis])
        matlab(file, "Fs", [[50.0]])
        matlab(file, "both", np.stack([WAVE, -WAVE]))
        text(file, "source", "Jane Doe")
    scipy.io.savemat(tmp_path / "old.mat", {"ppg": WAVE, "Fs": 50.0, "both": np.stack([WAVE, -WAVE]), "source": "x"})
    (new,) = mat.read(as_matlab(tmp_path / "new.mat"), ReadOptions())
    (old,) = mat.read(tmp_path / "old.mat", ReadOptions())
    assert isinstance(new, Recording) and isinstance(old, Recording)
    assert sorted(names(new)) == sorted(names(old))
    for signal in new.signals:
        np.testing.assert_array_equal(signal.samples, old.signal(signal.name).samples)
    assert new.provenance.dropped == ("source",)


def pulsedb(path: Path, count: int = 5, *, classes: bool = True) -> np.ndarray[Any, Any]:
    signals = np.random.default_rng(3).normal(size=(count, 3, 1250)).astype(np.float32)
    columns = {"SBP": 120.0, "DBP": 80.0, "Age": 60.0, "Height": 170.0, "Weight": 70.0, "BMI": 24.2}
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in columns.items():
            matlab(file, f"Subset/{name}", value + np.arange(count, dtype=float)[:, np.newaxis])
        matlab(file, "Subset/Signals", signals)
        cell(file, "Subset/Subject", [f"p{i // 2:06d}_1" for i in range(count)])
        cell(file, "Subset/Gender", ["M" if i % 2 else "F" for i in range(count)])
        if not classes:
            for name in [*columns, "Signals"]:
                del file[f"Subset/{name}"].attrs["MATLAB_class"]
    as_matlab(path)
    return signals


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("count", [1, 5])
def test_a_pulsedb_subset_is_windows(classes: bool, count: int, tmp_path: Path) -> None:
    signals = pulsedb(tmp_path / "x.mat", count, classes=classes)
    (windows,) = ours.read(tmp_path / "x.mat", ReadOptions())
    assert isinstance(windows, Windows)
    assert (windows.rate, windows.channels) == (125.0, ("ecg", "ppg", "abp"))
    np.testing.assert_array_equal(windows.samples, signals)
    np.testing.assert_array_equal(windows.label("sbp"), 120.0 + np.arange(count))
    np.testing.assert_array_equal(windows.columns["bmi"], 24.2 + np.arange(count))
    assert windows.columns["person"].tolist() == [f"p{i // 2:06d}_1" for i in range(count)]
    assert windows.columns["sex"].tolist() == ["male" if i % 2 else "female" for i in range(count)]


def test_nothing_outside_the_file_is_touched(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["ppg"] = WAVE
    (tmp_path / "raw.bin").write_bytes(WAVE.tobytes())
    layout = h5py.VirtualLayout(shape=(200,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "ppg", shape=(200,))
    makers = {
        "link": lambda file: file.__setitem__("ppg", h5py.ExternalLink("other.h5", "/ppg")),
        "virtual": lambda file: file.create_virtual_dataset("ppg", layout),
        "external": lambda file: file.create_dataset(
            "ppg", (200,), "f8", external=[(str(tmp_path / "raw.bin"), 0, 1600)]
        ),
    }
    for name, make in makers.items():
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            make(file)
            file["fs"] = 50.0
        assert refused(tmp_path / f"{name}.h5").code == "unsafe_path", name


def test_links_within_the_file_end(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a/ppg"] = WAVE
        file["a/fs"] = 50.0
        file["a/again"] = file["a"]
        file["a/soft"] = h5py.SoftLink("/a")
        file["dangling"] = h5py.SoftLink("/nowhere")
    assert names(read(tmp_path / "x.h5")) == [("a.ppg", "ppg", 50.0, 200)]


def test_sizes_are_checked_before_reading(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("ppg", (10**11,), "f8", chunks=(1024,), compression="gzip")
        file["ecg"], file["fs"] = WAVE, 50.0
    assert refused(tmp_path / "x.h5").code == "too_large"
    assert names(read(tmp_path / "x.h5", channel="ecg")) == [("ecg", "ecg", 50.0, 200)]


def test_types_that_are_no_signals_are_passed_over(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["table"] = np.zeros(50, dtype=[("a", "f8"), ("b", "i4")])
        file.create_dataset("texts", data=["a", "b"], dtype=h5py.string_dtype())
        file.create_dataset("ragged", (3,), dtype=h5py.vlen_dtype(np.float64))
        file["nothing"] = h5py.Empty("f8")
        file["flags"] = np.ones(200, bool)
        file["ppg"], file["fs"] = WAVE.astype(">i2"), 50
    assert names(read(tmp_path / "x.h5")) == [("ppg", "ppg", 50.0, 200)]


def test_files_that_are_none(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.h5").code == "not_found"
    (tmp_path / "x.h5").write_bytes(b"")
    assert refused(tmp_path / "x.h5").code == "empty_recording"
    (tmp_path / "x.h5").write_bytes(ours.MAGIC + b"\0" * 100)
    assert refused(tmp_path / "x.h5").code == "malformed"
    with h5py.File(tmp_path / "x.h5", "w"):
        pass
    assert refused(tmp_path / "x.h5").code == "empty_recording"
    assert refused(Path("http://host/x.h5")).code == "unsafe_path"


def test_sniffing() -> None:
    assert ours.sniff(ours.MAGIC, "x").score == 1.0  # type: ignore[union-attr]
    assert ours.sniff(b"MATLAB 7.3 MAT-file", "x.mat").score == 1.0  # type: ignore[union-attr]
    assert ours.sniff(b" " * 512 + ours.MAGIC, "x.mat") is not None
    assert ours.sniff(b"a,b", "x.csv") is None
