"""The chained log, and the journal's transactions, each with the log entries that belong to it.

A writer first takes the row that says where the log ends (SQLite: the whole file), so writers follow each other, on
several servers too: what a transaction reads stays as it is until it commits, and no two can deadlock.
"""

from __future__ import annotations

import itertools
import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Text, bindparam, func, insert, select, type_coerce, update

from lib.errors import IllegalTransition, JournalDamaged, RunNotFound
from lib.journal.database import Database, in_pages
from lib.journal.proof import chain
from lib.journal.proof.chain import NO_RUN, ChainCheck, Entry, digest
from lib.journal.rows import to_entry
from lib.journal.tables import log, log_contexts, log_head, plain_text, runs, steps
from lib.people import ITSELF, Person
from lib.plans.model import Hold, RunState, StepState
from lib.plans.plan import canonical_json
from lib.plans.words import Words

#: What this process's own log tells of an entry on a run as a whole: ids and counts, no words of anybody's.
_TOLD = ("owner", "hold", "requested", "canary", "settings", "customers", "users_affected", "undone_by")
logger = logging.getLogger(__name__)

#: What the log calls it that somebody carries a run from then on.
TAKEN_UP = ("approved", "resume", "retry")

#: What of an entry's payload stands for the person, besides the name: see `lib.people.Person`.
MARK = "mark"

_HEAD = select(log_head.c.seq, log_head.c.hash).with_for_update()
_MOVE_HEAD = update(log_head)
_BESIDE = select(log.c.seq, log.c.hash, log.c.previous).where(log.c.seq.in_((bindparam("before"), bindparam("after"))))
_ADD_ENTRY = insert(log)
_CONTEXT = ("action", "base_url", "connection_label", "fingerprint", "plan_hash", "reason", "ticket")
_FACTS = select(*(runs.c[name] for name in _CONTEXT))
ENTRIES = select(
    *(type_coerce(column, Text).label(column.name) for column in log.c if column.name != "context_id"),
    func.coalesce(log_contexts.c.body, "").label("context"),
).outerjoin(log_contexts, log_contexts.c.id == log.c.context_id)


class Writing:
    """A transaction under way: its connection, and the entries that go to the end of the log when it commits."""

    def __init__(self, db: Connection, log: Log) -> None:
        self.db = db
        self._log = log
        self._seq, self._hash = self._head()
        self._entries: list[dict[str, Any]] = []
        self._contexts: dict[str, str] = {}
        self._told: list[tuple[str, str, Mapping[str, Any]]] = []

    def _head(self) -> tuple[int, str]:
        """The number and the hash of the last entry. Raises JournalDamaged: behind what nobody knows nothing is chained."""
        match [tuple(row) for row in self.db.execute(_HEAD)]:
            case [(int(seq), str(hash_))]:
                return seq, hash_
        raise JournalDamaged("The journal is damaged: its note of where the log ends can't be read, so nothing is written.")

    def log(
        self, run_id: str, event: str, *, who: Person, now: datetime, payload: Mapping[str, Any], customer_id: str | None = None
    ) -> None:
        """Append an entry. Parts of `payload` that are None are left out. One of the run as a whole has the person's mark."""
        payload = payload if customer_id or not who.mark else {**payload, MARK: who.mark}
        told = canonical_json({name: value for name, value in payload.items() if value is not None})
        context = self._log.context(self.db, run_id, who)
        self._seq += 1
        entry = Entry(self._seq, run_id, now.astimezone(UTC), event, customer_id, who.name, told, self._hash, context=context)
        self._hash = entry.computed()
        row = vars(entry) | {"hash": self._hash, "context_id": digest(context)}
        self._contexts[row["context_id"]] = row.pop("context")
        self._entries.append(row)
        if customer_id is None:
            self._told.append((run_id, event, payload))

    def log_words(self, run_id: str, event: str, words: Words, *, now: datetime, who: Person, hold: Hold | None = None) -> None:
        """Append why a run stands as it does, and how many steps are in each state: words may name customers, numbers never
        do.
        """
        counted = select(steps.c.state, func.count()).where(steps.c.run_id == run_id).group_by(steps.c.state)
        stand = {str(state): number for state, number in self.db.execute(counted)}
        self.log(run_id, event, who=who, now=now, payload={**in_log(words), "hold": hold, "steps": stand})

    def refuse(self, run_id: str, to_state: RunState | StepState) -> IllegalTransition | RunNotFound:
        """Why an update guarded by the present state changed no row."""
        found = self.db.execute(select(runs.c.state).where(runs.c.id == run_id)).scalar()
        if found is None:
            return RunNotFound()
        kind, run = ("step", "its run") if isinstance(to_state, StepState) else ("run", "it")
        return IllegalTransition(
            f"This {kind} can't become {to_state}: it has changed meanwhile, and {run} is {found} now.", run_id=run_id
        )

    def finish(self) -> bool:
        """Write the entries and where the log ends now; whether there were any."""
        if not self._entries:
            return False
        for context_id, body in self._contexts.items():
            if context_id not in self._log.known_contexts:
                here = self.db.execute(select(log_contexts.c.id).where(log_contexts.c.id == context_id)).scalar()
                if here is None:
                    self.db.execute(insert(log_contexts).values(id=context_id, body=body))
        self.db.execute(_ADD_ENTRY, self._entries)
        self.db.execute(_MOVE_HEAD, {"seq": self._seq, "hash": self._hash})
        return True

    def committed(self) -> None:
        """The contexts of this transaction are in the database for good; what befell a run goes to this process's own log."""
        self._log.known_contexts.update(self._contexts)
        for run_id, event, payload in self._told:
            facts = {"run": run_id, "event": event, **_facts(payload)}
            logger.info("%s: %s", run_id or "journal", event, extra={"facts": facts})


