"""Run by test_pretrain: a pre-training that is killed by SIGKILL when it has read its n-th batch.

python killed_pretraining.py STORE RECIPE OUT N [resume]
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pulsewise.data.store import Store
from pulsewise.learn import recipe, scaling
from pulsewise.learn.pretrain.pretrain import pretrain


class Dying(Store):
    """A store whose reader dies at the n-th batch; what the scaling is fitted on is not counted."""

    left = 0

    def take(self, rows: Any) -> Any:
        if sys._getframe(1).f_code.co_filename != scaling.__file__:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().take(rows)


def main(folder: str, toml: str, out: str, read: str, *options: str) -> None:
    store = Dying(folder)
    store.left = int(read)
    pretrain(store, np.arange(len(store)), recipe.load(Path(toml)), Path(out), resume="resume" in options)


if __name__ == "__main__":
    main(*sys.argv[1:])
