"""One process of a pre-training with several: started by `learn.launch` or torchrun, told by files what to do."""

from __future__ import annotations

import sys
from pathlib import Path

from pulsewise.learn.launch import Job, work
from pulsewise.learn.network import pretraining
from pulsewise.learn.pretrain.problem import pose


def _pretrain(job: Job) -> None:
    problem = pose(job.source, job.rows["train"], job.recipe)
    pretraining.pretrain(problem, job.folder, resume=job.resume, force=job.force, progress=job.progress)


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1]), _pretrain))
