"""Files of devices with random damage: read, or refused by a documented code; never a crash, a warning or a hang."""

from __future__ import annotations

import functools
import gzip
import importlib.util
import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pulsewise.core import registry
from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions


@functools.cache
def beside(name: str) -> ModuleType:
    """Another file of tests of this folder, whose makers of files are used here."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def embrace(folder: Path) -> Path:
    tests = beside("test_embrace_plus")
    return tests.write(folder / "a.avro", tests.content(*tests.RULES["factor"]), codec="null")


def xdf(folder: Path) -> Path:
    (folder / "a.xdf").write_bytes(beside("test_xdf").content())
    return folder / "a.xdf"


def fit(folder: Path) -> Path:
    tests = beside("test_fit")
    return tests.write(folder / "a.fit", tests.activity())


def vital(folder: Path) -> Path:
    (folder / "a.vital").write_bytes(beside("test_vital").content())
    return folder / "a.vital"


def packed(folder: Path) -> Path:
    (folder / "a.vital").write_bytes(gzip.compress(beside("test_vital").content()))
    return folder / "a.vital"


def sqlite(folder: Path) -> Path:
    path = folder / "a.sqlite"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE BgReadings (timestamp INTEGER, calculated_value REAL)")
        base.executemany("INSERT INTO BgReadings VALUES (?, ?)", [(1_774_728_000_000 + i, 100.0) for i in range(300)])
    base.close()
    return path


def opensignals(folder: Path) -> Path:
    tests = beside("test_opensignals")
    return tests.write(folder / "a.txt", tests.numbered(60))


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


MADE: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "vital": ("vital", vital),
    "vital.gz": ("vital", packed),
    "xdf": ("xdf", xdf),
    "fit": ("fit", fit),
    "avro": ("embrace_plus", embrace),
    "sqlite": ("xdrip", sqlite),
    "opensignals": ("opensignals", opensignals),
    "polar": ("polar", lambda f: beside("test_polar").ecg(f / "a.txt", count=100)),
    "apple_ecg": ("apple_ecg", lambda f: beside("test_apple_ecg").write(f / "a.csv")),
    "openbci": ("openbci", lambda f: beside("test_openbci").write(f / "a.txt", count=100)),
    "shimmer": ("shimmer", lambda f: beside("test_shimmer").write(f / "a.csv", count=100)),
    "max3010x": (
        "max3010x",
        lambda f: beside("test_max3010x").write(f / "a.txt", beside("test_max3010x").LINES["labels"]),
    ),
    "dexcom": (
        "dexcom",
        lambda f: beside("test_cgm").clarity(f / "a.csv", ["100"] * 9, beside("test_cgm").every(5, 9)),
    ),
    "libreview": (
        "libreview",
        lambda f: beside("test_cgm").libre(f / "a.csv", beside("test_cgm").SETTLED["day first"]),
    ),
    "nightscout": ("nightscout", nightscout),
    "tidepool": ("tidepool", tidepool),
    "xdrip": ("xdrip", xdrip),
    "kubios": ("kubios", kubios),
    "bids": ("bids_physio", lambda f: beside("test_bids_physio").write(f)),
}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """One to eight bytes changed, a piece cut out, doubled or put in, or the end cut off."""
    out = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        # headers are short and matter most: half of the changes are within the first 400 bytes
        at = int(rng.integers(0, min(len(out), 400) if rng.random() < 0.5 else len(out)))
        out[at] = int(rng.choice([0, 1, 127, 128, 255, int(rng.integers(0, 256))]))
    kind, at = int(rng.integers(0, 8)), int(rng.integers(0, len(out)))
    size = int(rng.integers(1, 200))
    if kind == 0:
        del out[at : at + size]
    elif kind == 1:
        out[at:at] = out[at : at + size]
    elif kind == 2:
        out[at:at] = rng.bytes(size)
    elif kind == 3:
        del out[at:]
    return bytes(out)


def ends(kind: str, count: int, folder: Path) -> Counter[str]:
    form, make = MADE[kind]
    module = registry.load("formats", form)
    path = make(folder)
    module.read(path, ReadOptions(rate=100.0 if form in ("max3010x",) else None))
    whole, rng = path.read_bytes(), np.random.default_rng(7)
    found: Counter[str] = Counter()
    for _ in range(count):
        path.write_bytes(damaged(whole, rng))
        try:
            module.read(path, ReadOptions(rate=100.0 if form in ("max3010x",) else None))
            found["read"] += 1
        except PulsewiseError as error:
            assert error.exit_status == 3 and str(folder) not in str(error), error
            found[error.code] += 1
    return found


@pytest.mark.parametrize("kind", MADE)
def test_fifty_damaged_files(kind: str, tmp_path: Path) -> None:
    assert sum(ends(kind, 50, tmp_path).values()) == 50


@pytest.mark.soak
@pytest.mark.parametrize("kind", MADE)
def test_a_thousand_damaged_files(kind: str, tmp_path: Path) -> None:
    found = ends(kind, 1000, tmp_path)
    print(kind, dict(found))
    assert sum(found.values()) == 1000
