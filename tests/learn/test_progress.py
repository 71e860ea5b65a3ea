"""A bar for people on a terminal, silence for everything else."""

import io

import pytest

from pulsewise.core.plugin import Target
from pulsewise.learn.progress import Progress

TARGET = Target("glucose", "mg/dL", 20.0, 600.0)


class Screen(io.StringIO):
    terminal = True

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(("terminal", "wanted"), [(True, True), (True, False), (False, True)])
def test_progress_is_drawn_on_a_terminal_only(monkeypatch, terminal: bool, wanted: bool) -> None:
    screen = Screen()
    screen.terminal = terminal
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    with Progress(wanted, 2, 3, [TARGET]) as bar:
        bar.step(0, 2, 0.5)
        bar.epoch({"val_mae_glucose": 12.34})
        bar.step(1, 0, 0.25)
    said = screen.getvalue()
    if terminal and wanted:
        assert "epoch 2/2" in said and "glucose 12.3 mg/dL" in said and "4/6" in said
    else:
        assert said == ""
