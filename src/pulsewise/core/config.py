"""Recipes: frozen dataclasses filled from TOML, strict about unknown keys and wrong types.

A dataclass is the schema: its fields, their types and defaults. Nothing is accepted that is not there. A field whose
name would be a word of Python ends with an underscore, and its key does not: `from_` is `from = …`.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pulsewise.core.errors import UsageError

T = TypeVar("T")


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file; `config` with line and column where it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            "not_found", f"no recipe {path.name!r}", fix="pulsewise list recipes shows what is there"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError("config", f"{path.name} is not TOML: {error}") from error


def override(table: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """A copy of the table with `a.b=value` settings applied; values are TOML, bare words are strings.

    >>> override({"train": {"lr": 0.1}}, ["train.lr=3e-4", "model.name=resnet"])
    {'train': {'lr': 0.0003}, 'model': {'name': 'resnet'}}
    """
    result: dict[str, Any] = json.loads(json.dumps(table, default=str)) if table else {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError("config", f"--set wants key=value, {setting!r} came", fix="e.g. --set train.lr=3e-4")
        try:
            value = tomllib.loads(f"v = {text}")["v"]
        except tomllib.TOMLDecodeError:
            value = text
        *parents, last = key.strip().split(".")
        node = result
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise UsageError("config", f"{parent!r} is not a table", where=setting)
        node[last] = value
    return result


def fill(cls: type[T], table: Mapping[str, Any], *, where: str = "") -> T:
    """An instance of dataclass `cls` from a table; raises `config` for unknown keys, wrong types, missing fields.

    Integers are taken for floats, lists for tuples, tables for nested dataclasses. Nothing else is converted.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Train:
    ...     lr: float = 1e-3
    >>> fill(Train, {"lr": 1})
    Train(lr=1.0)
    >>> fill(Train, {"rl": 1})
    Traceback (most recent call last):
    ...
    pulsewise.core.errors.UsageError: unknown key 'rl' (rl); did you mean 'lr'? [config]
    """
    hints = _hints(cls)  # type: ignore[arg-type]  # a class can be hashed
    fields = {f.name.rstrip("_"): f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]  # cls is a dataclass
    values: dict[str, Any] = {}
    for key, value in table.items():
        at = f"{where}.{key}" if where else key
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
            fix = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(fields) or 'none'}"
            raise UsageError("config", f"unknown key {key!r}", where=at, fix=fix)
        values[key] = _convert(hints[key], value, at)
    for name, f in fields.items():
        if name not in values and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise UsageError("config", f"{name!r} is missing", where=where or cls.__name__)
    try:
        return cls(**{fields[key].name: value for key, value in values.items()})
    except ValueError as error:  # a dataclass may check its own values
        raise UsageError("config", str(error), where=where) from error


@lru_cache(maxsize=256)
def _hints(cls: type) -> dict[str, Any]:
    """The type of each key of a dataclass."""
    return {name.rstrip("_"): hint for name, hint in typing.get_type_hints(cls).items()}


def _convert(hint: Any, value: Any, at: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        return _convert_union(arguments, value, at)
    if origin is typing.Literal:
        if value in arguments:
            return value
        near = difflib.get_close_matches(str(value), [str(a) for a in arguments], n=1)
        hint_text = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(map(repr, arguments))}"
        raise UsageError("config", f"{value!r} is not allowed", where=at, fix=hint_text)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, Mapping):
            return fill(hint, value, where=at)
        if isinstance(value, hint):
            return value
    elif origin is tuple and isinstance(value, list | tuple):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_convert(arguments[0], v, f"{at}[{i}]") for i, v in enumerate(value))
        if len(value) == len(arguments):
            return tuple(_convert(a, v, f"{at}[{i}]") for i, (a, v) in enumerate(zip(arguments, value, strict=True)))
    elif origin in (dict, Mapping) or str(origin) == "<class 'collections.abc.Mapping'>":
        if isinstance(value, Mapping):
            return {str(k): _convert(arguments[1], v, f"{at}.{k}") for k, v in value.items()}
    elif hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    wanted = getattr(hint, "__name__", None) if origin is None else str(hint)
    raise UsageError("config", f"{wanted or hint} is needed, {value!r} ({type(value).__name__}) came", where=at)


def _convert_union(arguments: tuple[Any, ...], value: Any, at: str) -> Any:
    if value is None and type(None) in arguments:
        return None
    problem: UsageError | None = None
    for argument in arguments:
        if argument is type(None):
            continue
        try:
            return _convert(argument, value, at)
        except UsageError as error:
            problem = error
    raise problem or UsageError("config", f"{value!r} is not allowed", where=at)


def to_table(config: Any) -> Any:
    """A dataclass as nested tables of plain values; fields that are None are left out (TOML has no null)."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {
            f.name.rstrip("_"): to_table(getattr(config, f.name))
            for f in dataclasses.fields(config)
            if getattr(config, f.name) is not None
        }
    if isinstance(config, Mapping):
        return {str(k): to_table(v) for k, v in config.items() if v is not None}
    if isinstance(config, list | tuple):
        return [to_table(v) for v in config]
    if isinstance(config, Path):
        return config.as_posix()
    return config


def fingerprint(config: Any) -> str:
    """Sixteen hex digits that change whenever any value of the config does.

    >>> fingerprint({"a": 1}) == fingerprint({"a": 1.0})
    False
    """
    text = json.dumps(to_table(config), sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_toml(table: Mapping[str, Any], *, prefix: str = "") -> str:
    """The table as TOML text, plain values first, then sub-tables.

    >>> print(write_toml({"seed": 7, "train": {"lr": 0.001}}))
    seed = 7
    <BLANKLINE>
    [train]
    lr = 0.001
    <BLANKLINE>
    """
    lines, below = [], []
    for key, value in table.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping):
            below.append(f"\n[{name}]\n{write_toml(value, prefix=name)}")
        elif isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
            below.extend(f"\n[[{name}]]\n{write_toml(v, prefix=name)}" for v in value)
        else:
            lines.append(f"{key} = {_toml_value(value)}\n")
    return "".join(lines) + "".join(below)


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(v) for v in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)
