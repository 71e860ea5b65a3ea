"""What the card of an exported bundle says of its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulsewise.deploy.export import Export


def section(made: Export) -> str:
    """The end of README.md: what the graph takes, how far it is from the original, what stays outside."""
    facts = made.bundle.facts
    graph, raw = facts.graph, facts.graph.raw
    units = {t.quantity: t.unit for t in facts.task.targets}
    lines = [
        "## Exported graph",
        "",
        f"From bundle `{graph.source}`, precision {graph.precision}. Windows in as they are cut, values in units out.",
        "",
        "| what | how much |",
        "|---|---|",
        f"| parameters | {sum(stage.parameters for stage in facts.stages):,} |",
        f"| multiply-adds of one window | {graph.multiply_adds:,} |",
        *[f"| {name} | {file.bytes:,} bytes |" for name, file in sorted(facts.files.items())],
    ]
    for s in made.speed:
        lines.append(f"| one window, {s.engine}, where it was exported | {s.window_ms:.2f} ms |")
        lines.append(f"| peak memory it adds, {s.engine} | {s.memory_mib:.1f} MiB |")
    lines.append("")
    for name, off in graph.difference.items():
        line = f"- {name}: at most {off:.2g} {units[name]} from the original (root mean square {graph.rms[name]:.2g})"
        if name in graph.error:
            before, after = graph.error[name]
            line += f"; mean absolute error {after:.2f} {units[name]}, of the original {before:.2f}"
        lines.append(f"{line}; {graph.golden_windows} golden windows, {graph.golden}")
    if raw.outside:
        return "\n".join([*lines, "", f"Conditioning stays outside: {raw.outside}.", ""])
    names = ", ".join(f"`{name}`" for name in raw.files)
    furthest = ", ".join(f"{name} at most {value:.2g} {units[name]}" for name, value in raw.difference.items())
    lines += [
        "",
        f"{names} takes raw samples: (N, {len(facts.channels)}, {raw.samples}) at {raw.rate:g} Hz, of which "
        f"{raw.margin} lie before the window and {raw.margin} after it; filters, normalisation and scaling are inside "
        f"({raw.multiply_adds:,} multiply-adds more). From the original: {furthest}. Run it in float32 arithmetic. "
        "A constant window gives NaN; judging the signal stays outside.",
        "",
    ]
    return "\n".join(lines)
