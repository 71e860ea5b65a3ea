"""A folder that keeps sessions over a restart: SQLite for what is small, one file per recording for its samples.

Only the SHA-256 of a session's id and of its token is written: who can read the folder can read recordings, but not
become a session. The database carries the version of its form; one of an older form is brought to the newest when it is
opened, step by step, in one transaction each.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pulsewise.core.disk import lock, write_atomic
from pulsewise.core.errors import ArtifactError, InputError
from pulsewise.core.recording import Recording, Reference, from_parts, to_parts
from pulsewise.core.windows import Windows
from pulsewise.deploy.serve.parts import parts
from pulsewise.deploy.serve.reading import Read
from pulsewise.deploy.serve.sessions import KEEP_S, Correction, Report, Session, Stored
from pulsewise.signals.edits import Edit

FILE = "sessions.db"

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE sessions (key TEXT PRIMARY KEY, scopes TEXT NOT NULL, seen REAL NOT NULL);
    CREATE TABLE recordings (id TEXT PRIMARY KEY, session TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
                             place INTEGER NOT NULL, about TEXT NOT NULL, state TEXT NOT NULL);
    CREATE TABLE reports (id TEXT PRIMARY KEY, session TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
                          place INTEGER NOT NULL, result TEXT NOT NULL, html BLOB NOT NULL, rows BLOB NOT NULL);
    """,
    """
    ALTER TABLE reports ADD COLUMN figures BLOB NOT NULL DEFAULT x'';
    CREATE TABLE keys (session TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE, key TEXT NOT NULL,
                       asked TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (session, key));
    CREATE INDEX recordings_of ON recordings (session);
    CREATE INDEX reports_of ON reports (session);
    """,
    "ALTER TABLE sessions ADD COLUMN holder TEXT NOT NULL DEFAULT '';",
)
"""What leads from each version of the form to the next."""


