"""Which program made this: versions, commit and machine, for run.json and the report."""

from __future__ import annotations

import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pulsewise import __version__

LIBRARIES = ("numpy", "scipy", "pyarrow", "torch", "lightning", "scikit-learn")


@cache
def provenance() -> dict[str, Any]:
    """Versions, commit and processor as plain values; no names of people, hosts or folders."""
    versions = {"python": platform.python_version(), "pulsewise": __version__}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = ""
    return {"versions": versions, "commit": commit(), "machine": f"{platform.system()} {platform.machine()}"}


def commit() -> str:
    """The git commit the package runs from, with `+changes` where the tree differs from it; empty outside git."""
    here = Path(__file__).parent
    try:
        head = _git(here, "rev-parse", "HEAD")
        changed = _git(here, "status", "--porcelain", "--", str(here.parent))
    except (OSError, subprocess.SubprocessError):
        return ""
    return head + ("+changes" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  # fixed words, and a folder of this package
        ["git", "-C", str(folder), *arguments],  # noqa: S607  # whichever git the user has
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return done.stdout.strip()


def command() -> str:
    """The call as the user typed it, without the folders of this machine."""
    return " ".join(["pulsewise", *(Path(a).name if "/" in a else a for a in sys.argv[1:])])