def _facts(payload: Mapping[str, Any]) -> dict[str, object]:
    """The facts of a run's entry that this process's log tells, with how many steps are in each state."""
    told: dict[str, object] = {name: payload[name] for name in _TOLD if payload.get(name) is not None}
    steps = payload.get("steps")
    return told | ({str(state): number for state, number in steps.items()} if isinstance(steps, Mapping) else {})


def in_log(words: Words) -> dict[str, str | None]:
    """Words as an entry's payload has them: their form for the log, and the digest of the whole that stands in the tables."""
    return {"words": words.in_log or None, "said": digest(plain_text(words.text) or "") if words else ""}


def is_chained(db: Connection, entry: Entry) -> bool:
    """Whether the entries before and after this one, or the note of the last one, name the hashes that they should."""
    beside = {
        seq: (own, previous) for seq, own, previous in db.execute(_BESIDE, {"before": entry.seq - 1, "after": entry.seq + 1})
    }
    before = beside.get(entry.seq - 1, (chain.START, ""))[0]
    after = beside[entry.seq + 1][1] if entry.seq + 1 in beside else db.execute(select(log_head.c.hash)).scalar()
    return entry.computed() == entry.hash == after and entry.previous == before


def is_whole_since(db: Connection, first: Entry) -> bool:
    """Whether from this entry to the end of the log none is missing and none was altered; as `is_chained` for this one."""
    if not is_chained(db, first):
        return False
    head = db.execute(select(log_head.c.seq, log_head.c.hash)).one_or_none() or (0, "")
    rows = itertools.chain.from_iterable(in_pages(db, ENTRIES.where(log.c.seq >= first.seq), log.c.seq))
    return chain.verify(map(to_entry, rows), *head, after=(first.seq - 1, first.previous)).ok


