"""Say what works on this machine and what is missing; ends with a self-test of a few seconds."""

from __future__ import annotations

import os
import platform
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from pulsewise.cli._options import Json
from pulsewise.core.errors import SetupError

PANEL = "Start"

BASE = ("numpy", "scipy", "pyarrow", "matplotlib", "jinja2", "typer", "rich", "safetensors")


def doctor_report(*, test: bool = True) -> dict[str, Any]:
    """Versions, processor, folders, extras and the self-test, as one dictionary.

    `ok` is False where the base installation cannot do its work; `problems` then says what and how to repair it.
    """
    from pulsewise import __version__

    report: dict[str, Any] = {
        "pulsewise": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "libraries": {name: _version(name) for name in BASE},
        "extras": _extras(),
        "writable": _writable(),
    }
    problems = [f"{name} is not installed" for name, version in report["libraries"].items() if not version]
    problems += [f"cannot write to the {name}" for name, writable in report["writable"].items() if not writable]
    if test and not problems:
        checks = {}
        for name, check in SELF_TESTS.items():
            checks[name] = _timed(check)
            if checks[name]["error"]:
                problems.append(f"self-test {name}: {checks[name]['error']}")
        report["self_test"] = checks
    return {**report, "problems": problems, "ok": not problems}


def _version(library: str) -> str:
    try:
        return metadata.version({"sklearn": "scikit-learn"}.get(library, library))
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> dict[str, Any]:
    flags: set[str] = set()
    info = Path("/proc/cpuinfo")
    name = platform.processor()
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            elif key.strip() == "flags":
                flags = set(value.split())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"name": name, "cores": cores, "bf16": bool(flags & {"avx512_bf16", "amx_bf16"}), "avx2": "avx2" in flags}


def _extras() -> dict[str, dict[str, str]]:
    """What each extra of the installed package brings, and the version found of each."""
    from pulsewise.core.registry import EXTRAS

    found: dict[str, dict[str, str]] = {}
    try:
        required = metadata.requires("pulsewise") or []
    except metadata.PackageNotFoundError:  # run from its source, not installed
        required = [f"{library}; extra == '{extra}'" for library, extra in EXTRAS.items()]
    for line in required:
        match = re.match(r"([\w.-]+)[^;]*;\s*extra\s*==\s*['\"](\w+)['\"]", line)
        if match and match[1] != "pulsewise" and match[2] not in ("all", "dev"):
            found.setdefault(match[2], {})[match[1]] = _version(match[1])
    return found


def _writable() -> dict[str, bool]:
    folders = {"temporary folder": Path(tempfile.gettempdir()), "current folder": Path.cwd()}
    return {name: os.access(folder, os.W_OK) for name, folder in folders.items()}


def _timed(check: Callable[[], str]) -> dict[str, Any]:
    begin = time.perf_counter()
    found, error = "", ""
    try:
        found = check()
    except Exception as problem:  # whatever breaks is what the doctor is asked for
        error = f"{type(problem).__name__}: {problem}"
    return {"seconds": round(time.perf_counter() - begin, 2), "found": found, "error": error}


def _atomic() -> str:
    from pulsewise.core.disk import sha256, write_atomic

    with tempfile.TemporaryDirectory() as folder:
        path = write_atomic(Path(folder) / "probe", b"pulsewise")
        return f"wrote and read back {sha256(path)[:8]}"


def _heart() -> str:
    from pulsewise.signals.beats import find_beats
    from pulsewise.simulate.continuous import recording

    made = recording(20.0, heart_rate=72.0, rate=100.0, seed=1)
    signal = made.recording.signal("ppg")
    found = find_beats(signal.samples, signal.rate, "ppg")
    rate = 60.0 * (len(found) - 1) / float(found.time[-1] - found.time[0])
    if abs(rate - 72.0) > 3.0:
        raise ArithmeticError(f"72 bpm were simulated, {rate:.1f} bpm found")
    return f"72 bpm simulated, {rate:.1f} bpm found"


RECIPE = """
name = "doctor"
dataset = { name = "simulated", people = 10, sessions = 1, windows = 1 }
label = { how = "nearest" }
task = { name = "pressure" }
model = { name = "constant" }
evaluate = { resamples = 50 }
"""


def _judged() -> str:
    from pulsewise.cli.run import run_recipe

    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "doctor.toml"
        recipe.write_text(RECIPE, encoding="utf-8")
        made = run_recipe(recipe, out=Path(folder) / "run", until="evaluate")
        verdict = made.result().verdict
    if verdict.claim:
        raise ArithmeticError("a constant was said to have skill")
    return "a constant has no skill on simulated people"


SELF_TESTS: Mapping[str, Callable[[], str]] = {"files": _atomic, "beats": _heart, "recipe": _judged}
"""Small real pieces of the work, each returning what it found; a second or so each."""


def doctor(
    json: Json = False,
    no_test: Annotated[bool, typer.Option("--no-test", help="Leave out the self-test.")] = False,
) -> None:
    """Say what works on this machine and what is missing.

    Exit status 7 where something the base package needs is missing or the self-test fails.
    """
    from pulsewise.cli import _output

    report = doctor_report(test=not no_test)
    if json:
        _output.emit("doctor", report)
    else:
        _show(report)
    if report["problems"]:
        raise SetupError("environment", "; ".join(report["problems"]), fix="install the package again")


def _show(report: Mapping[str, Any]) -> None:
    from pulsewise.cli import _output

    cpu = report["processor"]
    bf16 = "with bf16 units" if cpu["bf16"] else "without bf16 units"
    _output.facts(
        {
            "pulsewise": f"{report['pulsewise']} on Python {report['python']}, {report['system']}",
            "processor": f"{cpu['name']}, {cpu['cores']} cores, {bf16}",
            "libraries": ", ".join(f"{name} {version}" for name, version in report["libraries"].items()),
            "folders": ", ".join(
                f"{name} {'writable' if ok else 'NOT writable'}" for name, ok in report["writable"].items()
            ),
        }
    )
    rows = []
    for extra, libraries in report["extras"].items():
        lacking = [name for name, version in libraries.items() if not version]
        rows.append(
            {
                "extra": extra,
                "installed": [f"{name} {version}" for name, version in libraries.items() if version],
                "missing": lacking,
                "to_install": f"pip install 'pulsewise[{extra}]'" if lacking else "",
            }
        )
    columns = ("extra", "installed", "missing", "to_install")
    _output.table(rows, columns if any(row["missing"] for row in rows) else columns[:2])
    tests = [{"self_test": name, **result} for name, result in report.get("self_test", {}).items()]
    if tests:
        _output.table(
            tests,
            ("self_test", "seconds", "found", "error") if report["problems"] else ("self_test", "seconds", "found"),
        )
