"""What `pulsewise export` says of a network that became C."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pulsewise.cli import _output


def c(bundle: Any, out: Path, how: dict[str, Any], overwrite: bool, force: bool, json: bool) -> None:
    """Export to C and say how far off it is and what it takes."""
    from pulsewise.deploy import c_export

    made = c_export.export(bundle, out, **how, overwrite=overwrite, force=force)
    if json:
        _output.emit("export", {"bundle": out.name, **asdict(made)})
        return
    units = {target.quantity: target.unit for target in bundle.task.targets}
    for name, off in made.difference.items():
        said = f"{name}: at most {off:.2g} {units[name]} from the original (root mean square {made.rms[name]:.2g}; "
        said += f"golden windows: {made.golden})"
        if name in made.error:
            before, after = made.error[name]
            said += f"; mean absolute error {after:.2f} {units[name]}, of the original {before:.2f}"
        _output.say(said)
    if not made.compiler:
        _output.say("not proven: there is no C compiler here; run main_test where the model will run")
    size = made.sizes
    _output.facts(
        {
            "files": (out / "pulsewise.h").as_posix() + " and others",
            "conditioning": made.conditioning,
            "parameters": f"{size.parameters:,}",
            "multiply-adds": f"{size.multiply_adds:,} per window, {size.filter_multiply_adds:,} to condition it",
            "memory": f"{size.constants:,} bytes of constants, {size.ram:,} static, {size.stack:,} on the stack",
            **(
                {"one window": f"{made.window_ms:.3f} ms ({made.compiler} -O2, this machine)"} if made.window_ms else {}
            ),
        }
    )
