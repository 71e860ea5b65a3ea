"""A tiny network as plain C99, compiled here and held against the original on golden vectors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import GateError, SetupError, UsageError
from pulsewise.core.windows import Windows
from pulsewise.data import window
from pulsewise.deploy import c_source
from pulsewise.deploy import inside as conditioning
from pulsewise.deploy.c_source import Precision, Sizes
from pulsewise.deploy.inside import Inside
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.estimating import configs

GOLDEN_WINDOWS, GOLDEN_RAW = 16, 4
STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O2")
TIMES = 20
"""How often the golden windows are taken to say how long one takes."""
SECONDS = 60


@dataclass(frozen=True)
class Answers:
    """What the compiled program says: estimates of the golden windows (N, K) and raw windows (R, K), and how fast."""

    windows: NDArray[np.float64]
    raw: NDArray[np.float64]
    window_ms: float
    code_bytes: int


@dataclass(frozen=True)
class CExport:
    """What came of an export to C. `difference` and `rms` are in the targets' units, `error` where there are labels."""

    precision: str
    source: str
    sizes: Sizes
    conditioning: str
    difference: dict[str, float]
    rms: dict[str, float]
    error: dict[str, tuple[float, float]]
    golden: str
    compiler: str
    window_ms: float | None
    code_bytes: int | None
    files: tuple[str, ...]


def compiler() -> str | None:
    """The C compiler of this machine: what CC names, else cc, gcc or clang; None where there is none."""
    named = os.environ.get("CC")
    return next((found for name in (named, "cc", "gcc", "clang") if name and (found := shutil.which(name))), None)


def export(
    bundle: Bundle,
    out: Path,
    *,
    precision: str = "fp32",
    windows: Windows | None = None,
    rate: float | None = None,
    overwrite: bool = False,
    force: bool = False,
) -> CExport:
    """Write a folder of C files with golden vectors, a test program and a card.

    Parameters
    ----------
    bundle : Bundle
        A trained `tiny` network that answers with a value or a probability.
    out : Path
        Folder; new, or replaced with `overwrite`.
    precision : str
        fp32, or int8: weights of one byte each, arithmetic in float.
    windows : Windows, optional
        For the golden vectors, the first 16; made up where None.
    rate : float, optional
        Hz of the device's raw samples; the model's own where None.
    overwrite, force : bool
        Replace what is there; write an untrained bundle, one further off than allowed, or without a compiler to prove
        it with.

    Raises
    ------
    UsageError
        `usage` for another model or precision; `output_exists`.
    GateError
        `gate`: the compiled program differs more from the original than its precision allows.
    SetupError
        `missing_dependency`: there is no C compiler.
    """
    if precision not in ("fp32", "int8"):
        raise UsageError("usage", f"C is written as fp32 or int8, {precision} came")
    kind: Precision = "int8" if precision == "int8" else "fp32"
    if bundle.facts.answer not in ("value", "probability"):
        what = f"C gives one number per target; this model ({bundle.facts.answer}) gives more"
        raise UsageError("usage", what)
    c_source.layers(bundle, kind)
    bundle.check_trained(force)
    if out.exists() and not overwrite:
        raise UsageError("output_exists", f"{out.name} is there already", fix="give --overwrite or another --out")
    found = conditioning.inside(bundle, rate)
    how = found if isinstance(found, Inside) else None
    if how is None and rate is not None:
        raise UsageError("usage", f"conditioning cannot go inside at {rate:g} Hz: {found}", fix="leave out --rate")
    from pulsewise.deploy.export import golden_windows

    golden = golden_windows(bundle, windows, GOLDEN_WINDOWS)
    _, cutting = configs(bundle)  # normalisation is inside: a window that was normalised stays as it is
    normal, _ = window.normalise(golden.samples.astype(np.float64), cutting.normalise)
    golden = replace(golden, samples=normal.astype(np.float32))
    wanted = bundle.predict_windows(golden, force=force)
    raw = conditioning.golden(bundle, how, GOLDEN_RAW) if how else None
    texts = c_source.files_of(bundle, kind, how) | _golden_files(bundle, precision, golden, wanted, raw)
    answers = _answered(texts, force)
    made = _made(bundle, kind, found, (golden, wanted, raw), answers, windows is not None)
    if answers is not None:
        _check(bundle, precision, wanted, raw, answers, force)
    return _write(out, texts, made, bundle)


