"""The list of customers that servers share: whose turn it is to read it from the API, and the newest one that was read whole.

A list is bytes that mean something to whoever keeps them. It belongs to the key that it was read with. A turn holds for as long
as its lease does, by the database's clock, and is renewed while it lasts; where its server dies, the next one takes it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from lib.journal.database import Database
from lib.journal.lists.tables import shared_list_chunks as chunks
from lib.journal.lists.tables import shared_lists as lists
from lib.journal.tables import database_now

_log = logging.getLogger(__name__)

#: Seconds that a turn holds unless it is renewed: as long as the lease of a run.
LEASE_SECONDS = 15.0
#: Bytes that a statement moves at a time.
CHUNK = 1_000_000
#: For so long a list stays whose key nobody reads with any more.
STAYS = timedelta(days=30)


@dataclass(frozen=True)
class Standing:
    """Whose turn it is or was last, and which list is the newest whole one."""

    turn: int
    reader: str
    #: Whether the turn still holds, and how many customers its reader had read when it was last heard of.
    holds: bool
    customers: int
    #: In words why the turn ended without a list; empty where it did not.
    failed: str
    #: The turn in which the newest list began to be read, or of the list before it, where that is not known; nothing below
    #: where there is no list.
    list_turn: int
    started_at: datetime | None
    finished_at: datetime | None
    digest: str | None


class Lists:
    """The shared lists of a journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, fingerprint: str, reader: str) -> SharedList | None:
        """The list of this key, for the server that `reader` names; None on SQLite, which one server has for itself."""
        return SharedList(self._database, fingerprint, reader) if self._database.is_shared else None

    def forget(self, fingerprint: str) -> None:
        """Remove the list of this key from the journal, and say so in the server's log. Raises JournalUnavailable."""
        if not self._database.is_shared:
            return
        with self._database.write() as db:
            if _remove(db, [fingerprint]):
                _log.info("The list that the servers share is removed from the journal: none is to be kept here.")


