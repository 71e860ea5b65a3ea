"""`python -m benchmarks [NAME…]`: run every bench_*.py, print one table, write benchmarks.json.

A benchmark is a file `bench_<what>.py` with `main()`, which returns a list of figures: mappings with `name`, `value`,
`unit`, and where it is promised `least` or `most`. Ratios are medians of interleaved runs, so that a busy machine
slows both sides. The exit status is 1 where a promise is not kept.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def kept(figure: Mapping[str, Any]) -> bool:
    """Whether a figure is within what is promised."""
    value, least, most = figure["value"], figure.get("least"), figure.get("most")
    return (least is None or value >= least) and (most is None or value <= most)


def run(path: Path) -> list[dict[str, Any]]:
    """The figures of one file, each with the file's name; a benchmark that breaks is one figure that says so."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module  # worker processes look it up by name
    sys.path.insert(0, str(path.parent))
    begin = time.perf_counter()
    try:
        specification.loader.exec_module(module)
        figures = module.main()
    except Exception as error:  # the others still run
        figures = [{"name": f"broke: {type(error).__name__}: {error}"[:200], "value": 0.0, "least": 1.0}]
    seconds = round(time.perf_counter() - begin, 1)
    return [{"benchmark": path.stem.removeprefix("bench_"), "seconds": seconds, **figure} for figure in figures]


def line(figure: Mapping[str, Any]) -> str:
    """One row of the table."""
    bound = f">= {figure['least']:g}" if "least" in figure else f"<= {figure['most']:g}" if "most" in figure else ""
    mark = "" if not bound else "kept" if kept(figure) else "NOT KEPT"
    value = f"{figure['value']:.4g} {figure.get('unit', '')}".strip()
    return f"{figure['benchmark']:<12} {figure['name']:<58} {value:>22}  {bound:<12} {mark}"


def main(names: list[str]) -> int:
    """Run the named benchmarks (none: all); status 1 where a promise is not kept."""
    figures: list[dict[str, Any]] = []
    for path in sorted(HERE.glob("bench_*.py")):
        if not names or path.stem.removeprefix("bench_") in names:
            for figure in run(path):
                figures.append(figure)
                print(line(figure), flush=True)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    record = {"schema_version": 1, "machine": machine, "figures": figures}
    out = HERE / "benchmarks.json"
    out.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    print(f"written to {out.name}; {sum(not kept(f) for f in figures)} promises not kept")
    return 0 if figures and all(kept(f) for f in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
