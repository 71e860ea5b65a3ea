"""bf16 only where the processor has units for it, unless asked for."""

import pytest

from pulsewise.core.errors import SetupError
from pulsewise.learn import processor
from pulsewise.learn.train_config import Config


@pytest.mark.parametrize(
    ("flags", "asked", "found"),
    [
        ({"avx2", "fma"}, "auto", "float32"),
        ({"avx2", "avx512_bf16"}, "auto", "bf16"),
        ({"amx_bf16", "amx_tile"}, "auto", "bf16"),
        ({"amx_bf16"}, "float32", "float32"),
        ({"avx2"}, "bf16", "bf16"),
    ],
)
def test_precision_follows_the_processor(monkeypatch, flags: set, asked: str, found: str) -> None:
    monkeypatch.setattr(processor, "cpu_flags", lambda: frozenset(flags))
    plan = processor.choose(Config(accelerator="cpu", precision=asked))
    assert plan == processor.Plan("cpu", found, "image")


def test_flags_of_this_machine_are_words() -> None:
    assert all(flag.isascii() and " " not in flag for flag in processor.cpu_flags())


def test_a_gpu_that_is_not_there(monkeypatch) -> None:
    monkeypatch.setattr(processor, "_gpu", lambda: False)
    assert processor.choose(Config()).accelerator == "cpu"
    with pytest.raises(SetupError, match=r"asks for a GPU.*\[environment\]"):
        processor.choose(Config(accelerator="gpu"))


def test_a_gpu_that_is_there(monkeypatch) -> None:
    monkeypatch.setattr(processor, "_gpu", lambda: True)
    monkeypatch.setattr(processor, "_gpu_bf16", lambda: True)
    assert processor.choose(Config()) == processor.Plan("gpu", "bf16", "image")
    assert processor.choose(Config(accelerator="cpu", precision="float32")).accelerator == "cpu"
