"""A file of weights is read only if it is exactly one: against the reference library, and against liars."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsewise.core.errors import ArtifactError, InputError
from pulsewise.learn import weights

ARRAYS = {
    "a.weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "b": np.array([1.5], np.float64),
    "count": np.array(7, np.int64),
    "name": np.frombuffer(b"ppg", np.uint8),
    "empty": np.zeros((0, 3), np.float32),
}


def raw(header: object, data: bytes, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def test_there_and_back_and_as_the_reference_library_reads_it(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    path = weights.write(tmp_path / "w.safetensors", ARRAYS)
    for found in (weights.read(path), load_file(path)):
        assert found.keys() == ARRAYS.keys()
        for name, array in ARRAYS.items():
            assert found[name].dtype == array.dtype and found[name].shape == array.shape, name
            assert np.array_equal(found[name], array), name


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    again = dict(reversed(list(ARRAYS.items())))
    assert weights.write(tmp_path / "a", ARRAYS).read_bytes() == weights.write(tmp_path / "b", again).read_bytes()


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
LIARS = {
    "nothing": b"",
    "seven bytes": b"1234567",
    "a pickle": b"cos\nsystem\n(S'touch canary'\ntR.",
    "a zip": b"PK\x03\x04" + bytes(100),
    "a huge header": raw({}, b"", 2**63),
    "a header beyond the file": raw({}, b"", 1000),
    "a header beyond the limit": raw(b" " * (weights.HEADER_BYTES + 1), b""),
    "not JSON": raw(b"{nonsense}", b""),
    "not a table": raw([1, 2], b""),
    "deep JSON": raw(b"[" * 100_000 + b"]" * 100_000, b""),
    "a name twice": raw(b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{}}', b""),
    "overlapping offsets": raw({"a": F32, "b": {**F32, "data_offsets": [4, 12]}}, bytes(12)),
    "the same bytes twice": raw({"a": F32, "b": F32}, bytes(8)),
    "a hole": raw({"a": {**F32, "data_offsets": [4, 12]}}, bytes(12)),
    "bytes of nobody": raw({"a": F32}, bytes(9)),
    "offsets beyond the end": raw({"a": {**F32, "data_offsets": [0, 80]}}, bytes(8)),
    "offsets backwards": raw({"a": {**F32, "data_offsets": [8, 0]}}, bytes(8)),
    "negative offsets": raw({"a": {**F32, "data_offsets": [-8, 0]}}, bytes(8)),
    "a shape that does not fit": raw({"a": {**F32, "shape": [3]}}, bytes(8)),
    "a negative shape": raw({"a": {**F32, "shape": [-2, -1]}}, bytes(8)),
    "a shape of 1e11": raw({"a": {**F32, "shape": [10**11]}}, bytes(8)),
    "a shape that overflows": raw({"a": {**F32, "shape": [2**40, 2**40]}}, bytes(8)),
    "a shape of text": raw({"a": {**F32, "shape": "2"}}, bytes(8)),
    "an unknown type": raw({"a": {**F32, "dtype": "PICKLE"}}, bytes(8)),
    "more keys": raw({"a": {**F32, "code": "import os"}}, bytes(8)),
    "fewer keys": raw({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
    "NaN": raw({"a": F32}, np.array([1, np.nan], "<f4").tobytes()),
    "infinity": raw({"a": F32}, np.array([1, np.inf], "<f4").tobytes()),
}


@pytest.mark.parametrize("what", LIARS)
def test_anything_else_is_refused(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(LIARS[what])
    with pytest.raises(ArtifactError, match="artifact_invalid") as caught:
        weights.read(path)
    assert caught.value.exit_status == 6
    assert not (tmp_path / "canary").exists()


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not_found"):
        weights.read(tmp_path / "nowhere")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_byte_is_refused_or_changes_numbers_only(tmp_path_factory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    content = bytearray(weights.write(folder / "w", ARRAYS).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "w").write_bytes(bytes(content))
    try:
        found = weights.read(folder / "w")
    except ArtifactError as error:
        assert error.code == "artifact_invalid"
    else:
        assert sum(array.nbytes for array in found.values()) == sum(array.nbytes for array in ARRAYS.values())
