"""Whom a personal bundle is for, without saying who that is."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.learn.facts import Personal


def token(source: str, person: str) -> str:
    """What a personal bundle knows its person by: ten hex digits that say nothing of the name; "" for nobody."""
    return hashlib.sha256(f"{source}\0{person}".encode()).hexdigest()[:10] if person else ""


def of_somebody_else(personal: Personal, people: NDArray[Any]) -> NDArray[np.bool_]:
    """Which windows are of a person that is known and is not the one a bundle was personalised for: (N,)."""
    names = np.asarray(people).astype(str)
    if not personal.token:
        return np.zeros(len(names), bool)
    known = {name: token(personal.source, name) for name in np.unique(names).tolist()}
    return np.array([bool(name) and known[name] != personal.token for name in names.tolist()], bool)