class Log:
    """The append-only log of one journal. `version` of this program goes into its entries."""

    def __init__(self, database: Database, *, version: str = "") -> None:
        self._database, self._version = database, version
        self._host = socket.gethostname()
        self._facts: dict[str, dict[str, Any]] = {NO_RUN: {}}  # a run's own facts never change
        self._said: dict[tuple[str, str], str] = {}
        self.known_contexts: set[str] = set()

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Give a transaction that commits whole, entries and all, or not at all; see Database.write for what it raises."""
        with self._database.write() as db:
            writing = Writing(db, self)
            yield writing
            written = writing.finish()
        if written:
            self._database.refusal = None
        writing.committed()

    def note(self, run_id: str, event: str, *, now: datetime, who: Person, **payload: str | int | None) -> None:
        """Append an entry that moves no state, such as an export."""
        with self.writing() as writing:
            writing.log(run_id, event, who=who, now=now, payload=payload)

    def context(self, db: Connection, run_id: str, who: Person) -> str:
        """What the entries about this run by somebody known in this way share, as canonical JSON."""
        said = self._said.get((run_id, who.known))
        if said is None:
            if run_id not in self._facts:
                row = db.execute(_FACTS.where(runs.c.id == run_id)).one_or_none()
                if row is None:
                    raise RunNotFound
                # What can't be read of a damaged run is left out: it must be possible to interrupt and to cancel it.
                self._facts[run_id] = {name: told for name, told in row._mapping.items() if isinstance(told, str)}
            here = {"host": self._host, "version": self._version, "known": who.known}
            said = self._said[run_id, who.known] = canonical_json(self._facts[run_id] | here)
        return said

    def entries(self, run_id: str, *, after: int = 0, limit: int | None = None) -> tuple[Entry, ...]:
        """The log of one run, oldest first; `after` is the last number (`seq`) already seen, `limit` the most to read."""
        query = ENTRIES.where(log.c.run_id == run_id, log.c.seq > after).order_by(log.c.seq).limit(limit)
        with self._database.read() as db:
            rows = db.execute(query).all()
        return tuple(to_entry(row) for row in rows)

    def run_entries(self, run_id: str) -> tuple[Entry, ...]:
        """What the log says of a run as a whole (planned, approved, paused ...), oldest first; nothing of its steps."""
        query = ENTRIES.where(log.c.run_id == run_id, log.c.customer_id.is_(None)).order_by(log.c.seq)
        with self._database.read() as db:
            return tuple(to_entry(row) for row in db.execute(query).all())

    def carriers(self, run_id: str) -> tuple[str, ...]:
        """Who carried the run out: whoever started it, and whoever took it up again, each once, in their order."""
        begun = log.c.run_id == run_id, log.c.event.in_(TAKEN_UP)
        with self._database.read() as db:
            return tuple(dict.fromkeys(db.execute(select(log.c.who).where(*begun).order_by(log.c.seq)).scalars()))

    def asked_by(self, run_id: str) -> str:
        """Who asked last for a pause or a cancel of the run, be it by taking it up only to be cancelled."""
        asked = log.c.run_id == run_id, log.c.event.in_(("pause asked", "cancel asked", "resume")), log.c.who != ITSELF.name
        with self._database.read() as db:
            return db.execute(select(log.c.who).where(*asked).order_by(log.c.seq.desc()).limit(1)).scalar() or "a person"

    def before(self, entry: Entry) -> datetime | None:
        """When the entry before this one, of the same run or a step of it, was written."""
        earlier = log.c.run_id == entry.run_id, log.c.seq < entry.seq
        with self._database.read() as db:
            return db.execute(select(log.c.at).where(*earlier).order_by(log.c.seq.desc()).limit(1)).scalar()

    def step_entries(self, run_id: str, *, limit: int, offset: int = 0) -> tuple[int, tuple[Entry, ...]]:
        """How many entries tell of the run's steps, and some of them, newest first."""
        of_steps = log.c.run_id == run_id, log.c.customer_id.is_not(None)
        query = ENTRIES.where(*of_steps).order_by(log.c.seq.desc()).limit(limit).offset(offset)
        with self._database.read() as db:
            number = db.execute(select(func.count()).select_from(log).where(*of_steps)).scalar_one()
            return number, tuple(to_entry(row) for row in db.execute(query).all())

    def verify_chain(self, shown: str = "") -> ChainCheck:
        """Check every entry of the log against the one before it, a thousand in memory at a time.

        `shown`: the hash of an entry that a receipt shows; the log must still hold it.
        """
        with self._database.read() as db:
            head = db.execute(select(log_head.c.seq, log_head.c.hash)).one_or_none() or (0, "")  # no note: none is the last
            rows = itertools.chain.from_iterable(in_pages(db, ENTRIES, log.c.seq))
            return chain.verify(map(to_entry, rows), *head, shown=shown)
