"""Recordings of the pulse and the heart in; clinical values out, each with an honest answer to whether it is true.

The words of the command line are functions here. They are imported when first used, so that `import pulsewise` is
instant.

===================  =====================================================================
`open`               recordings in files and folders of any known format
`info`               what was detected in a file or a bundle, and why
`convert`            a recording in another format
`simulate.cohort`    simulated people with known truth
`run`                a recipe through every stage, into a run folder
`train`              a network or model on the training rows of a split
`select`             which windows without a label to label next
`evaluate`           a bundle judged beside no-skill predictors
`evolution`          versions of a model on the same people, with paired differences
`compare`            anyone's pairs of reference and estimate judged the same way
`report`             one HTML file of a result
`measure`            vital signs of an array, with intervals and reasons for abstaining
`explain`            where in the signal an answer comes from, and whether that is of the model
`personalize`        a bundle for one person, from a few readings
`predict`            estimates for files, with intervals and reasons for abstaining
`list`               what there is
`doctor`             what works on this machine
===================  =====================================================================
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0.dev0"

_VERBS = {
    "open": "pulsewise.data.open:open_recordings",
    "info": "pulsewise.cli.info:describe",
    "convert": "pulsewise.data.convert:convert",
    "run": "pulsewise.cli.run:run_recipe",
    "select": "pulsewise.learn.select:select",
    "train": "pulsewise.learn.train:train",
    "evaluate": "pulsewise.judge.evaluate:evaluate",
    "evolution": "pulsewise.cli.evolution:evolve_recipes",
    "compare": "pulsewise.judge.compare:compare",
    "report": "pulsewise.show.report:report",
    "measure": "pulsewise.signals.measure:measure",
    "explain": "pulsewise.judge.explain:explain",
    "personalize": "pulsewise.learn.personalize:personalize",
    "predict": "pulsewise.deploy.predict:predict",
    "list": "pulsewise.cli.list:entries",
    "doctor": "pulsewise.cli.doctor:doctor_report",
}

__all__ = ["__version__", *_VERBS]  # every key is a name that __getattr__ gives


def __getattr__(name: str) -> Any:
    if name not in _VERBS:
        raise AttributeError(f"module 'pulsewise' has no attribute {name!r}")
    from importlib import import_module

    module, _, function = _VERBS[name].partition(":")
    return getattr(import_module(module), function)


def __dir__() -> list[str]:
    return sorted({*globals(), *_VERBS})
