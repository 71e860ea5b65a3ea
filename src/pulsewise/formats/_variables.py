"""Named variables (of MATLAB and HDF5 files) become recordings: which of them are signals, and what their rate is.

Taken are, in this order:

- a PulseDB subset (`Signals` of 3 channels x 1250 samples, `SBP`, `DBP`, `Subject`): windows;
- the heart rates of the IEEE Signal Processing Cup 2015 (`BPM0`, one per window of 8 s every 2 s): references;
- structs with `v` and `fs`, as in MIMIC PERform: a signal of that name and rate; an array of such structs is one
  recording each;
- numeric vectors and matrices (channels x samples or samples x channels): signals named by their variables, at the
  rate of a variable named `fs`, `Fs`, `sampling_rate`, ..., or the rate the user gives. Never another rate.

Where names say what some vectors are, those and their equals in length are taken and the others are named in a note.
Where no name says anything and lengths differ, the user has to choose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.disk import sha256
from pulsewise.core.errors import InputError
from pulsewise.core.limits import CHANNELS, check_rate, check_samples
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Note, Provenance, Recording, Reference, Signal
from pulsewise.core.windows import Windows
from pulsewise.formats._assemble import assemble
from pulsewise.formats._channel import channel, check_channel, kind_of
from pulsewise.formats._columns import Role, plan
from pulsewise.formats._pulsedb import is_subset, subset
from pulsewise.formats._rows import Column, Table
from pulsewise.formats._stamps import Stamps

DEPTH = 8
RECORDINGS = 2000
"""Most elements of an array of structs that become recordings."""
SHORTEST = 16
"""A vector of fewer values is no signal."""

_RATE = re.compile(
    r"(?:(?P<before>.+)_)?"
    r"(?:fs|f_s|srate|fsample|sampl(?:ing|e)_?(?:rate|freq(?:uency)?))(?:_hz)?"
    r"(?:_(?P<after>.+))?"
)
_TIME = re.compile(r"(.*_)?(t|times?|timer|timestamps?|datetime|date)(_(s|ms|us|ns|sec))?")
_VALUES = ("v", "values", "samples", "signal", "data", "x")
_NAMES = ("names", "sig_name", "signames", "channels", "channel_names", "ch_names", "labels")
_UNITS = ("unit", "units")
_CUP = re.compile(r"(DATA|TEST)_S?\d+_T(YPE)?\d+", re.IGNORECASE)
_TRUTH = "BPM0"
_CUP_ROWS = ("ECG", "PPG1", "PPG2", "accX", "accY", "accZ")


@dataclass(frozen=True)
class Found:
    """One signal found: `rate` None where nothing says it, `own` where the rate stands beside the values themselves."""

    name: str
    values: NDArray[Any]
    rate: float | None
    unit: str
    own: bool = False


def wanted(names: Sequence[str], options: ReadOptions) -> list[str]:
    """The variables that have to be read for the channel that was asked for; all of them where none was."""
    if options.channel is None:
        return list(names)
    top = re.split(r"[.\[]", options.channel)[0]
    return [name for name in names if name == top or rate_of(name) is not None] if top in names else list(names)


def recordings(
    tree: Mapping[str, Any], path: Path, options: ReadOptions, form: str, why: str
) -> list[Recording | Windows]:
    """What the variables of a file hold; `tree` has arrays, texts, lists and mappings as leaves.

    Raises `empty_recording`, `sampling_rate`, `modality`, `malformed`, `too_large`.
    """
    for part in (tree, *(value for value in tree.values() if isinstance(value, Mapping))):
        if is_subset(part):
            return [subset(part, path.name)]
    elements = _elements(tree)
    base = Provenance(form, f"pulsewise.formats.{form}", sha256(path), why=why)
    made: list[Recording | Windows] = []
    for number, part in enumerate(elements, 1):
        stem = path.stem if len(elements) == 1 else f"{path.stem}-{number}"
        dropped = tuple(_texts(part, ""))
        made += _of(part, stem, _CUP.fullmatch(path.stem) is not None, replace(base, dropped=dropped), options)
    return made


def with_truth(
    found: list[Recording | Windows], path: Path, read: Callable[[Path], list[Recording | Windows]]
) -> list[Recording | Windows]:
    """A recording of the IEEE Signal Processing Cup with the heart rates of the file beside it, where that is there."""
    if not _CUP.fullmatch(path.stem) or len(found) != 1 or not isinstance(found[0], Recording):
        return found
    number = path.stem.partition("_")[2]
    for name in (f"{path.stem}_BPMtrace.mat", f"BPM_{number}.mat", f"True_{number}.mat"):
        beside = path.with_name(name)
        if beside.is_file() and not beside.is_symlink():
            truth = read(beside)[0]
            note = Note("references_beside", f"heart rates are from {name}")
            if isinstance(truth, Recording):
                return [replace(found[0], references=truth.references).with_notes(note)]
    return found


def _elements(tree: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The file itself, or each struct of the one array of structs that hold signals."""
    arrays = [v for v in tree.values() if isinstance(v, list) and v and all(isinstance(x, Mapping) for x in v)]
    arrays = [v for v in arrays if any(True for _ in _walk(v[0], "", None, 0))]
    if len(arrays) != 1:
        return [tree]
    if len(arrays[0]) > RECORDINGS:
        raise InputError("too_large", f"at most {RECORDINGS} recordings are read, {len(arrays[0])} came")
    return arrays[0]


