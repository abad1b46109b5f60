"""Drafts in the journal: what each session has picked and not started, offered again to the same person on the same account.

Each session writes a row of its own, so that none loses what another one picked. A row is a convenience and proves nothing:
the log does not tell of it, and nobody has to wait for it.
"""

from __future__ import annotations

import logging
import threading
import zlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import delete, insert, select

from lib.errors import JournalUnavailable
from lib.journal.database import Database
from lib.journal.tables import drafts
from lib.plans.draft import Draft
from lib.plans.evidence import Picked

_log = logging.getLogger(__name__)

#: So many picks of a draft are kept, the first ones: about 800 kB; 3 MB where a rule set judged each. A run has some hundred.
MOST_PICKS = 20_000
#: So many drafts of a person on an account are kept, each for so long.
MOST_DRAFTS, STAYS = 5, timedelta(days=30)
#: Seconds that the end of the process waits for what is left to be written.
_LAST_TRY = 5.0
_HEAD = select(drafts.c.id, drafts.c.person, drafts.c.saved_at, drafts.c.size, drafts.c.reason)


#: Characters from which a draft is packed; what it then begins with, which no JSON does.
_LARGE, _PACKED = 100_000, "zlib:"


@dataclass(frozen=True)
class DraftHead:
    """A draft without its picks: whose it is, when it was saved (UTC), how many were picked (see MOST_PICKS), and why."""

    id: str
    person: str
    saved_at: datetime
    size: int
    reason: str


@dataclass(frozen=True)
class Save:
    """A draft to be written in the place of what has its id and of those `taken` into it; without picks it is over."""

    id: str
    fingerprint: str
    person: str
    saved_at: datetime
    picked: Mapping[str, Picked]
    reason: str = ""
    ticket: str = ""
    taken: frozenset[str] = frozenset()


def _packed(text: str) -> str:
    """Judgements say nearly the same of everybody: packed, they take a seventh."""
    return text if len(text) < _LARGE else _PACKED + b64encode(zlib.compress(text.encode(), 1)).decode()


def _unpacked(body: str) -> str:
    """Empty, which is no draft, where it can't be unpacked."""
    if not body.startswith(_PACKED):
        return body
    try:
        return zlib.decompress(b64decode(body.removeprefix(_PACKED))).decode()
    except (ValueError, zlib.error):
        return ""


class Drafts:
    """The drafts of all sessions, for any number of threads and processes.

    A draft that is to be kept is written by a thread of its own: a journal that is slow or out of reach holds up nobody who
    picks. Where that fails it is tried again every `again_after` seconds. `save` and what reads raise JournalUnavailable.
    """

    def __init__(self, database: Database, *, again_after: float = 3.0) -> None:
        self._database, self._again_after = database, again_after
        self._changed = threading.Condition()
        self._waiting: dict[str, Save] = {}
        self._writer: threading.Thread | None = None
        self._closing = False

    def keep(self, draft: Save) -> None:
        """Have the draft written soon, as it is then."""
        with self._changed:
            self._wait(draft, self._waiting.get(draft.id))
            if self._writer is None and not self._closing:
                self._writer = threading.Thread(target=self._write_all, daemon=True, name="drafts")
                self._writer.start()
            self._changed.notify()

    def close(self) -> None:
        """Try once more to write what is left, then end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._writer is not None:
            self._writer.join(_LAST_TRY)

    def save(self, draft: Save) -> None:
        """Write a draft. Those beyond MOST_DRAFTS of this person, or older than STAYS, are removed."""
        same = drafts.c.person == draft.person, drafts.c.fingerprint == draft.fingerprint
        with self._database.write() as db:
            db.execute(delete(drafts).where(drafts.c.id.in_({draft.id, *draft.taken})))
            db.execute(delete(drafts).where(drafts.c.saved_at < draft.saved_at - STAYS))
            if not draft.picked:
                return
            kept = Draft.of(dict(islice(draft.picked.items(), MOST_PICKS)), draft.reason, draft.ticket)
            body = _packed(kept.model_dump_json())
            facts = {name: getattr(draft, name) for name in ("id", "fingerprint", "person", "saved_at", "reason")}
            db.execute(insert(drafts).values(**facts, size=len(draft.picked), body=body))
            newest = select(drafts.c.id).where(*same).order_by(drafts.c.saved_at.desc())
            older = db.execute(newest.offset(MOST_DRAFTS)).scalars().all()
            db.execute(delete(drafts).where(drafts.c.id.in_(older)))

    def heads(self, keys: Collection[str]) -> tuple[DraftHead, ...]:
        """The drafts of everybody on the account of these keys, the newest first."""
        with self._database.read() as db:
            rows = db.execute(_HEAD.where(drafts.c.fingerprint.in_(keys)).order_by(drafts.c.saved_at.desc())).all()
        return tuple(DraftHead(*row) for row in rows)

    def read(self, draft_id: str, keys: Collection[str]) -> Draft | None:
        """The draft, or None where the account of these keys has it no more: taken, discarded or started meanwhile.

        Raises JournalDamaged, too.
        """
        ours = drafts.c.id == draft_id, drafts.c.fingerprint.in_(keys)
        with self._database.read() as db:
            body = db.execute(select(drafts.c.body).where(*ours)).scalar()
        return None if body is None else Draft.from_json(_unpacked(body))

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                draft = self._waiting.pop(next(iter(self._waiting)))
            try:
                self.save(draft)
            except JournalUnavailable:
                with self._changed:
                    if self._closing:
                        return
                    self._wait(self._waiting.get(draft.id, draft), draft)
                    self._changed.wait_for(lambda: self._closing, self._again_after)
            except Exception:  # noqa: BLE001 - others wait to be written behind this one
                _log.exception("A draft was not kept")

    def _wait(self, draft: Save, before: Save | None) -> None:
        """Only the newest state of a draft is written; what it took at any time is gone all the same."""
        self._waiting[draft.id] = replace(draft, taken=draft.taken | before.taken) if before else draft
