"""Approvals: a second person's word on a run, in the log and nowhere else.

As with accounts, no table repeats what the log says: whoever can write a table alone approves nothing, and before a run is
taken up the log must be whole from where the run was planned to its end: what was said can't be taken out either.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from lib.errors import IllegalTransition, JournalDamaged, RunNotFound
from lib.journal.database import Database
from lib.journal.log import ENTRIES, MARK, TAKEN_UP, Log, Writing, is_whole_since
from lib.journal.proof.chain import Entry
from lib.journal.rows import to_entry
from lib.journal.tables import log, runs
from lib.people import Person
from lib.plans.approval import ApprovalNeeded, MayNotApprove, Said, Standing, Word, why_not, why_not_by
from lib.plans.model import RunState

_OF_RUN = log.c.customer_id.is_(None)
_ASKED = select(log.c.run_id).where(_OF_RUN, log.c.event == Said.ASKED).distinct()
#: The entries that say how the approvals of runs stand.
SPOKEN = ENTRIES.where(_OF_RUN, log.c.event.in_(("planned", *TAKEN_UP, *Said))).order_by(log.c.seq)
#: What reading an entry raises that is not what it should be.
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)


class Approvals:
    """What the log says of approvals, for any number of threads. Every method raises JournalUnavailable."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database, self._log = database, log

    def ask(
        self, run_id: str, why: Sequence[str], *, who: Person, now: datetime, approvers: Collection[str] | None = None
    ) -> bool:
        """Note that the run needs a second person's word, unless that is waited for already; whether it was noted."""
        with self._log.writing() as writing:
            standing = _standing(writing.db, run_id)
            if standing is not None and not standing.to_ask(now, approvers):
                return False
            note_asked(writing, run_id, why, who=who, now=now)
        return True

    def give(
        self,
        run_id: str,
        plan_hash: str,
        *,
        hours: float,
        who: Person,
        now: datetime,
        words: str = "",
        alone: bool = False,
        role: Sequence[str] = (),
    ) -> None:
        """Approve the run of exactly this plan, for so long. `alone`: the planner typed the account's name instead. `role`: the
        entries of the settings that let this person do so.

        Raises MayNotApprove in words, RunNotFound, IllegalTransition for a run that was cancelled, JournalDamaged.
        """
        with self._log.writing() as writing:
            standing = self._asked(writing, run_id)
            if plan_hash != standing.plan_hash:
                raise MayNotApprove("What you saw is not the plan of this run. Open the run again, and look at it once more.")
            _check_person(standing, who, alone=alone)
            if not standing.is_open(now) and not (standing.given and standing.given.alone and not alone):
                raise MayNotApprove(standing.told(now))
            until = (now + timedelta(hours=hours)).isoformat(timespec="seconds")
            told: dict[str, object] = {"plan_hash": plan_hash, "until": until, "words": words or None, "alone": alone or None}
            told["role"] = list(role) or None
            writing.log(run_id, Said.GIVEN, who=who, now=now, payload=told)

    def refuse(self, run_id: str, words: str, *, who: Person, now: datetime) -> None:
        """Refuse the run for good, also after it was approved. Raises as `give`."""
        with self._log.writing() as writing:
            standing = self._asked(writing, run_id)
            _check_person(standing, who)
            writing.log(run_id, Said.REFUSED, who=who, now=now, payload={"plan_hash": standing.plan_hash, "words": words})

    def check(
        self,
        run_id: str,
        why: Sequence[str],
        *,
        who: Person,
        now: datetime,
        alone: bool,
        approvers: Collection[str] | None = None,
    ) -> None:
        """Raise ApprovalNeeded, in words, unless somebody has approved the run for `now` and another one, `who`, takes it up.

        `why` it needs that by what is known now, `alone` whether the account's name typed by one person does, `approvers` the
        entries of that role. Raises JournalDamaged where what the log says of it was not written by this program.
        """
        with self._database.read() as db:
            entries = [to_entry(row) for row in db.execute(SPOKEN.where(log.c.run_id == run_id))]
            if entries and not is_whole_since(db, entries[0]):  # a refusal that was deleted leaves no entry to look at
                raise _altered(run_id)
        try:
            standing = read_standing(entries)
        except _UNREADABLE:
            raise _altered(run_id) from None
        if standing is None:
            raise ApprovalNeeded(
                f"This run needs the approval of a second person: {'; '.join(why)}. Nothing was sent.", why=why
            )
        if words := why_not(standing, now, alone=alone, who=who, approvers=approvers):
            raise ApprovalNeeded(words, why=why or (standing.asked.why if standing.asked else ()))

    def _asked(self, writing: Writing, run_id: str) -> Standing:
        state = writing.db.execute(select(runs.c.state).where(runs.c.id == run_id)).scalar()
        if state is None:
            raise RunNotFound
        if state == RunState.CANCELLED:
            raise IllegalTransition("This run was cancelled, so there is nothing to approve.", run_id=run_id)
        standing = _standing(writing.db, run_id)
        if standing is None:
            raise MayNotApprove("Nobody has asked for an approval of this run.")
        return standing