def _of(tree: Mapping[str, Any], stem: str, cup: bool, base: Provenance, options: ReadOptions) -> list[Recording]:
    """The recording of one set of variables; several where its clock was set back."""
    notes: list[Note] = []
    found = _of_cup(tree) if cup else []
    found = found or list(_walk(tree, "", None, 0))
    references = _heart_rates(tree)
    if not found and not references:
        raise InputError(
            "empty_recording",
            f"no variable is a signal; the file holds {_listed(tree)}",
            where=stem,
            fix="a signal is a numeric vector, or a matrix of channels x samples",
        )
    signals: list[Signal] = []
    chosen = _chosen(found, stem, options, notes)
    clock = _clock(tree, chosen)
    if clock is not None:
        timed = _timed(*clock, chosen, stem, base, options, notes)
        return [replace(one, references=(*one.references, *references)) for one in timed]
    for one in chosen:
        rate = _rate(one, found, cup, stem, options)
        check_samples(len(one.values), where=one.name)
        source = "header" if one.rate is not None else "option"
        signals.append(channel(one.name, one.values, rate, one.unit, options, notes, rate_source=source))
    if options.rate is not None and any(one.rate is not None for one in found):
        notes.append(Note("rate_kept", "the file says its rate; the one given was used only where it does not"))
    provenance, person = replace(base, notes=tuple(notes)), options.person or ""
    return [Recording(stem, tuple(signals), person, references=tuple(references), provenance=provenance)]


def _clock(tree: Mapping[str, Any], chosen: Sequence[Found]) -> tuple[str, Any] | None:
    """The variable that holds one time for each sample of all signals: numbers, or dates as texts."""
    lengths = {len(one.values) for one in chosen}
    if len(lengths) != 1:
        return None
    for key, value in tree.items():
        if isinstance(value, Mapping) and (found := _clock(value, chosen)) is not None:
            return found
        if _TIME.fullmatch(_words(key)):
            plain = np.ravel(value) if isinstance(value, np.ndarray) and value.dtype.kind in "iuf" else value
            if isinstance(plain, np.ndarray | list) and len(plain) in lengths:
                return key, plain
    return None


def _timed(
    name: str,
    times: Any,
    chosen: Sequence[Found],
    stem: str,
    base: Provenance,
    options: ReadOptions,
    notes: list[Note],
) -> list[Recording]:
    """Signals with a time for each sample: read as the same columns of a text table are."""
    role = replace(plan([name], [], ReadOptions())[0], role="time")
    if isinstance(times, list):
        stamps = Stamps(options.date_format)
        stamps.add([str(text) for text in times])
        columns = [Column(role, moments=stamps.finish())]
    else:
        columns = [Column(role, np.asarray(times, np.float64))]
    for one in chosen:
        kind = options.columns.get(one.name) or kind_of(one.name, one.unit)
        kind = options.kind if options.kind and kind == "other" else kind
        values = np.asarray(one.values, np.float32)
        columns.append(Column(Role(one.name, "signal", kind, one.unit, "by its name"), values))
    stated = next((one.rate for one in chosen if one.rate is not None), None)
    table = Table(columns, len(times), notes)
    return [
        replace(made, provenance=replace(base, notes=made.provenance.notes, why=made.provenance.why))
        for made in assemble(table, options, stem=stem, form=base.format, why=base.why, stated=stated)
    ]


def _rate(one: Found, found: Sequence[Found], cup: bool, stem: str, options: ReadOptions) -> float:
    if one.rate is not None or options.rate is not None:
        return check_rate(one.rate if one.rate is not None else options.rate, where=one.name)
    fix = "give --rate HZ, or save it beside the signal as fs"
    if cup:
        fix = "give --rate 125, the rate the publisher of the IEEE Signal Processing Cup 2015 states"
    have = ", ".join(f"{f.name} ({len(f.values)})" for f in found[:8])
    raise InputError("sampling_rate", f"the file says no rate (variables: {have})", where=stem, fix=fix)


