"""The card of a network that was written as C."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulsewise.learn.bundle import Bundle
from pulsewise.learn.card import WARNING

if TYPE_CHECKING:
    from pulsewise.deploy.c_export import CExport


def card(bundle: Bundle, made: CExport) -> str:
    """README.md: what it answers, what it takes, how far off it is, what stays outside."""
    f, s = bundle.facts, made.sizes
    units = {t.quantity: t.unit for t in f.task.targets}
    asked = ", ".join(f"{name} ({unit})" for name, unit in units.items())
    stamps = ["**Never trained.**"] * (not f.trained) + ["**Trained on simulated people.**"] * f.synthetic
    lines = [
        f"# {f.name} in C",
        "",
        f"Answers: {asked}, from windows of {f.length / f.rate:g} s of {', '.join(f.channels)} at {f.rate:g} Hz.",
        "",
        *[line for stamp in [*stamps, *([f"**{f.stamp}**"] if f.stamp else [])] for line in (stamp, "")],
        WARNING,
        "",
        "C99, nothing but math.h, no allocation; `pulsewise.h` says how to call it.",
        "",
        "```",
        "cc -std=c99 -O2 -o main_test main_test.c pulsewise.c golden.c -lm && ./main_test",
        "```",
        "",
        f"Made from bundle `{made.source}`, precision {made.precision}. Conditioning: {made.conditioning}. Normalising "
        "and scaling the window are inside. Outside: judging the signal, refusing windows unlike the training data, "
        "intervals.",
        "",
        "| what | how much |",
        "|---|---|",
        f"| parameters | {s.parameters:,} |",
        f"| multiply-adds of one window | {s.multiply_adds:,} |",
        f"| multiply-adds of conditioning it | {s.filter_multiply_adds:,} |",
        f"| constants (flash) | {s.constants:,} bytes |",
        f"| static memory (RAM) | {s.ram:,} bytes |",
        f"| largest array on the stack | {s.stack:,} bytes |",
    ]
    if made.code_bytes:
        lines.append(
            f"| code and constants, {made.compiler} -O2 on the exporting machine | {made.code_bytes:,} bytes |"
        )
    if made.window_ms is not None:
        lines.append(f"| one conditioned window, same | {made.window_ms:.3f} ms |")
    lines += ["", "## Against the original", ""]
    if not made.compiler:
        lines += ["**Not proven**: there was no C compiler. Run main_test where the model will run.", ""]
    for name, off in made.difference.items():
        line = f"- {name}: at most {off:.2g} {units[name]} off (root mean square {made.rms[name]:.2g})"
        if name in made.error:
            before, after = made.error[name]
            line += f"; mean absolute error {after:.2f} {units[name]}, of the original {before:.2f}"
        lines.append(f"{line}; golden windows: {made.golden}")
    return "\n".join([*lines, ""])
