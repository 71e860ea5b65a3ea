"""A published encoder: what pre-training leaves, and what a training on labels may start from.

::

    encoder.safetensors   its weights, without a head, in 32 or 16 bits
    checkpoint.json       model, windows, scaling, method, people, what it came to, hashes
    README.md             the model card
    NOTICE                licences of the recordings, where they ask for it

`load` takes a folder, or the name of one that comes with the package. It executes no code and needs no torch.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise import __version__
from pulsewise.core import config, registry
from pulsewise.core.disk import sha256, write_set
from pulsewise.core.errors import ArtifactError, InputError, PulsewiseError
from pulsewise.core.limits import check_rate
from pulsewise.learn import weights
from pulsewise.learn.facts import File
from pulsewise.learn.recipe import Choice

SCHEMA = 1
"""Version of checkpoint.json this program writes; it reads this one and older ones."""
JSON_BYTES = 2**20
WEIGHTS, FACTS, CARD, NOTICE = "encoder.safetensors", "checkpoint.json", "README.md", "NOTICE"
SHIPPED = Path(__file__).with_name("checkpoints")
WARNING = "Research use. Not a medical device. An encoder alone answers nothing: it is trained further on labels."


@dataclass(frozen=True)
class Told:
    """What an encoder learnt from, and what came of it.

    `people` are digits that tell whether a person was among those it learnt from without naming anybody; `spread` is
    that of the embedding at the end (1 healthy, 0 collapsed).
    """

    recipe: str = ""
    data: str = ""
    method: str = ""
    views: str = ""
    seed: int = 0
    pairs: int = 0
    windows: int = 0
    people: tuple[str, ...] = ()
    epochs: int = 0
    steps: int = 0
    loss: float = 0.0
    spread: float = 0.0
    table: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """The content of checkpoint.json. `input_mean` and `input_sd` are the scaling of the windows it saw."""

    name: str
    model: str
    config: dict[str, Any]
    rate: float
    length: int
    channels: tuple[str, ...]
    condition: dict[str, Any]
    window: dict[str, Any]
    input_mean: tuple[float, ...]
    input_sd: tuple[float, ...]
    schema_version: int = SCHEMA
    pulsewise: str = __version__
    synthetic: bool = False
    told: Told = field(default_factory=Told)
    sources: tuple[str, ...] = ()
    files: dict[str, File] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_rate(self.rate)
        if self.length < 1 or not len(self.channels) == len(self.input_mean) == len(self.input_sd) > 0:
            raise ValueError("an encoder has 1 or more channels and samples per window, each channel with its scale")
        if not (np.isfinite([*self.input_mean, *self.input_sd]).all() and min(self.input_sd) > 0):
            raise ValueError("means are finite and standard deviations above 0")


@dataclass(frozen=True)
class Pretrained:
    """An encoder with everything that is needed to train it further.

    Parameters
    ----------
    facts : Facts
    arrays : mapping of str to ndarray
        Its weights in float32, by their names in the model; none of its head.
    """

    facts: Facts
    arrays: Mapping[str, NDArray[Any]]

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits of weights and facts together."""
        digest = hashlib.sha256()
        for name in sorted(self.arrays):
            digest.update(name.encode() + np.ascontiguousarray(self.arrays[name]).tobytes())
        digest.update(config.fingerprint(replace(self.facts, files={})).encode())
        return digest.hexdigest()[:16]

    def save(self, folder: Path, *, half: bool = False, notice: str = "") -> Pretrained:
        """Write the folder, whole or not at all; `half` stores floating weights in 16 bits. Raises `disk`.

        Gives back what `load` will read.
        """
        kept = {name: _half(array) if half else np.asarray(array) for name, array in self.arrays.items()}
        folder.mkdir(parents=True, exist_ok=True)
        path = weights.write(folder / WEIGHTS, kept)
        file = File(sha256(path), path.stat().st_size)
        facts = replace(self.facts, files={WEIGHTS: file})
        text = json.dumps(config.to_table(facts), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        made = {folder / NOTICE: notice.encode()} if notice else {}
        write_set({**made, folder / CARD: card(facts, notice).encode(), folder / FACTS: text.encode()})
        return load(folder)


def _half(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind != "f":
        return np.asarray(array)
    with np.errstate(over="ignore"):
        made = array.astype(np.float16)
    if not np.isfinite(made).all():
        raise ArtifactError("artifact_invalid", "a weight does not fit into 16 bits", fix="set pretrain.half = false")
    return made


def shipped() -> tuple[str, ...]:
    """Names of the encoders that come with the package."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob(f"*/{FACTS}")))


def load(where: str | Path) -> Pretrained:
    """The encoder in a folder, or one that comes with the package by its name.

    Raises `not_found` where there is none, `artifact_version` for one of a newer program, and `artifact_invalid` for
    anything that is not exactly what this program writes.
    """
    folder = Path(where)
    if not (folder / FACTS).is_file():
        if str(where) not in shipped():
            near = difflib.get_close_matches(str(where), shipped(), n=1)
            fix = f"did you mean {near[0]!r}?" if near else f"name a folder with {FACTS}, or {', '.join(shipped())}"
            raise InputError("not_found", f"no pre-trained encoder {folder.name!r}", fix=fix)
        folder = SHIPPED / str(where)
    facts = _facts(folder / FACTS)
    told = facts.files.get(WEIGHTS)
    path = folder / WEIGHTS
    if set(facts.files) != {WEIGHTS} or told is None or not path.is_file():
        raise _invalid(f"it names other files than {WEIGHTS}, or that is missing")
    if path.stat().st_size != told.bytes or sha256(path) != told.sha256:
        raise _invalid(f"{WEIGHTS} is not the file it was saved with")
    arrays = {name: a.astype(np.float32) if a.dtype.kind == "f" else a for name, a in weights.read(path).items()}
    return Pretrained(facts, arrays)


def _facts(path: Path) -> Facts:
    try:
        if path.stat().st_size > JSON_BYTES:
            raise _invalid("it is too large")
        table = json.loads(path.read_text(encoding="utf-8"))
        schema = table["schema_version"]
        newer = schema > SCHEMA
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise _invalid("it is not JSON with a schema_version") from None
    if newer:
        what = f"the encoder has schema {schema}; pulsewise {__version__} reads up to schema {SCHEMA}"
        raise ArtifactError("artifact_version", what, fix="pip install --upgrade pulsewise")
    try:
        return config.fill(Facts, table)
    except (PulsewiseError, ValueError, TypeError, OverflowError) as error:
        raise _invalid(error.what if isinstance(error, PulsewiseError) else str(error)) from error


def _invalid(what: str) -> ArtifactError:
    return ArtifactError("artifact_invalid", f"not a pre-trained encoder: {what}", fix="take it from its source again")


def mark(person: str, source: str) -> str:
    """Twelve hex digits of a person of a dataset.

    >>> mark("S01", "stress_predict") == mark("S01", "marsh")
    False
    """
    return hashlib.sha256(f"{source}\n{person}".encode()).hexdigest()[:12]


def marks(people: Sequence[str], dataset: Choice) -> tuple[str, ...]:
    """`mark` of every person of a recipe's dataset, once and sorted; of `PART/PERSON` of several, in that part.

    Simulated people of another seed are other people, whatever their number.
    """
    module = registry.load("datasets", dataset.name)
    if not hasattr(module, "modules"):
        source = _source(dataset.name, config.to_table(dataset.config))
        return tuple(sorted({mark(str(person), source) for person in people}))
    parts = zip(module.modules(dataset.config), dataset.config.parts, strict=True)
    sources = {part: _source(table["name"], table) for part, table in parts}
    split = [str(person).partition("/") for person in people]
    return tuple(sorted({mark(who, sources.get(part, part)) for part, _, who in split}))


def _source(name: str, options: Mapping[str, Any]) -> str:
    return f"{name} {options.get('seed', 0)}" if name == "simulated" else name


def card(facts: Facts, notice: str = "") -> str:
    """The text of README.md; every number in it is one of checkpoint.json."""
    t = facts.told
    of = "simulated people" if facts.synthetic and not facts.sources else "people"
    lines = ["---", "library_name: pulsewise", "tags:", "- biosignals", "- self-supervised"]
    lines += [f"- {json.dumps(c)}" for c in facts.channels] + ["- synthetic"] * facts.synthetic + ["---", ""]
    lines += [f"# {facts.name}", "", WARNING, "", "## Use", "", "```"]
    lines += ["pulsewise train RECIPE --from THIS_FOLDER [--freeze | --adapters RANK]", "```", ""]
    lines += [
        f"Windows of {facts.length / facts.rate:g} s of {', '.join(facts.channels)} at {facts.rate:g} Hz, "
        f"`{facts.window.get('normalise', '')}`; another length is taken, another rate is not.",
        "",
        "## Pre-training",
        "",
        f"`{t.method}` on pairs by `{t.views}`: {t.pairs} pairs in the last epoch, from {t.windows} windows of "
        f"{len(t.people)} {of}; {t.epochs} epochs, {t.steps} steps; loss {t.loss:.4f}, spread of the embedding "
        f"{t.spread:.2f} (1 healthy, 0 collapsed).",
        f"Recipe `{t.recipe}`, data `{t.data}`, seed {t.seed}, pulsewise {facts.pulsewise}.",
        "",
    ]
    if facts.sources:
        lines += ["Recordings:", "", *[f"- {source}" for source in facts.sources], ""]
    if notice:
        lines += ["Licences of the recordings: see NOTICE.", ""]
    lines += ["## Model", "", f"`{facts.model}`: {json.dumps(facts.config, sort_keys=True)}", ""]
    return "\n".join(lines)
