"""The journal's transactions, each with the log entries that belong to it.

A writer first takes the row that says where the log ends (SQLite: the whole file), so writers follow each other, on
several servers too: what a transaction reads stays as it is until it commits, and no two can deadlock.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from lib.errors import IllegalTransition, RunNotFound
from lib.runs.chain import Entry, digest
from lib.runs.journal_reads import JournalReads
from lib.runs.journal_tables import log, log_contexts, log_head, runs
from lib.runs.model import Person, RunState, StepState
from lib.runs.plan import canonical_json

#: Who writes what nobody asked for.
ITSELF = Person("Express Ops", "by itself")

#: How a name is known that comes without saying so.
_FROM_THE_PLAN = "as the plan names them"
_HEAD = select(log_head.c.seq, log_head.c.hash).with_for_update()
_MOVE_HEAD = update(log_head)
_ADD_ENTRY = insert(log)
_CONTEXT = ("action", "base_url", "connection_label", "fingerprint", "plan_hash", "reason", "ticket")
_FACTS = select(*(runs.c[name] for name in _CONTEXT))


class Writing:
    """A transaction under way: its connection, and the entries that go to the end of the log when it commits."""

    def __init__(self, db: Connection, journal: JournalLog) -> None:
        self.db = db
        self._journal = journal
        self._seq, self._hash = db.execute(_HEAD).one()
        self._entries: list[dict[str, Any]] = []
        self._contexts: dict[str, str] = {}

    def log(
        self, run_id: str, event: str, *, who: str, now: datetime, payload: Mapping[str, Any], customer_id: str | None = None
    ) -> None:
        """Append an entry. Parts of `payload` that are None are left out."""
        told = canonical_json({name: value for name, value in payload.items() if value is not None})
        context = self._journal.context(self.db, run_id, who)
        self._seq += 1
        entry = Entry(self._seq, run_id, now.astimezone(UTC), event, customer_id, str(who), told, self._hash, context=context)
        self._hash = entry.computed()
        row = vars(entry) | {"hash": self._hash, "context_id": digest(context)}
        self._contexts[row["context_id"]] = row.pop("context")
        self._entries.append(row)

    def finish(self) -> None:
        """Write the entries and where the log ends now."""
        if not self._entries:
            return
        for context_id, body in self._contexts.items():
            if context_id not in self._journal.known_contexts:
                here = self.db.execute(select(log_contexts.c.id).where(log_contexts.c.id == context_id)).scalar()
                if here is None:
                    self.db.execute(insert(log_contexts).values(id=context_id, body=body))
        self.db.execute(_ADD_ENTRY, self._entries)
        self.db.execute(_MOVE_HEAD, {"seq": self._seq, "hash": self._hash})

    def committed(self) -> None:
        """The contexts of this transaction are in the database for good."""
        self._journal.known_contexts.update(self._contexts)


class JournalLog(JournalReads):
    """The journal's transactions and its log."""

    def __init__(self, where: str | Path, *, version: str = "", patience: float = 10.0) -> None:
        super().__init__(where, version=version, patience=patience)
        # Threads of this process queue here, in order; SQLite's own waiting between processes polls and is unfair.
        self._writing = threading.Lock()
        self._host = socket.gethostname()
        self._facts: dict[str, dict[str, Any]] = {}  # a run's own facts never change
        self._said: dict[tuple[str, str], str] = {}
        self.known_contexts: set[str] = set()

    def note(self, run_id: str, event: str, *, now: datetime, who: str, **payload: str | int | None) -> None:
        """Append an entry that moves no state, such as an export."""
        with self._write() as writing:
            writing.log(run_id, event, who=who, now=now, payload=payload)

    def context(self, db: Connection, run_id: str, who: str) -> str:
        """What the entries about this run by somebody known in this way share, as canonical JSON."""
        known = getattr(who, "known", _FROM_THE_PLAN)
        said = self._said.get((run_id, known))
        if said is None:
            if run_id not in self._facts:
                row = db.execute(_FACTS.where(runs.c.id == run_id)).one_or_none()
                if row is None:
                    raise RunNotFound
                self._facts[run_id] = dict(row._mapping)
            here = {"host": self._host, "version": self._version, "known": known}
            said = self._said[run_id, known] = canonical_json(self._facts[run_id] | here)
        return said

    @contextmanager
    def _write(self) -> Iterator[Writing]:
        """One transaction that commits whole, entries and all, or not at all.

        IntegrityError passes through: its meaning is the caller's.
        """
        try:
            with self._writing:
                with self._engine.connect() as db, db.execution_options(writes=True).begin():
                    writing = Writing(db, self)
                    yield writing
                    writing.finish()
                writing.committed()
        except IntegrityError:
            raise
        except SQLAlchemyError as exc:
            raise self._unavailable("written", exc) from exc

    @staticmethod
    def _refuse(db: Connection, run_id: str, to_state: RunState | StepState) -> IllegalTransition | RunNotFound:
        """Why an update guarded by the present state changed no row."""
        found = db.execute(select(runs.c.state).where(runs.c.id == run_id)).scalar()
        if found is None:
            return RunNotFound()
        kind = "step" if isinstance(to_state, StepState) else "run"
        return IllegalTransition(
            f"This {kind} can't become {to_state}: it, or its run ({found}), has changed meanwhile. Reload the page.",
            run_id=run_id,
        )