class Workspace:
    """The sessions in a folder, which is held by one server at a time.

    Raises `output_locked` where another server holds it, `artifact_version` for one written by a newer program,
    `artifact_invalid` for a damaged one and `disk`.
    """

    def __init__(self, folder: Path) -> None:
        self._held = ExitStack()
        self._held.enter_context(lock(folder))
        self._folder, self._arrays = folder, folder / "arrays"
        self._arrays.mkdir(exist_ok=True)
        self._turn = threading.Lock()
        self._base = sqlite3.connect(folder / FILE, check_same_thread=False, isolation_level=None)
        try:
            self._base.execute("PRAGMA foreign_keys = ON")
            self._base.execute("PRAGMA secure_delete = ON")
            self._base.execute("PRAGMA journal_mode = WAL")
            migrate(self._base)
        except sqlite3.DatabaseError as error:
            self.close()
            raise ArtifactError("artifact_invalid", f"{FILE} is no database of sessions", where=FILE) from error
        except ArtifactError:
            self.close()
            raise
        self._old()

    def close(self) -> None:
        """Give the folder free."""
        with self._turn:
            self._base.close()
        self._held.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            try:
                self._base.execute("BEGIN IMMEDIATE")
                yield self._base
                self._base.execute("COMMIT")
            except sqlite3.Error as error:
                self._back()
                raise InputError("disk", "the workspace could not be written", fix="free space on its disk") from error
            except BaseException:
                self._back()
                raise

    def _back(self) -> None:
        if self._base.in_transaction:
            self._base.execute("ROLLBACK")

    def save(self, session: Session) -> None:
        """Write a session as it is now; samples are written once."""
        for stored in session.recordings.values():
            self._write(stored)
        with self._transaction() as base:
            base.execute(
                "INSERT INTO sessions (key, scopes, holder, seen) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET seen = excluded.seen",
                (session.key, ",".join(sorted(session.scopes)), session.holder, time.time()),
            )
            gone = self._ids(session.key) - set(session.recordings)
            base.executemany("DELETE FROM recordings WHERE id = ?", [(one,) for one in gone])
            base.executemany(
                "INSERT INTO recordings VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state",
                [
                    (one.id, session.key, place, _about(one), _state(one))
                    for place, one in enumerate(session.recordings.values())
                ],
            )
            base.executemany(
                "INSERT OR IGNORE INTO reports (id, session, place, result, html, rows, figures)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (r.id, session.key, place, json.dumps(r.result), r.html, r.rows, r.figures)
                    for place, r in enumerate(session.reports.values())
                ],
            )
            kept = [(session.key, key, asked, json.dumps(answer)) for key, (asked, answer) in session.keys.items()]
            base.executemany("INSERT OR IGNORE INTO keys VALUES (?, ?, ?, ?)", kept)
        for one in gone:
            self._path(one).unlink(missing_ok=True)

    def load(self, key: str) -> Session | None:
        """A session by its key; None where there is none. What is damaged in it is left out."""
        with self._turn:
            found = self._base.execute("SELECT scopes, holder FROM sessions WHERE key = ?", (key,)).fetchone()
            if found is None:
                return None
            recordings = self._base.execute(
                "SELECT id, about, state FROM recordings WHERE session = ? ORDER BY place", (key,)
            ).fetchall()
            reports = self._base.execute(
                "SELECT id, html, result, rows, figures FROM reports WHERE session = ? ORDER BY place", (key,)
            ).fetchall()
            keys = self._base.execute("SELECT key, asked, answer FROM keys WHERE session = ?", (key,)).fetchall()
        session = Session(key, frozenset(found[0].split(",")), found[1])
        for id, about, state in recordings:
            if (stored := self._read(id, json.loads(about), json.loads(state))) is not None:
                session.recordings[id] = stored
        session.reports = {r[0]: Report(r[0], r[1], json.loads(r[2]), r[3], r[4]) for r in reports}
        session.keys = {key: (asked, json.loads(answer)) for key, asked, answer in keys}
        return session

    def end(self, key: str) -> None:
        """Delete a session and everything in it."""
        with self._transaction() as base:
            gone = self._ids(key)
            base.execute("DELETE FROM sessions WHERE key = ?", (key,))
        for one in gone:
            self._path(one).unlink(missing_ok=True)

    def _ids(self, key: str) -> set[str]:
        return {row[0] for row in self._base.execute("SELECT id FROM recordings WHERE session = ?", (key,))}

    def _old(self) -> None:
        rows = self._base.execute("SELECT key FROM sessions WHERE seen < ?", (time.time() - KEEP_S,)).fetchall()
        for (key,) in rows:
            self.end(key)
        known = {row[0] for row in self._base.execute("SELECT id FROM recordings")}
        for path in self._arrays.glob("*.npz"):
            if path.stem not in known:
                path.unlink(missing_ok=True)

    # -- recordings ----------------------------------------------------------------------------------------------

    def _path(self, id: str) -> Path:
        return self._arrays / f"{id}.npz"

    def _write(self, stored: Stored) -> None:
        path = self._path(stored.id)
        if path.exists():
            return
        part = stored.read.part
        _, arrays = to_parts(part) if isinstance(part, Recording) else parts(part)
        named = {f"a{i}": array for i, array in enumerate(arrays)}

        def fill(temporary: Path) -> None:
            with temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **named)

        write_atomic(path, fill)

    def _read(self, id: str, about: dict[str, Any], state: dict[str, Any]) -> Stored | None:
        try:
            with np.load(self._path(id), allow_pickle=False) as file:
                arrays = [file[f"a{i}"] for i in range(len(file.files))]
            part = _part(about, arrays)
        except (OSError, ValueError, KeyError, EOFError, InputError):
            return None
        read = Read(part, about["name"], about["format"], about["why"], about["score"])
        corrections = [Correction(**{**c, "edits": tuple(Edit(**e) for e in c["edits"])}) for c in state["corrections"]]
        return Stored(id, read, corrections, [Reference(**r) for r in state["references"]])


def _about(stored: Stored) -> str:
    part, read = stored.read.part, stored.read
    plain = {"head": to_parts(part)[0]} if isinstance(part, Recording) else parts(part)[0]
    return json.dumps({**plain, "name": read.name, "format": read.format, "why": read.why, "score": read.score})


def _state(stored: Stored) -> str:
    references = [asdict(r) for r in stored.references]
    return json.dumps({"corrections": [asdict(c) for c in stored.corrections], "references": references})


def _part(about: dict[str, Any], arrays: list[Any]) -> Recording | Windows:
    if "columns" not in about:
        return from_parts(about["head"], arrays)
    head = about["head"]
    columns = {n: np.asarray(c, dtype=str) if isinstance(c, list) else arrays[c] for n, c in about["columns"].items()}
    return Windows(arrays[0], head["rate"], tuple(head["channels"]), columns, head["synthetic"])


def migrate(base: sqlite3.Connection, to: int = len(MIGRATIONS)) -> None:
    """Bring a database to a version of its form; `artifact_version` where it is of a newer one."""
    version = int(base.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        what = f"the workspace has version {version}, this program knows up to {len(MIGRATIONS)}"
        raise ArtifactError("artifact_version", what, where=FILE, fix="pip install --upgrade pulsewise")
    for number in range(version, to):
        base.executescript(f"BEGIN IMMEDIATE;{MIGRATIONS[number]};PRAGMA user_version = {number + 1};COMMIT;")
