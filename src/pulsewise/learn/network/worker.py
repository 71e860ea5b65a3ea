"""One process of a training with several: started by `learn.launch` or torchrun, told by files what to do."""

from __future__ import annotations

import sys
from pathlib import Path

from pulsewise.data.split import Fold
from pulsewise.learn.launch import Job, work
from pulsewise.learn.network import fit
from pulsewise.learn.problem import pose


def _train(job: Job) -> None:
    fold = Fold(job.rows["train"], job.rows["validation"], job.rows["train"][:0])
    problem = pose(job.source, fold, job.recipe)
    fit.fit(problem, job.folder, resume=job.resume, force=job.force, progress=job.progress)


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1]), _train))