def _golden_files(
    bundle: Bundle, precision: str, golden: Windows, wanted: NDArray[np.float64], raw: Any
) -> dict[str, str]:
    """golden.h and golden.c."""
    bound = bounds(bundle, precision)
    parts: dict[str, NDArray[Any]] = {"golden_bound": bound, "golden_windows": golden.samples.reshape(len(golden), -1)}
    parts |= {"golden_estimates": wanted}
    if raw is not None:
        parts |= {"golden_raw": raw[0].reshape(len(raw[0]), -1), "golden_raw_estimates": raw[1]}
    head = [f"#define GOLDEN_WINDOWS {len(golden)}", f"#define GOLDEN_RAW {len(raw[0]) if raw is not None else 0}"]
    for name, values in parts.items():
        shape = "[]" if values.ndim == 1 else f"[][{values.shape[1]}]"
        head.append(f"extern const float {name}{shape};")
    body = ['#include "golden.h"', ""] + [c_source.array(name, v, "const float") for name, v in parts.items()]
    guarded = ["#ifndef PULSEWISE_GOLDEN_H", "#define PULSEWISE_GOLDEN_H", *head, "#endif", ""]
    note = "/* Windows and what the original answers to them; golden_bound is how far off an answer may be. */"
    return {"golden.h": "\n".join([note, *guarded]), "golden.c": "\n".join([*body, ""])}


def bounds(bundle: Bundle, precision: str) -> NDArray[np.float64]:
    """Most that an answer may be off, per target in its unit (int8: three times what the root mean square may be)."""
    from pulsewise.deploy.export import BOUNDS, RMS_BOUND

    sd = np.array(bundle.facts.scaling.target_sd)
    return np.asarray(sd * (BOUNDS["fp32"] if precision == "fp32" else 3 * RMS_BOUND))


def _answered(texts: dict[str, str], force: bool) -> Answers | None:
    cc = compiler()
    if cc is None:
        if force:
            return None
        fix = "install gcc or clang; --force writes it without proof"
        raise SetupError("missing_dependency", "no C compiler to prove it with", fix=fix)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, text in texts.items():
            (place / name).write_text(text, encoding="utf-8")
        return run(place, cc, TIMES)


def run(folder: Path, cc: str, times: int = 0) -> Answers:
    """Compile a folder of C files, warnings as errors, and let it answer its golden vectors.

    Raises `environment` where the compiler fails.
    """
    with tempfile.TemporaryDirectory() as place:
        program, part = Path(place) / "main_test", Path(place) / "pulsewise.o"
        _compile([cc, *STRICT, "-c", "-o", str(part), str(folder / "pulsewise.c")])
        _compile(
            [cc, *STRICT, "-o", str(program), *(str(folder / n) for n in ("main_test.c", "golden.c")), str(part), "-lm"]
        )
        said = _said([str(program), str(times)])
        code = _code_bytes(part)
    rows: dict[str, list[list[float]]] = {"window": [], "raw": []}
    milliseconds = float("nan")
    for line in said.splitlines():
        word, *cells = line.split()
        if word in rows:
            rows[word].append([float(cell) if cells[1] == "0" else np.nan for cell in cells[2:]])
        elif word == "ms":
            milliseconds = float(cells[0])
    return Answers(np.array(rows["window"]), np.array(rows["raw"]), milliseconds, code)


