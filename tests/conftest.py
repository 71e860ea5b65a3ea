"""Fixtures for all tests. Real recordings are found by PULSEWISE_DATA or ../shared/data and never copied."""

from __future__ import annotations

import os
import signal
import tomllib
from pathlib import Path

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # what a shell does to commands in its background
    signal.signal(signal.SIGINT, signal.default_int_handler)

# a deadline in milliseconds would test the machine, and new random cases on CI would blame the wrong change
settings.register_profile("steady", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("steady")


FAULTS: dict[str, dict[str, object]] = tomllib.loads(Path(__file__).with_name("faults.toml").read_text())
"""Rows of the list of faults: what they are, and the tests that show them."""


def pytest_configure(config: pytest.Config) -> None:
    for number, row in FAULTS.items():
        config.addinivalue_line("markers", f"row_{number}: {row['fault']} (tests/faults.toml)")


def pytest_itemcollected(item: pytest.Item) -> None:
    name = item.nodeid.partition("[")[0]
    for number, row in FAULTS.items():
        if name in row["tests"] or f"::test_row_{number}_" in name:
            item.add_marker(f"row_{number}")


def find_real_data() -> Path | None:
    """The folder of real recordings, or None where there is none."""
    here = Path(__file__).resolve().parent.parent
    candidates = [os.environ.get("PULSEWISE_DATA"), here.parent / "shared" / "data"]
    return next((Path(c) for c in candidates if c and (Path(c) / "README.md").is_file()), None)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; skips where it is not, except on CI, where it must be."""
    folder = find_real_data()
    if folder is None:
        reason = "real recordings not found: set PULSEWISE_DATA or place them in ../shared/data"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
