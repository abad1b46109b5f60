"""Accounts: which API keys, each known by its fingerprint, are of one account.

The log says so itself: a person's word that two keys are of one account is an entry that names all keys of it. No table
repeats it, so nothing but the chained log can be believed. A key that nobody has spoken of is an account of its own; an
account is named by the fingerprint of its oldest key.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from lib.avara.connection import is_same_url
from lib.errors import JournalDamaged, NotSameAccount
from lib.journal.database import Database
from lib.journal.holds import hand_over
from lib.journal.log import ENTRIES, Log, is_chained
from lib.journal.proof.chain import NO_RUN
from lib.journal.rows import to_entry
from lib.journal.tables import log, runs, steps
from lib.people import Person
from lib.plans.model import LIVE

#: What the log calls the entry.
SAME_ACCOUNT = "same account"
_SAID = ENTRIES.where(log.c.run_id == NO_RUN, log.c.event == SAME_ACCOUNT).order_by(log.c.seq)
_IS_LIVE = runs.c.state.in_(LIVE)


@dataclass(frozen=True)
class OtherAccount:
    """Another account at the same address as far as the journal knows it: its keys' fingerprints, how many runs they made."""

    name: str
    keys: frozenset[str]
    runs: int
    live: int
    newest: datetime


@dataclass(frozen=True)
class Seen:
    """A customer as a run knew it."""

    id: str
    name: str
    run_id: str


@dataclass(frozen=True)
class Checked:
    """How many customers of an account another key has found: of its live runs, of its kept list, of runs that have ended."""

    live: int
    kept: int
    ended: int


class Accounts:
    """What the journal knows of accounts, for any number of threads. Every method raises JournalUnavailable, `join` also
    JournalDamaged.
    """

    def __init__(self, database: Database, log: Log) -> None:
        self._database, self._log = database, log

    def keys(self, fingerprint: str) -> frozenset[str]:
        """The fingerprints of all keys of the account that this key is of."""
        with self._database.read() as db:
            return _keys(_names(db), fingerprint)

    def all_keys(self, fingerprints: Collection[str], labels: Collection[str]) -> frozenset[str]:
        """The fingerprints of all keys of the accounts that these keys are of, or that made runs under one of these labels."""
        with self._database.read() as db:
            labelled = db.execute(select(runs.c.fingerprint).where(runs.c.connection_label.in_(labels)).distinct()).scalars()
            known, names = {*fingerprints, *(labelled if labels else ())}, _names(db)
            return frozenset().union(*(_keys(names, key) for key in known))

    def same(self, fingerprint: str, other: str) -> bool:
        """Whether two keys are of one account, as far as anybody has said so."""
        return fingerprint == other or other in self.keys(fingerprint)

    def others(self, fingerprint: str, base_url: str) -> tuple[OtherAccount, ...]:
        """The other accounts whose keys made runs at this base URL, the one with the newest run first."""
        live = func.count().filter(_IS_LIVE)
        query = select(runs.c.fingerprint, func.count(), live, func.max(runs.c.created_at)).group_by(runs.c.fingerprint)
        found: dict[str, OtherAccount] = {}
        with self._database.read() as db:
            names = _names(db)
            own = _keys(names, fingerprint)
            urls = [url for url in db.execute(select(runs.c.base_url).distinct()).scalars() if is_same_url(url, base_url)]
            for key, number, alive, newest in db.execute(query.where(runs.c.base_url.in_(urls))):
                if key in own:
                    continue
                name = names.get(key, key)
                one = found.get(name, OtherAccount(name, _keys(names, key), 0, 0, newest))
                found[name] = OtherAccount(name, one.keys, one.runs + number, one.live + alive, max(one.newest, newest))
        return tuple(sorted(found.values(), key=lambda one: one.newest, reverse=True))

    def customers_of_live_runs(self, keys: Collection[str]) -> tuple[Seen, ...]:
        """Every customer of the live runs that these keys made."""
        return self._seen(keys, live=True)

    def customers_of_ended_runs(self, keys: Collection[str], limit: int) -> tuple[Seen, ...]:
        """Customers of runs that these keys made and that have ended, of the newest run first."""
        return self._seen(keys, live=False, limit=limit)

    def join(
        self,
        old: OtherAccount,
        new: str,
        *,
        base_url: str,
        found_in: Collection[str],
        checked: Checked,
        now: datetime,
        who: Person,
    ) -> None:
        """Note that the key `new` is of the account `old`, as are all keys of the account that `new` was of.

        `found_in` are the live runs of `old` whose every customer `new` has read. Raises NotSameAccount where there is another
        by now, and RunsOverlap (with `run_id`) when live runs of the two hold the same customer.
        """
        with self._log.writing() as writing:
            db = writing.db
            names = _names(db, whole=True)
            keys, others = _keys(names, old.name), _keys(names, new)
            if new in keys:
                return  # somebody has said so meanwhile
            _check_live(db, keys, found_in)
            name, gone = names.get(old.name, old.name), names.get(new, new)
            hand_over(db, gone, to=name)
            told = {"account": name, "keys": sorted(keys | others), "old": old.name, "new": new, "base_url": base_url}
            writing.log(NO_RUN, SAME_ACCOUNT, who=who, now=now, payload=told | asdict(checked))

    def _seen(self, keys: Collection[str], *, live: bool, limit: int | None = None) -> tuple[Seen, ...]:
        query = select(steps.c.customer_id, steps.c.name, steps.c.run_id).join(runs, runs.c.id == steps.c.run_id)
        query = query.where(runs.c.fingerprint.in_(keys), _IS_LIVE if live else ~_IS_LIVE)
        with self._database.read() as db:
            rows = db.execute(query.order_by(runs.c.created_at.desc(), runs.c.id, steps.c.position).limit(limit)).all()
        return tuple(Seen(*row) for row in rows)


def account_of(db: Connection, fingerprint: str) -> str:
    """The name of the account that this key is of; in a writing transaction it stays so until the commit.

    Raises JournalDamaged where the log's word on that can't be read.
    """
    return _names(db, whole=True).get(fingerprint, fingerprint)


def _names(db: Connection, *, whole: bool = False) -> dict[str, str]:
    """Fingerprint → name of its account, for the keys that somebody has spoken of.

    An entry that can't be read, or that is not chained to those beside it, joins nobody, so that the runs can still be seen;
    with `whole` it raises JournalDamaged.
    """
    names: dict[str, str] = {}
    for row in db.execute(_SAID):
        try:
            entry = to_entry(row)
            told = json.loads(entry.payload) if is_chained(db, entry) else {}
            names |= dict.fromkeys(told["keys"], told["account"])
        except (ValueError, TypeError, KeyError, RecursionError):
            if whole:
                raise JournalDamaged(
                    "The log's word on which keys are of one account can't be read. The journal was altered, so nothing new "
                    "is recorded in it. Keep a copy of it, and see what verify says."
                ) from None
    return names


def _keys(names: Mapping[str, str], fingerprint: str) -> frozenset[str]:
    account = names.get(fingerprint, fingerprint)
    return frozenset({fingerprint, *(key for key, name in names.items() if name == account)})


def _check_live(db: Connection, keys: Collection[str], found_in: Collection[str]) -> None:
    live = db.execute(select(runs.c.id).where(runs.c.fingerprint.in_(keys), _IS_LIVE)).scalars()
    late = next((run_id for run_id in live if run_id not in found_in), None)
    if late is not None:
        raise NotSameAccount(f"{late} was recorded or taken up meanwhile and its customers were not looked for. Try again.")