class SharedList:
    """The list of one key, as one server takes part in it. Any thread may call it; all of it raises JournalUnavailable."""

    def __init__(self, database: Database, fingerprint: str, reader: str, *, lease: float = LEASE_SECONDS) -> None:
        self._database, self._fingerprint, self._lease = database, fingerprint, lease
        self.reader = reader

    def look(self) -> Standing | None:
        """How it stands; None where no server has read a list yet."""
        left = lists.c.lease_until - database_now()
        names = ("turn", "reader", "customers", "failed", "list_turn", "started_at", "finished_at", "digest")
        query = select(*(lists.c[name] for name in names), left.label("left"))
        with self._database.read() as db:
            row = db.execute(query.where(lists.c.fingerprint == self._fingerprint)).one_or_none()
        if row is None:
            return None
        told = dict(row._mapping)
        # A lease that holds for longer than any is given was written while the database's clock was ahead.
        return Standing(holds=0 < told.pop("left") <= self._lease, **told)

    def take_turn(self) -> int | None:
        """The number of the turn that is this server's now; None where another one was quicker."""
        free = ~_holds(self._lease) | (lists.c.reader == self.reader)
        begun = {"reader": self.reader, "lease_until": database_now() + self._lease, "customers": 0, "failed": ""}
        with suppress(IntegrityError), self._database.write() as db:
            mine = update(lists).where(lists.c.fingerprint == self._fingerprint)
            turn = db.execute(mine.where(free).values(turn=lists.c.turn + 1, **begun).returning(lists.c.turn)).scalar()
            is_known = select(lists.c.turn).where(lists.c.fingerprint == self._fingerprint)
            if turn is None and db.execute(is_known).scalar() is None:
                db.execute(insert(lists).values(fingerprint=self._fingerprint, turn=1, list_turn=0, **begun))
                turn = 1
            return turn
        return None

    def renew(self, turn: int, customers: int) -> bool:
        """Let the turn hold on, with so many customers read; False where it has ended or is another one's by now."""
        with self._database.write() as db:
            renewed = update(lists).where(*self._is_mine(turn), lists.c.lease_until > 0)
            return db.execute(renewed.values(lease_until=database_now() + self._lease, customers=customers)).rowcount == 1

    def end(self, turn: int, failed: str = "") -> None:
        """Let others have their turn: they are told where this one ended without a list, and why."""
        with self._database.write() as db:
            db.execute(update(lists).where(*self._is_mine(turn)).values(lease_until=0, failed=failed))

    def keep(
        self,
        turn: int,
        parts: Iterable[bytes | memoryview],
        digest: str,
        *,
        begun: int,
        started_at: datetime,
        finished_at: datetime,
    ) -> bool:
        """Put the list that began to be read in the turn `begun` in the place of the older one; False, and nothing is changed,
        where `turn` is another one's by now or the other list is newer.

        The bytes are written part by part before that, so that nobody waits long for a transaction.
        """
        own, position = chunks.c.fingerprint == self._fingerprint, 0
        with self._database.write() as db:
            db.execute(delete(chunks).where(own, chunks.c.digest == digest))
        for part in parts:
            for at in range(0, len(part), CHUNK):
                body = bytes(part[at : at + CHUNK])
                with self._database.write() as db:
                    db.execute(
                        insert(chunks).values(fingerprint=self._fingerprint, digest=digest, position=position, body=body)
                    )
                position += 1
        newer = update(lists).where(*self._is_mine(turn), lists.c.list_turn <= begun)
        if begun < turn:  # one that was read without a turn stands where the one before it stood: its time alone tells
            newer = newer.where(or_(lists.c.started_at.is_(None), lists.c.started_at <= started_at))
        with self._database.write() as db:
            # From here on nobody clears its parts away, as may have been done where its lease had run out.
            db.execute(select(lists.c.turn).where(lists.c.fingerprint == self._fingerprint).with_for_update())
            came = db.execute(select(func.count()).where(own, chunks.c.digest == digest)).scalar()
            told = {"list_turn": begun, "started_at": started_at, "finished_at": finished_at, "digest": digest}
            if done := came == position and db.execute(newer.values(**told)).rowcount == 1:
                db.execute(delete(chunks).where(own, chunks.c.digest != digest))
                _clear(db, self._lease, finished_at - STAYS)
            else:
                db.execute(delete(chunks).where(own, chunks.c.digest == digest))
        return done

    def chunks(self, digest: str) -> Iterator[bytes]:
        """The bytes of the list with this digest in their order, as far as they are there."""
        query = select(chunks.c.body).where(chunks.c.fingerprint == self._fingerprint, chunks.c.digest == digest)
        position = 0
        while True:
            with self._database.read() as db:
                body = db.execute(query.where(chunks.c.position == position)).scalar()
            if body is None:
                return
            yield body
            position += 1

    def _is_mine(self, turn: int) -> tuple[ColumnElement[bool], ...]:
        return lists.c.fingerprint == self._fingerprint, lists.c.turn == turn, lists.c.reader == self.reader


def _holds(lease: float) -> ColumnElement[bool]:
    """Whether a turn does. A lease for longer than any is given was written while the database's clock was ahead."""
    return (lists.c.lease_until - database_now()).between(0, lease)


def _clear(db: Connection, lease: float, unused_since: datetime) -> None:
    """Remove lists whose key nobody has read with since then, and of all keys the parts that belong to no list: of a server
    that died while it kept one. What is under way stays, and what another server has in hand.
    """
    is_old = lists.c.finished_at < unused_since
    found = select(lists.c.fingerprint, lists.c.digest, is_old).where(~_holds(lease) | is_old)
    for key, digest, old in db.execute(found.with_for_update(skip_locked=True)).all():
        if old:
            _remove(db, [key])
        else:
            db.execute(delete(chunks).where(chunks.c.fingerprint == key, chunks.c.digest.is_distinct_from(digest)))


def _remove(db: Connection, fingerprints: Collection[str]) -> bool:
    """Whether there was anything. The rows stay, without a list: turns are counted on."""
    nothing = {"list_turn": 0, "started_at": None, "finished_at": None, "digest": None}
    db.execute(update(lists).where(lists.c.fingerprint.in_(fingerprints)).values(**nothing))
    return db.execute(delete(chunks).where(chunks.c.fingerprint.in_(fingerprints))).rowcount > 0
