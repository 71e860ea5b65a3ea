"""Small sound files of every format, and what damages them, for the tests of row 10 of the list of faults.

Every file is made here, of waves that are formulas: nothing of them was ever recorded.
"""

from __future__ import annotations

import functools
import gzip
import importlib.util
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

WAVE = np.round(np.sin(np.arange(400) / 7) * 100).astype(np.float32)


@dataclass(frozen=True)
class Kind:
    """One kind of file: the format that reads it, who makes it, and the parts of it that are damaged.

    `make` gives the files of one recording, the one that is opened first; `damaged` says which of them is damaged.
    `disposable`: read in a process of its own, which takes longer than reading.
    """

    format: str
    make: Callable[[Path], Sequence[Path] | Path]
    binary: bool = True
    damaged: int = 0
    rate: float | None = None
    disposable: bool = False

    def files(self, folder: Path) -> list[Path]:
        """The files, sound; the one to open first."""
        made = self.make(folder)
        return [made] if isinstance(made, Path) else list(made)


@functools.cache
def beside(name: str) -> ModuleType:
    """Another file of tests of this folder, whose makers of files are used here."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """One to eight bytes changed, or bits of them; sometimes a piece cut out, doubled or put in, or the end cut off."""
    out = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        # headers are short and matter most
        at = int(rng.integers(min(len(out), (400, 1024, len(out))[int(rng.integers(3))])))
        flipped = out[at] ^ (1 << int(rng.integers(8)))
        out[at] = int(rng.choice([0, 1, 127, 128, 255, flipped, flipped, int(rng.integers(256))]))
    what, at, size = int(rng.integers(0, 16)), int(rng.integers(0, len(out))), int(rng.integers(1, 200))
    if what == 0:
        del out[at : at + size]
    elif what == 1:
        out[at:at] = out[at : at + size]
    elif what == 2:
        out[at:at] = rng.bytes(size)
    elif what == 3:
        del out[at:]
    return bytes(out)


def recording() -> Any:
    """A pulse, a pressure at half the rate, and beats."""
    from pulsewise.core.recording import Event, Recording, Signal

    signals = (Signal("Pleth", "ppg", "a.u.", 50.0, WAVE), Signal("ABP", "abp", "mmHg", 25.0, WAVE[:200]))
    return Recording("r", signals, events=tuple(Event(float(t), "beat", "N") for t in range(8)))


def written(format: str, name: str) -> Callable[[Path], Path]:
    """What the format itself writes."""

    def make(folder: Path) -> Path:
        from pulsewise.core import registry

        registry.load("formats", format).write(recording(), folder / name)
        return folder / name

    return make


def wfdb(folder: Path) -> list[Path]:
    written("wfdb", "r.hea")(folder)
    return [folder / name for name in ("r.hea", "r.dat", "r.atr")]


def packed_wfdb(folder: Path) -> list[Path]:
    soundfile = pytest.importorskip("soundfile")
    steps = np.diff(WAVE.astype("<i2"), prepend=np.int16(0))
    soundfile.write(folder / "r.dat", WAVE.astype("<i2"), 50, format="FLAC", subtype="PCM_16")
    (folder / "r.hea").write_text(f"r 1 50 {len(WAVE)}\nr.dat 516 1/NU 16 0 {int(steps[0])} 0 0 PLETH\n")
    return [folder / "r.hea", folder / "r.dat"]


def matlab(packed: bool) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        scipy = pytest.importorskip("scipy.io")
        inner = {"a": [1.0, 2.0], "b": "text", "c": {"d": WAVE[:50]}}
        scipy.savemat(folder / "r.mat", {"ppg": WAVE, "fs": 50.0, "info": inner}, do_compression=packed)
        return folder / "r.mat"

    return make


def matlab_4(folder: Path) -> Path:
    pytest.importorskip("scipy.io").savemat(folder / "r.mat", {"ppg": WAVE, "fs": 50.0}, format="4")
    return folder / "r.mat"


def matlab_7_3(folder: Path) -> Path:
    tests = beside("test_hdf5")
    with tests.h5py.File(folder / "r.mat", "w", userblock_size=512) as file:
        tests.matlab(file, "ppg", WAVE[np.newaxis])
        tests.matlab(file, "Fs", [[50.0]])
        tests.text(file, "source", "somebody")
    made: Path = tests.as_matlab(folder / "r.mat")
    return made


def pulsedb(folder: Path) -> Path:
    beside("test_hdf5").pulsedb(folder / "r.mat")
    return folder / "r.mat"


def hdf5(folder: Path) -> Path:
    with pytest.importorskip("h5py").File(folder / "r.h5", "w") as file:
        file.create_dataset("a/ppg", data=WAVE, chunks=(100,), compression="gzip")
        file.attrs["fs"] = 50.0
        file["ecg"], file["text"] = WAVE, "some text"
    return folder / "r.h5"


def arrays(folder: Path) -> Path:
    np.savez_compressed(folder / "r.npz", ppg=WAVE, ecg=WAVE * 2, fs=50)
    return folder / "r.npz"


def table(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"time": np.arange(400) / 50, "ppg": WAVE}), folder / "r.parquet")
    return folder / "r.parquet"


def sheet(folder: Path) -> Path:
    book = pytest.importorskip("openpyxl").Workbook()
    book.active.append(("time", "ppg"))
    for i, value in enumerate(WAVE):
        book.active.append((i / 50, float(value)))
    book.save(folder / "r.xlsx")
    return folder / "r.xlsx"


def empatica(folder: Path) -> Path:
    inside = folder / "session"
    inside.mkdir(exist_ok=True)
    (inside / "BVP.csv").write_text("1644226061.00\n64.000000\n" + "".join(f"{i % 64}.5\n" for i in range(640)))
    (inside / "EDA.csv").write_text("1644226061.0\n4.0\n" + "0.25\n" * 40)
    with zipfile.ZipFile(folder / "r.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for item in sorted(inside.iterdir()):
            archive.write(item, item.name)
    shutil.rmtree(inside)
    return folder / "r.zip"


def packed_table(folder: Path) -> Path:
    rows = "".join(f"{i / 50},{value:g}\n" for i, value in enumerate(WAVE))
    (folder / "r.csv.gz").write_bytes(gzip.compress(("time,ppg\n" + rows).encode(), mtime=0))
    return folder / "r.csv.gz"


def bids(folder: Path) -> list[Path]:
    path = beside("test_bids_physio").write(folder)
    return [path, path.with_name(path.name.replace(".tsv.gz", ".json"))]


def activity(folder: Path) -> Path:
    tests = beside("test_fit")
    made: Path = tests.write(folder / "a.fit", tests.activity())
    return made


def embrace(folder: Path) -> Path:
    tests = beside("test_embrace_plus")
    made: Path = tests.write(folder / "a.avro", tests.content(*tests.RULES["factor"]), codec="null")
    return made


def content(name: str, tests: str) -> Callable[[Path], Path]:
    """Bytes that another file of tests makes, packed where the name says so."""

    def make(folder: Path) -> Path:
        made: bytes = beside(tests).content()
        packed = name.endswith(".vital") and name.startswith("packed")
        (folder / name).write_bytes(gzip.compress(made, mtime=0) if packed else made)
        return folder / name

    return make


def sqlite(folder: Path) -> Path:
    path = folder / "a.sqlite"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE BgReadings (timestamp INTEGER, calculated_value REAL)")
        base.executemany("INSERT INTO BgReadings VALUES (?, ?)", [(1_774_728_000_000 + i, 100.0) for i in range(300)])
    base.close()
    return path


def opensignals(folder: Path) -> Path:
    tests = beside("test_opensignals")
    made: Path = tests.write(folder / "a.txt", tests.numbered(60))
    return made


def nightscout(folder: Path) -> Path:
    tests = beside("test_cgm")
    (folder / "a.json").write_text(json.dumps([tests.entry(i, 100 + i) for i in range(20)]))
    return folder / "a.json"


def tidepool(folder: Path) -> Path:
    entries = [
        {"type": "cbg", "value": 5.5, "units": "mmol/L", "time": f"2026-03-28T20:{i:02d}:00Z"} for i in range(20)
    ]
    (folder / "a.json").write_text(json.dumps(entries))
    return folder / "a.json"


def xdrip(folder: Path) -> Path:
    rows = [f"28.03.2026;20:{5 * i:02d};{100 + i};;;;x" for i in range(10)]
    (folder / "a.csv").write_text("\n".join(["DAY;TIME;UDT_CGMS;BG_LEVEL;CH_GR;BOLUS;REMARK", *rows]))
    return folder / "a.csv"


def kubios(folder: Path) -> Path:
    (folder / "rr.txt").write_text("\n".join(str(800 + i % 7) for i in range(100)))
    return folder / "rr.txt"


def clarity(folder: Path) -> Path:
    tests = beside("test_cgm")
    made: Path = tests.clarity(folder / "a.csv", ["100"] * 9, tests.every(5, 9))
    return made


def libre(folder: Path) -> Path:
    tests = beside("test_cgm")
    made: Path = tests.libre(folder / "a.csv", tests.SETTLED["day first"])
    return made


def finger(folder: Path) -> Path:
    tests = beside("test_max3010x")
    made: Path = tests.write(folder / "a.txt", tests.LINES["labels"])
    return made


def health(folder: Path) -> Path:
    tests = beside("test_apple_health")
    made: Path = tests.write(folder / "export.xml", tests.PAIR * 20)
    return made


KINDS: dict[str, Kind] = {
    "edf": Kind("edf", written("edf", "r.edf")),
    "bdf": Kind("edf", written("edf", "r.bdf")),
    "wfdb-hea": Kind("wfdb", wfdb),
    "wfdb-dat": Kind("wfdb", wfdb, damaged=1),
    "wfdb-atr": Kind("wfdb", wfdb, damaged=2),
    "wfdb-flac": Kind("wfdb", packed_wfdb, damaged=1, disposable=True),
    "mat-4": Kind("mat", matlab_4, disposable=True),
    "mat-5": Kind("mat", matlab(packed=False), disposable=True),
    "mat-5-packed": Kind("mat", matlab(packed=True), disposable=True),
    "mat-7.3": Kind("mat", matlab_7_3, disposable=True),
    "mat-pulsedb": Kind("mat", pulsedb, disposable=True),
    "h5": Kind("hdf5", hdf5, disposable=True),
    "npz": Kind("npz", written("npz", "r.npz")),
    "npz-arrays": Kind("npz", arrays),
    "parquet": Kind("parquet", written("parquet", "r.parquet"), disposable=True),
    "parquet-table": Kind("parquet", table, disposable=True),
    "xlsx": Kind("spreadsheet", sheet),
    "vital": Kind("vital", content("a.vital", "test_vital")),
    "vital-packed": Kind("vital", content("packed.vital", "test_vital")),
    "xdf": Kind("xdf", content("a.xdf", "test_xdf"), disposable=True),
    "fit": Kind(
        "fit", lambda folder: beside("test_fit").write(folder / "a.fit", beside("test_fit").activity()), disposable=True
    ),
    "avro": Kind("embrace_plus", embrace, disposable=True),
    "sqlite": Kind("xdrip", sqlite, disposable=True),
    "zip": Kind("empatica", empatica),
    "csv.gz": Kind("csv", packed_table),
    "bids": Kind("bids_physio", bids),
    "bids-json": Kind("bids_physio", bids, binary=False, damaged=1),
    "csv": Kind("csv", written("csv", "r.csv"), binary=False),
    "opensignals": Kind("opensignals", opensignals, binary=False),
    "polar": Kind("polar", lambda folder: beside("test_polar").ecg(folder / "a.txt", count=100), binary=False),
    "apple_ecg": Kind("apple_ecg", lambda folder: beside("test_apple_ecg").write(folder / "a.csv"), binary=False),
    "apple_health": Kind("apple_health", health, binary=False),
    "openbci": Kind("openbci", lambda folder: beside("test_openbci").write(folder / "a.txt", count=100), binary=False),
    "shimmer": Kind("shimmer", lambda folder: beside("test_shimmer").write(folder / "a.csv", count=100), binary=False),
    "max3010x": Kind("max3010x", finger, binary=False, rate=100.0),
    "dexcom": Kind("dexcom", clarity, binary=False),
    "libreview": Kind("libreview", libre, binary=False),
    "nightscout": Kind("nightscout", nightscout, binary=False),
    "tidepool": Kind("tidepool", tidepool, binary=False),
    "xdrip": Kind("xdrip", xdrip, binary=False),
    "kubios": Kind("kubios", kubios, binary=False),
}
