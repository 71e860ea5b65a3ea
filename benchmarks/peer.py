"""NeuroKit2 as a peer: in an environment of its own (it needs an older pandas), driven as a second process.

Arrays travel as .npy files. The peer times itself, so neither starting it nor the files count. Both sides count
processor time, of all threads, which is hardly changed by what else the machine does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

PLACE = Path(__file__).parent.parent / ".venv-peers"
NEEDS = ("neurokit2>=0.2.10,<0.3", "pandas<3", "setuptools<82")


def python() -> Path:
    """The interpreter of the peers' environment, which is made when it is first asked for."""
    interpreter = PLACE / "bin" / "python"
    ready = PLACE / ".ready"
    if not ready.exists():
        venv.create(PLACE, with_pip=True)
        subprocess.run([interpreter, "-m", "pip", "install", "-q", *NEEDS], check=True)
        ready.touch()
    return interpreter


class Peer:
    """A running NeuroKit2: `run(task, samples, rate)` gives its answer and the seconds it took."""

    def __enter__(self) -> Peer:
        self._folder = tempfile.TemporaryDirectory()
        worker = Path(__file__).with_name("peer_neurokit.py")
        self._process = subprocess.Popen(
            [python(), "-W", "ignore", worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def run(self, task: str, samples: NDArray[np.float64], rate: float) -> tuple[NDArray[np.float64], float]:
        """Answer and processor seconds of one task (a key of its `TASKS`); RuntimeError where it fails."""
        given, taken = (Path(self._folder.name) / name for name in ("given.npy", "taken.npy"))
        np.save(given, samples)
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([task, str(given), str(taken), rate]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "the peer died"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return np.load(taken), float(answer["seconds"])


if __name__ == "__main__":
    sys.exit(f"{python()} is ready")
