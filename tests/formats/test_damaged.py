"""Row 10: files with random damage are read or refused by a documented code; never a crash, a warning or a hang."""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core import registry
from pulsewise.core.errors import CODES, PulsewiseError
from pulsewise.core.limits import CHANNELS, SAMPLES
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows

sys.path.insert(0, str(Path(__file__).parent))
from whole_files import KINDS, damage

SLOWEST_S = 35.0
"""What a disposable reader may take, and a little more."""
LARGEST_KIB = 256 * 2**10
"""How much more memory than before a small damaged file may take."""


def sensible(item: Recording | Windows) -> None:
    """Nothing that is no number where a number is said to be, and no rate that cannot be."""
    if isinstance(item, Windows):
        assert 0 < item.rate < np.inf
        return
    assert len(item.signals) <= CHANNELS and sum(len(signal.samples) for signal in item.signals) <= SAMPLES
    for signal in item.signals:
        assert 0 < signal.rate < np.inf and np.isfinite(signal.start)
        assert np.isfinite(signal.samples[signal.valid]).all(), signal.name
    assert all(np.isfinite(reference.value) for reference in item.references)
    assert all(np.isfinite(event.time) and np.isfinite(event.duration) for event in item.events)


def ends(kind: str, count: int, folder: Path) -> Counter[str]:
    one = KINDS[kind]
    module, options = registry.load("formats", one.format), ReadOptions(rate=one.rate)
    paths = one.files(folder)
    whole, rng = paths[one.damaged].read_bytes(), np.random.default_rng([2026, *kind.encode()])
    for item in module.read(paths[0], options):
        sensible(item)
    found: Counter[str] = Counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(count):
        paths[one.damaged].write_bytes(damage(whole, rng))
        began = time.monotonic()
        try:
            for item in module.read(paths[0], options):
                sensible(item)
            found["read"] += 1
        except PulsewiseError as error:
            assert error.code in CODES and error.exit_status == 3 and str(folder) not in str(error), error
            found[error.code] += 1
        assert time.monotonic() - began < SLOWEST_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < LARGEST_KIB
    return found


def test_row_10_every_format_is_damaged() -> None:
    names = {name for name in registry.names("formats") if name not in WRITTEN_ELSEWHERE}
    assert names == {kind.format for kind in KINDS.values()}


WRITTEN_ELSEWHERE = {"glucose_labels", "glucose_peaks", "glucose_windows"}
"""Tables that are read as `csv` is."""


@pytest.mark.parametrize("kind", KINDS)
def test_row_10_some_damaged_files(kind: str, tmp_path: Path) -> None:
    count = 8 if KINDS[kind].disposable else 50
    assert sum(ends(kind, count, tmp_path).values()) == count


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_row_10_a_thousand_damaged_files(kind: str, tmp_path: Path) -> None:
    found = ends(kind, 1000, tmp_path)
    print(kind, dict(found))
    assert sum(found.values()) == 1000
