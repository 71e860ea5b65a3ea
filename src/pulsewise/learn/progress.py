"""What a person watching a training sees: one line on stderr, and nothing where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pulsewise.core.plugin import Target


class Progress:
    """A bar over all steps of all epochs, with the loss and the validation error of each target in its unit.

    Drawn on stderr, and only where that is a terminal. Use as a context.
    """

    def __init__(self, wanted: bool, epochs: int, steps: int, targets: Sequence[Target]) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._wanted, self._epochs, self._steps, self._targets = wanted, epochs, steps, targets
        self._text = ""

    def __enter__(self) -> Self:
        if self._wanted and sys.stderr.isatty():
            from rich import progress
            from rich.console import Console

            self._bar = progress.Progress(
                progress.TextColumn("training"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.description}"),
                progress.TimeElapsedColumn(),
                progress.TextColumn("of at most"),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=self._epochs * self._steps)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, epoch: int, step: int, loss: float) -> None:
        """A step is done (both counted from 0)."""
        if self._bar is not None:
            text = f"epoch {epoch + 1}/{self._epochs}  loss {loss:.3f}{self._text}"
            self._bar.update(self._task, completed=epoch * self._steps + step + 1, description=text)

    def epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is done; `row` is its line of the history."""
        parts = [
            f"{t.quantity} {row[f'val_mae_{t.quantity}']:.3g} {t.unit}"
            for t in self._targets
            if f"val_mae_{t.quantity}" in row
        ]
        self._text = f"  validation MAE {', '.join(parts)}" if parts else ""