def _compile(call: list[str]) -> None:
    done = subprocess.run(call, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603  # the compiler that was found
    if done.returncode:
        raise SetupError("environment", f"the C compiler failed: {done.stderr.strip()[:300]}")


def _said(call: list[str]) -> str:
    """What a program writes: the one just compiled, or one of the compiler's own."""
    return subprocess.run(call, capture_output=True, text=True, timeout=SECONDS).stdout  # noqa: S603  # no input of others


def _code_bytes(compiled: Path) -> int:
    """Bytes of instructions and constants, on this machine; 0 where there is no `size` to say it."""
    size = shutil.which("size")
    cells = _said([size, str(compiled)]).splitlines()[-1:] if size else []
    return sum(int(cell) for cell in cells[0].split()[:2]) if cells else 0


def _check(
    bundle: Bundle, precision: str, wanted: NDArray[np.float64], raw: Any, answers: Answers, force: bool
) -> None:
    most = bounds(bundle, precision)
    parts = [answers.windows - wanted] + ([answers.raw - raw[1]] if raw is not None else [])
    for k, target in enumerate(bundle.task.targets):
        sizes = [np.abs(part[:, k]).max() if precision == "fp32" else _rms(part[:, k]) for part in parts]
        bound = most[k] if precision == "fp32" else most[k] / 3
        if not max(sizes) <= bound and not force:
            what = f"the {precision} program is off by {max(sizes):.3g} {target.unit} of {target.quantity}"
            raise GateError("gate", f"{what}; at most {bound:.3g} is allowed", fix="take fp32, or --force")


def _rms(off: NDArray[np.float64]) -> float:
    return float(np.sqrt((off**2).mean()))


def _made(
    bundle: Bundle, precision: Precision, found: Inside | str, vectors: Any, answers: Answers | None, given: bool
) -> CExport:
    golden, wanted, raw = vectors
    difference, rms, error = {}, {}, {}
    for k, target in enumerate(bundle.task.targets if answers else ()):
        assert answers is not None
        off = np.concatenate([answers.windows - wanted, *([answers.raw - raw[1]] if raw is not None else [])])[:, k]
        difference[target.quantity], rms[target.quantity] = float(np.abs(off).max()), _rms(off)
        label = golden.columns.get(f"label_{target.quantity}")
        if label is not None and np.isfinite(label).any():
            known = np.isfinite(label)
            pair = (float(np.abs(a[known, k] - label[known]).mean()) for a in (wanted, answers.windows))
            error[target.quantity] = next(pair), next(pair)
    how = found if isinstance(found, Inside) else None
    network = c_source.layers(bundle, precision)
    if how is not None:
        said = f"inside, for raw samples of {how.rate:g} Hz"
        said += f" ({how.length} per window, of which {how.margin} before and {how.margin} after it)"
    else:
        said = f"outside: {found}"
    return CExport(
        precision, bundle.fingerprint, c_source.sizes(bundle, network, how), said, difference, rms, error,
        "windows that were given" if given else "made up", Path(compiler() or "").name if answers else "",
        answers.window_ms if answers else None, answers.code_bytes if answers else None, (),
    )  # fmt: skip


def _write(out: Path, texts: dict[str, str], made: CExport, bundle: Bundle) -> CExport:
    """The folder, whole or not at all."""
    from pulsewise.deploy.c_card import card

    made = replace(made, files=(*sorted(texts), "README.md", "export.json"))
    table = {"schema_version": 1, "kind": "c", "bundle": bundle.facts.name, **asdict(made)}
    texts = texts | {
        "README.md": card(bundle, made),
        "export.json": json.dumps(table, sort_keys=True, indent=1, allow_nan=False) + "\n",
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".part"))
    try:
        for name, text in texts.items():
            write_atomic(part / name, text)
        part.chmod(0o755)
        if out.exists():
            out.rename(part.with_suffix(".old"))
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(part.with_suffix(".old"), ignore_errors=True)
    return made
