"""Tasks: what is asked is in stored units and in a range a person can have."""

from __future__ import annotations

import importlib

import pytest

from pulsewise.core import registry, units
from pulsewise.core.recording import KINDS, QUANTITIES


@pytest.mark.parametrize("name", registry.plugins("tasks"))
def test_targets_are_quantities_in_stored_units(name: str) -> None:
    module = importlib.import_module(registry.plugins("tasks")[name].module)
    task = module.build(module.Config())
    assert task.name == name
    assert set(task.channels) <= set(KINDS)
    for target in task.targets:
        assert target.low < target.high
        if task.kind == "regression":
            assert target.quantity in QUANTITIES and target.unit == units.STORED[target.quantity]
