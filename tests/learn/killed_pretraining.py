"""Run by test_pretrain: a pre-training that is killed by SIGKILL when it has read its n-th batch.

python killed_pretraining.py STORE RECIPE OUT N [resume]
"""

import sys
from pathlib import Path

import numpy as np

from pulsewise.learn import recipe
from pulsewise.learn.pretrain.pretrain import pretrain


def main(folder: str, toml: str, out: str, read: str, *options: str) -> None:
    from killed_training import Dying  # beside this file: found when it is run, not when tests are collected

    store = Dying(folder)
    store.left = int(read)
    pretrain(store, np.arange(len(store)), recipe.load(Path(toml)), Path(out), resume="resume" in options)


if __name__ == "__main__":
    main(*sys.argv[1:])
