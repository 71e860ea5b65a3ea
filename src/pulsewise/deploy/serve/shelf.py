"""The models a server was started with, by name; no other is ever loaded, and no name becomes part of a path."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulsewise.core.errors import PulsewiseError, UsageError
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.card import WARNING

NAME = "^[a-z0-9][a-z0-9_-]{0,63}$"


@dataclass(frozen=True)
class Model:
    """A model that is served."""

    name: str
    folder: Path
    bundle: Bundle

    @property
    def runs_on(self) -> str:
        """What computes its answers."""
        if self.bundle.graph is not None:
            return self.bundle.graph.name
        return "torch" if self.bundle.needs_torch else "numpy"

    def about(self) -> dict[str, Any]:
        """One line of the list of models."""
        f = self.bundle.facts
        return {
            "name": self.name,
            "title": f.name,
            "fingerprint": self.bundle.fingerprint,
            "quantities": [{"quantity": t.quantity, "unit": t.unit} for t in f.task.targets],
            "input": {
                "channels": list(f.channels),
                "signals": list(f.signals),
                "rate_hz": f.rate,
                "window_s": f.length / f.rate,
            },
            "runs_on": self.runs_on,
            "trained": f.trained,
            "synthetic": f.synthetic,
            "leaky": f.leaky,
            "stamp": f.stamp,
        }

    def card(self) -> dict[str, Any]:
        """Everything it says of itself: card, intended use, hashes of its files."""
        f = self.bundle.facts
        readme = self.folder / "README.md"
        text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
        asked = ", ".join(f"{t.quantity} ({t.unit})" if t.unit else t.quantity for t in f.task.targets)
        use = f"Estimates {asked} from windows of {f.length / f.rate:g} s of {', '.join(f.channels)}. {WARNING}"
        files = {name: {"sha256": file.sha256, "bytes": file.bytes} for name, file in f.files.items()}
        return {**self.about(), "intended_use": use, "card": text, "files": files, "info": self.bundle.info()}


def load(folders: Sequence[Path]) -> dict[str, Model]:
    """The models in some folders (bundles, or runs that hold one) by name; raises what loading a bundle raises.

    A name is made of the model's own, or of its folder's where two have the same.
    """
    found: dict[str, Model] = {}
    for given in folders:
        inside = given / "bundle"
        folder = inside if (inside / "bundle.json").is_file() else given
        try:
            bundle = Bundle.load(folder)
        except PulsewiseError as error:
            raise type(error)(error.code, error.what, where=error.where or given.name, fix=error.fix) from error
        names = (slug(bundle.facts.name), slug(given.name), *(f"{slug(given.name)}-{n}" for n in range(2, 1000)))
        name = next(name for name in names if name not in found)
        found[name] = Model(name, folder.resolve(), bundle)
    return found


def slug(text: str) -> str:
    """A name as it stands in addresses.

    >>> slug("Glucose ResNet34"), slug("../x"), slug("")
    ('glucose-resnet34', 'x', 'model')
    """
    return re.sub(r"[^a-z0-9_-]+", "-", text.casefold()).strip("-_")[:60] or "model"


def of(models: dict[str, Model], name: str) -> Model:
    """The model of a name; `unknown_name`."""
    if name not in models:
        raise UsageError("unknown_name", "no such model is served", fix="see /api/models")
    return models[name]
