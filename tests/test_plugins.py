"""Every file in a plug-in room keeps the room's promises, and is listed without being imported."""

import ast
import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core import registry
from pulsewise.core.errors import PulsewiseError, SetupError
from pulsewise.core.plugin import DatasetInfo, Match, ReadOptions, Task

ALL = [(room, name) for room in registry.ROOMS for name in registry.plugins(room)]
FORMATS = list(registry.plugins("formats"))


def loaded(room: str, name: str):  # type: ignore[no-untyped-def]  # a module
    try:
        return registry.load(room, name)
    except SetupError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("room", "name"), ALL, ids=lambda text: text)
def test_a_plugin_says_in_one_line_what_it_is(room: str, name: str) -> None:
    plugin = registry.plugins(room)[name]
    assert 10 <= len(plugin.summary) <= 160, plugin.summary
    assert plugin.summary[0].isupper() and not plugin.summary.startswith("cannot be read")


@pytest.mark.parametrize(("room", "name"), ALL, ids=lambda text: text)
def test_its_parts_are_those_of_its_room(room: str, name: str) -> None:
    module = loaded(room, name)
    if room == "formats":
        assert list(inspect.signature(module.sniff).parameters) == ["head", "name"]
        assert list(inspect.signature(module.read).parameters)[:2] == ["path", "options"]
        if hasattr(module, "write"):
            assert list(inspect.signature(module.write).parameters)[:2] == ["recording", "path"]
            assert module.SUFFIX.startswith(".")
        return
    assert dataclasses.is_dataclass(module.Config) and module.Config.__dataclass_params__.frozen
    assert list(inspect.signature(module.build).parameters) == ["config"]
    if room == "datasets":
        assert isinstance(module.INFO, DatasetInfo) and module.INFO.title and module.INFO.source
    if room == "tasks":
        assert isinstance(module.build(module.Config()), Task)
    if room == "models":
        assert {"channels", "length", "outputs"} <= {field.name for field in dataclasses.fields(module.Config)}


@pytest.mark.parametrize("room", registry.ROOMS)
def test_names_are_those_of_the_list(room: str) -> None:
    assert registry.names(room) == tuple(registry.plugins(room))


def test_listing_imports_no_plugin() -> None:
    code = (
        "import sys; from pulsewise.core import registry\n"
        "for room in registry.ROOMS: registry.plugins(room)\n"
        "print([m for m in sys.modules if m.startswith(tuple(f'pulsewise.{r}.' for r in registry.ROOMS))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_file_whose_library_is_missing_is_listed_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exotic.py").write_text('"""Reads exotic files."""\nimport no_such_library\n')
    (tmp_path / "broken.py").write_text('"""Reads nothing."""\ndef (\n')
    monkeypatch.setattr(registry, "_folder", lambda room: tmp_path)
    found = registry.plugins("formats")
    assert found["exotic"].missing == ("no_such_library",)
    assert "cannot be read" in found["broken"].summary


# -- formats ------------------------------------------------------------------------------------------------------


def heads() -> list[bytes]:
    rng = np.random.default_rng(5)
    random = [rng.bytes(int(n)) for n in rng.integers(0, 3000, 40)]
    text = [bytes(rng.integers(9, 127, int(n), dtype=np.uint8)) for n in rng.integers(1, 900, 40)]
    magic = [b"PK\x03\x04", b"\x1f\x8b", b"\x89HDF\r\n\x1a\n", b"PAR1", b"MATLAB 5.0 MAT-file", b"0       ", b"r 1 1"]
    magic += [b"\xffBIOSEMI", b"# pulsewise ", b"time,ppg\n", b"window_index,sample_index,amplitude", b"\xff\xfe", b'"']
    return [b"", b"\0", b"\n" * 99, *random, *text, *magic, *(m + r[:99] for m, r in zip(magic, random, strict=False))]


NAMES = [
    "",
    "a",
    "a.csv",
    "a.txt",
    "a.hea",
    "a.dat",
    "a.edf",
    "a.mat",
    "a.npz",
    "a.xlsx",
    "a.zip",
    "BVP.csv",
    "folder/",
]


@pytest.mark.parametrize("name", FORMATS)
def test_sniffing_never_fails_and_is_never_more_than_sure(name: str) -> None:
    module = loaded("formats", name)
    for head in heads():
        for file_name in NAMES:
            match = module.sniff(head, file_name)
            assert match is None or (isinstance(match, Match) and 0 <= match.score <= 1 and match.why)


@pytest.mark.parametrize("name", FORMATS)
def test_sniffing_opens_nothing(name: str) -> None:
    source = Path(registry.load("formats", name).__file__ or "").read_text(encoding="utf-8")
    sniff = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == "sniff")
    calls = {ast.unparse(node.func) for node in ast.walk(sniff) if isinstance(node, ast.Call)}
    assert not {call for call in calls if call in ("open", "Path") or call.endswith((".open", ".read_bytes"))}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", [b"", b"\0" * 600, b"nothing of the kind\n" * 40, bytes(range(256)) * 9])
def test_reading_nonsense_gives_a_documented_code(tmp_path: Path, name: str, content: bytes) -> None:
    module = loaded("formats", name)
    path = tmp_path / f"a{getattr(module, 'SUFFIX', '.bin')}"
    path.write_bytes(content)
    with pytest.raises(PulsewiseError) as caught:
        module.read(path, ReadOptions(rate=100.0))
    assert caught.value.exit_status == 3 and str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_addresses_are_refused_by_every_reader(name: str) -> None:
    with pytest.raises(PulsewiseError) as caught:
        loaded("formats", name).read(Path("s3://bucket/a.csv"), ReadOptions())
    assert caught.value.code == "unsafe_path"


@pytest.mark.parametrize("name", [n for n, plugin in registry.plugins("formats").items() if "write" in plugin.can])
def test_what_can_be_written_can_be_read(tmp_path: Path, name: str) -> None:
    from pulsewise.core.recording import Recording, Signal
    from pulsewise.data.open import detect, open_file

    module = loaded("formats", name)
    samples = np.sin(np.arange(1000) / 20).astype(np.float32)
    path = tmp_path / f"r1{module.SUFFIX}"
    module.write(Recording("r1", (Signal("ppg", "ppg", "a.u.", 100.0, samples),)), path)
    assert detect(path).format == name
    (recording,) = open_file(path)
    assert isinstance(recording, Recording)
    assert recording.signals[0].rate == 100 and recording.signals[0].kind == "ppg"
    np.testing.assert_allclose(recording.signals[0].samples[:1000], samples, atol=2e-3)
