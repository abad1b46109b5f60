"""The sandbox's state on disk: what differs from the data of the seed, and the calls. One SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

VERSION = 1
_CALL_COLUMNS = ("at", "request_id", "method", "path", "operation", "customer_id", "status", "applied", "fault")
_SCHEMA = """
CREATE TABLE sandbox (version INTEGER NOT NULL, customers INTEGER NOT NULL, seed INTEGER NOT NULL, anchor TEXT NOT NULL);
CREATE TABLE customers (position INTEGER PRIMARY KEY, record TEXT NOT NULL, users TEXT);
CREATE TABLE calls (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, request_id TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    operation TEXT NOT NULL, customer_id TEXT NOT NULL, status, applied INTEGER NOT NULL, fault TEXT NOT NULL
);
"""


class StateError(Exception):
    """The state file can't be used: the message says which and why."""


def _make_private(path: Path) -> None:
    """Make the file, or see to it that it is for its owner only; SQLite gives the files that it makes beside it the same mode.

    Raises OSError for whatever is no file: a folder or a device named by mistake keeps its mode.
    """
    if path.exists() and not path.is_file():
        raise OSError("it is no file")
    path.touch(0o600)
    path.chmod(0o600)


def is_held(path: Path) -> bool:
    """Whether a process has this state file open: then no other can use it."""
    if not path.is_file():
        return False
    db = sqlite3.connect(path, isolation_level=None, timeout=0.0)
    try:
        db.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as exc:
        return "locked" in str(exc)
    except sqlite3.Error:
        return False
    finally:
        db.close()
    return False


class StateFile:
    """An open state file, held by one process at a time. What `write` was given is safe when the process is killed.

    The anchor of an existing file wins over the one given, so that its data stays as it was first made.
    """

    def __init__(self, path: Path, customers: int, seed: int, anchor: date) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make_private(path)
            # One thread at a time: the server's loop, and whoever opens and closes the server.
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.5)
        except (OSError, sqlite3.Error) as exc:
            raise StateError(f"{path} can't be used as the sandbox's state: {exc}. Choose another file.") from exc
        try:
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")  # two sandboxes on one file would undo each other's changes
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")  # safe when the process dies; only a power cut loses the last calls
            self.anchor = self._open(path, customers, seed, anchor)
        except StateError:
            self._db.close()
            raise
        except sqlite3.Error as exc:
            self._db.close()
            why = "another process is using it" if "locked" in str(exc) else exc
            raise StateError(f"{path} can't be used as the sandbox's state: {why}. Choose another file.") from exc

    def write(self, records: Iterable[tuple[int, bytes, list[str] | None]], calls: Iterable[Mapping[str, Any]]) -> None:
        """Customers that differ from the seed's data, and calls: all of them in one transaction."""
        customers = [(at, record.decode(), None if users is None else json.dumps(users)) for at, record, users in records]
        self._db.execute("BEGIN")
        try:
            self._db.executemany("INSERT OR REPLACE INTO customers VALUES (?, ?, ?)", customers)
            self._db.executemany(
                "INSERT INTO calls (at, request_id, method, path, operation, customer_id, status, applied, fault)"
                " VALUES (:at, :request_id, :method, :path, :operation, :customer_id, :status, :applied, :fault)",
                calls,
            )
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def records(self) -> Iterator[tuple[int, bytes, list[str] | None]]:
        """All customers that differ, by position."""
        for position, record, users in self._db.execute("SELECT position, record, users FROM customers ORDER BY position"):
            yield position, record.encode(), None if users is None else json.loads(users)

    def calls(self, last: int) -> list[dict[str, Any]]:
        """The last calls, oldest first; older ones are forgotten."""
        self._db.execute("DELETE FROM calls WHERE number <= (SELECT max(number) FROM calls) - ?", (last,))
        rows = self._db.execute(
            "SELECT at, request_id, method, path, operation, customer_id, status, applied, fault FROM calls ORDER BY number"
        )
        return [{**dict(zip(_CALL_COLUMNS, row, strict=True)), "applied": bool(row[7])} for row in rows]

    def close(self) -> None:
        self._db.close()

    def _open(self, path: Path, customers: int, seed: int, anchor: date) -> date:
        if not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        row = self._db.execute("SELECT version, customers, seed, anchor FROM sandbox").fetchone()
        if row is None:
            self._db.execute("INSERT INTO sandbox VALUES (?, ?, ?, ?)", (VERSION, customers, seed, anchor.isoformat()))
            return anchor
        if row[0] != VERSION:
            raise StateError(
                f"{path} was written by another version of the sandbox ({row[0]}; this is {VERSION}). Choose another file."
            )
        if row[1:3] != (customers, seed):
            raise StateError(
                f"{path} holds {row[1]:,} customers of seed {row[2]}, not {customers:,} of seed {seed}."
                " Choose another file, or the same numbers."
            )
        return date.fromisoformat(row[3])