def _check_person(standing: Standing, who: Person, *, alone: bool = False) -> None:
    if words := why_not_by(standing, who, alone=alone):
        raise MayNotApprove(words)


def note_asked(writing: Writing, run_id: str, why: Sequence[str], *, who: Person, now: datetime) -> None:
    """Append that somebody asks for the approval of a run, and why it needs one."""
    writing.log(run_id, Said.ASKED, who=who, now=now, payload={"why": list(why)})


def standings(db: Connection, run_ids: Collection[str]) -> dict[str, Standing]:
    """How the approvals of those of these runs stand that somebody asked for one; what can't be read says nothing."""
    asked = set(db.execute(_ASKED.where(log.c.run_id.in_(run_ids))).scalars())
    told: dict[str, list[Entry]] = {run_id: [] for run_id in asked}
    for row in db.execute(SPOKEN.where(log.c.run_id.in_(asked))) if asked else ():
        told[row.run_id].append(to_entry(row))
    found = {}
    for run_id, entries in told.items():
        try:
            standing = read_standing(entries)
        except _UNREADABLE:
            standing = None
        if standing is not None:
            found[run_id] = standing
    return found


def read_standing(entries: Iterable[Entry]) -> Standing | None:
    """How a run's approval stands by its entries in their order; None where nobody asked for one."""
    standing = Standing("")
    for entry in entries:
        told = json.loads(entry.payload)
        if entry.event == "planned":
            standing = Standing(told["plan_hash"], (told["operator"],)).with_author(_who(entry, told))
        elif entry.event in TAKEN_UP:
            standing = standing.with_author(_who(entry, told))
        elif entry.event in set(Said):
            standing = standing.after(_word(entry, told))
    return standing if standing.asked is not None else None


def unapproved(entries: Iterable[Entry]) -> Iterator[str]:
    """Each time that a run was taken up although it waited for an approval, in words. One that is taken up only to be
    cancelled needs none.
    """
    so_far: list[Entry] = []
    for entry in entries:
        if entry.event in TAKEN_UP and json.loads(entry.payload).get("requested") != "cancel":
            standing = read_standing(so_far)
            words = (
                why_not(standing, entry.at, alone=True, who=_who(entry, json.loads(entry.payload)))
                if standing is not None
                else ""
            )
            if words:
                yield f"it was taken up by entry {entry.seq} of the log although nobody else had approved it."
        so_far.append(entry)


def _word(entry: Entry, told: dict[str, object]) -> Word:
    until = told.get("until")
    return Word(
        said=Said(entry.event),
        by=_who(entry, told),
        at=entry.at,
        why=tuple(map(str, told.get("why") or ())),  # type: ignore[call-overload]  # a list, or it can't be read
        words=str(told.get("words") or ""),
        plan_hash=str(told.get("plan_hash") or ""),
        until=datetime.fromisoformat(str(until)) if until else None,
        alone=told.get("alone") is True,
        role=tuple(map(str, told.get("role") or ())),  # type: ignore[call-overload]  # as `why`
    )


def _who(entry: Entry, told: dict[str, object]) -> Person:
    """Whose entry it is. Entries from before there were marks have none, and are compared by the name alone."""
    return Person(entry.who, json.loads(entry.context or "{}").get("known", ""), mark=str(told.get(MARK) or ""))


def _standing(db: Connection, run_id: str) -> Standing | None:
    return standings(db, (run_id,)).get(run_id)


def _altered(run_id: str) -> JournalDamaged:
    return JournalDamaged(
        "Since this run was planned, entries of the log were taken out or altered, or are not chained to what stands beside "
        "them: the journal was altered, so nothing is sent for this run. Cancel it, keep a copy of the journal, and make a new "
        "plan.",
        run_id=run_id,
    )
