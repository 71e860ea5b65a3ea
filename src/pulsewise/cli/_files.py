"""What commands over many files share: where the bundle is, and how they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pulsewise.core.errors import InputError, NoSignalError, PulsewiseError
from pulsewise.core.estimate import REASONS


def bundle_folder(given: Path) -> Path:
    """A bundle's folder, from that folder or from the run folder it is in."""
    inside = given / "bundle"
    return inside if (inside / "bundle.json").is_file() else given


def finish(outcomes: Sequence[Mapping[str, Any]], reasons: Iterable[str]) -> None:
    """Raise where some file could not be read (its own status), or nothing was said of any (exit 4, with reasons)."""
    from pulsewise.cli import _show

    if not outcomes:
        raise InputError("empty_recording", "no recording was found", fix="name files, or a folder that holds some")
    bad = [outcome for outcome in outcomes if outcome["status"] == "error"]
    if len(outcomes) == 1 and bad:
        error = bad[0]["error"]
        raise PulsewiseError(error["code"], error["what"], where=error["where"] or bad[0]["file"], fix=error["fix"])
    if bad:
        names = ", ".join(outcome["file"] for outcome in bad[:3]) + (", …" if len(bad) > 3 else "")
        raise PulsewiseError(
            bad[-1]["error"]["code"], f"{len(bad)} of {len(outcomes)} files could not be used", where=names
        )
    if not any(outcome["status"] == "ok" for outcome in outcomes):
        counted = Counter(reasons)
        told = "; ".join(dict.fromkeys(REASONS.get(code, code) for code, _ in counted.most_common(2)))
        raise NoSignalError("no_usable_signal", "nothing could be estimated", where=_show.reasons(counted), fix=told)
