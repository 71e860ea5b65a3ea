"""One process of a training with several: started by `learn.launch` or torchrun, told by files what to do."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pulsewise.core.disk import write_json
from pulsewise.core.errors import PulsewiseError
from pulsewise.data.split import Fold
from pulsewise.data.store import Store
from pulsewise.learn import launch, recipe, weights
from pulsewise.learn.network import fit
from pulsewise.learn.problem import pose


def main(folder: Path) -> int:
    """Train on this process's share; 0, or the exit status of an error, which is left in the folder."""
    job = json.loads((folder / launch.JOB).read_text())
    rows = weights.read(folder / launch.ROWS)
    fold = Fold(rows["train"], rows["validation"], rows["train"][:0])
    try:
        problem = pose(Store(job["store"]), fold, recipe.load(folder / launch.RECIPE))
        fit.fit(problem, folder, resume=job["resume"], force=job["force"], progress=job["progress"])
    except PulsewiseError as error:
        if os.environ.get("RANK", "0") == "0" or not (folder / launch.ERROR).exists():
            write_json(folder / launch.ERROR, error.to_dict())
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