def _chosen(found: Sequence[Found], where: str, options: ReadOptions, notes: list[Note]) -> list[Found]:
    """The signals among what was found; what is left is named in a note. Raises `modality` where nobody can tell."""
    if options.channel is not None:
        check_channel([one.name for one in found], options, where)
        return [one for one in found if one.name == options.channel]
    found = [one for one in found if options.columns.get(one.name) != "ignore"]
    named = [one for one in found if one.own or one.name in options.columns or kind_of(one.name, one.unit) != "other"]
    lengths = {len(one.values) for one in named or found}
    if not named and len(lengths) > 1:
        have = ", ".join(f"{one.name} ({len(one.values)})" for one in found)
        raise InputError(
            "modality",
            f"no name says which variable is a signal, and they differ in length: {have}",
            where=where,
            fix="choose with --channel NAME",
        )
    taken = [one for one in found if len(one.values) in lengths]
    left = [one.name for one in found if len(one.values) not in lengths]
    if left:
        notes.append(Note("not_read", f"variables of other lengths were not read: {', '.join(left[:20])}", len(left)))
    return taken


def rate_of(name: str) -> str | None:
    """The part of a rate's name that says whose rate it is (empty: of all), or None for another name.

    >>> rate_of("Fs"), rate_of("fs_ppg"), rate_of("samplingRate"), rate_of("PPG")
    ('', 'ppg', '', None)
    """
    found = _RATE.fullmatch(_words(name))
    return (found["before"] or found["after"] or "") if found else None


def _words(name: str) -> str:
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", split.casefold()).strip("_")


def _walk(tree: Mapping[str, Any], prefix: str, rate: float | None, depth: int) -> Iterator[Found]:
    """Every numeric vector and row of a matrix, in file order, with the nearest rate above or beside it."""
    if depth > DEPTH:
        return
    rates = {
        hint: number
        for key, value in tree.items()
        if (hint := rate_of(key)) is not None and (number := _scalar(value)) is not None
    }
    rate = rates.get("", rate)
    unit = next((str(tree[key]) for key in _UNITS if isinstance(tree.get(key), str)), "")
    for key, value in tree.items():
        if rate_of(key) is not None or key in (*_NAMES, _TRUTH) or _TIME.fullmatch(_words(key)):
            continue
        inner = bool(prefix) and key in _VALUES
        name = prefix if inner else f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping):
            yield from _walk(value, name, rate, depth + 1)
        elif isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
            mine = next((number for hint, number in rates.items() if hint and hint in _words(name)), rate)
            for part, vector in _vectors(name, value, tree):
                yield Found(part, vector, mine, unit, own=inner and "" in rates)


def _vectors(name: str, values: NDArray[Any], beside: Mapping[str, Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """A vector as it is; a matrix by its shorter side, named by the list of names beside it or by numbers."""
    values = np.squeeze(values)
    if values.ndim == 1 and len(values) >= SHORTEST:
        yield name, values
    if values.ndim != 2 or min(values.shape) > CHANNELS or max(values.shape) < SHORTEST:
        return
    rows = values if values.shape[0] <= values.shape[1] else values.T
    names = next((n for k in _NAMES if isinstance(n := beside.get(k), list) and len(n) == len(rows)), None)
    for number, row in enumerate(rows):
        yield str(names[number]).strip() if names else f"{name}[{number + 1}]", row


def _scalar(value: Any) -> float | None:
    if isinstance(value, Mapping):
        value = value.get("v")
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "iuf":
        return float(value.reshape(-1)[0])
    return None


def _of_cup(tree: Mapping[str, Any]) -> list[Found]:
    """The rows of `sig` of the IEEE Signal Processing Cup: with an ECG (6 rows, training) or without (5, test)."""
    sig = tree.get("sig")
    if not isinstance(sig, np.ndarray) or sig.ndim != 2 or len(sig) not in (5, 6) or sig.dtype.kind not in "iuf":
        return []
    rate = next((r for key, value in tree.items() if rate_of(key) == "" and (r := _scalar(value)) is not None), None)
    return [Found(name, row, rate, "") for name, row in zip(_CUP_ROWS[6 - len(sig) :], sig, strict=True)]


def _heart_rates(tree: Mapping[str, Any]) -> list[Reference]:
    """`BPM0` of the IEEE Signal Processing Cup: one heart rate for each window of 8 s every 2 s, at its centre."""
    truth = tree.get(_TRUTH)
    if not isinstance(truth, np.ndarray) or truth.dtype.kind not in "iuf":
        return []
    return [
        Reference("heart_rate", float(bpm), "bpm", time=4.0 + 2.0 * i, window=i, method="ECG, windows of 8 s every 2 s")
        for i, bpm in enumerate(np.ravel(truth))
        if np.isfinite(bpm)
    ]


def _texts(tree: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Names of the texts of a file: none is read, for it may name a person."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _texts(value, f"{prefix}{key}.")
        elif isinstance(value, str) and key not in _UNITS:
            yield f"{prefix}{key}"


def _listed(tree: Mapping[str, Any]) -> str:
    names = [f"{key} {getattr(value, 'shape', '')}".strip() for key, value in tree.items()]
    return ", ".join(names[:20]) or "nothing"
