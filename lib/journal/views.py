"""Views under tokens: what an address stands for, where names must not stand in it, and what people saved under a name.

A view is a text that means something to whoever keeps it. It belongs to the account that the key is of: whoever works with one
of the account's keys may open, rename, replace and delete it, and sees who saved it and when.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from lib.errors import ViewNameTaken, ViewUnreadable
from lib.journal.database import Database
from lib.journal.group import GroupCommit
from lib.journal.tables import plain_text, views
from lib.people import Person

#: For so long a view without a name stays: what the links of a season show is then another question.
KEPT_FOR = timedelta(days=365)
#: Characters of a name.
LONGEST_NAME = 80
#: Seconds that a page waits until its address is kept.
_PATIENCE = 0.5


@dataclass(frozen=True)
class KeptView:
    """A view as it was kept; without a name it is what an address stands for."""

    id: str
    name: str
    body: str
    saved_by: str
    saved_at: datetime


class Views:
    """All views of the journal, for any number of threads. Every method raises JournalUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keeping: GroupCommit[dict[str, object]] = GroupCommit(self._keep, patience=_PATIENCE)

    def close(self) -> None:
        self._keeping.close()

    def keep(self, token: str, fingerprint: str, body: str, *, who: Person, now: datetime) -> None:
        """Keep what an address stands for under a token of `new_token`; nobody waits long for it."""
        self._keeping.do(_row(token, fingerprint, body, who, now))

    def find(self, token: str, keys: Collection[str], now: datetime) -> KeptView:
        """The view under this token. Raises ViewUnreadable where there is none, or one of another account than these keys'."""
        with self._database.read() as db:
            row = db.execute(select(views).where(views.c.id == plain_text(token))).one_or_none()
        if row is None or (row.name is None and now - row.saved_at > KEPT_FOR):
            raise ViewUnreadable(
                "This link's view is not known here, so nothing is shown. It was deleted, not copied whole, or made with "
                f"another journal; what is not saved under a name is kept for {KEPT_FOR.days} days."
            )
        if row.fingerprint not in keys:
            raise ViewUnreadable("This link is of another account, so nothing is shown.")
        return KeptView(row.id, row.name or "", row.body, row.saved_by, row.saved_at)

    def saved(self, keys: Collection[str]) -> tuple[KeptView, ...]:
        """The views with names of the account of these keys, by their names."""
        query = select(views).where(views.c.fingerprint.in_(keys), views.c.name.is_not(None))
        with self._database.read() as db:
            found = [KeptView(row.id, row.name, row.body, row.saved_by, row.saved_at) for row in db.execute(query)]
        return tuple(sorted(found, key=lambda view: (view.name.casefold(), view.name, view.id)))

    def save(self, fingerprint: str, keys: Collection[str], name: str, body: str, *, who: Person, now: datetime) -> str:
        """Keep a view under a name that is new in the account of these keys; its token. Raises ViewNameTaken."""
        token, sound = new_token(), self._new_name(keys, name)
        try:
            with self._database.write() as db:
                db.execute(insert(views), _row(token, fingerprint, body, who, now) | {"name": sound})
        except IntegrityError as exc:
            raise ViewNameTaken from exc
        return token

    def rename(self, token: str, keys: Collection[str], name: str) -> None:
        """Give a saved view another name. Raises ViewNameTaken, and ViewUnreadable where it is gone."""
        self._change(token, keys, name=self._new_name(keys, name, but=token))

    def replace(self, token: str, keys: Collection[str], body: str, *, who: Person, now: datetime) -> None:
        """Let a saved view be this one from now on, for its links too. Raises ViewUnreadable where it is gone."""
        self._change(token, keys, body=body, saved_by=who.name, saved_at=now)

    def delete(self, token: str, keys: Collection[str]) -> None:
        """Forget a saved view; one that is gone already is as good."""
        with self._database.write() as db:
            db.execute(delete(views).where(views.c.id == token, views.c.fingerprint.in_(keys), views.c.name.is_not(None)))

    def _new_name(self, keys: Collection[str], name: str, but: str = "") -> str:
        """The name in one line. Raises ViewNameTaken for none, which every view without one has, and for another view's."""
        line = " ".join(name.split())
        if not line or len(line) > LONGEST_NAME:
            raise ViewNameTaken(f"A view's name has 1 to {LONGEST_NAME} characters.")
        if any(view.name == plain_text(line) and view.id != but for view in self.saved(keys)):
            raise ViewNameTaken
        return line

    def _change(self, token: str, keys: Collection[str], **values: object) -> None:
        ours = views.c.id == token, views.c.fingerprint.in_(keys), views.c.name.is_not(None)
        try:
            with self._database.write() as db:
                changed = db.execute(update(views).where(*ours).values(**values)).rowcount
        except IntegrityError as exc:
            raise ViewNameTaken from exc
        if changed != 1:
            raise ViewUnreadable("This saved view is gone: somebody has deleted it.")

    def _keep(self, rows: Sequence[dict[str, object]]) -> Sequence[Exception | None]:
        newest = max(row["saved_at"] for row in rows if isinstance(row["saved_at"], datetime))
        with self._database.write() as db:
            db.execute(delete(views).where(views.c.name.is_(None), views.c.saved_at < newest - KEPT_FOR))
            # A write that came too late may be there after all: whoever asked for it asks again, under the same token.
            tokens = {str(row["id"]): row for row in rows}
            there = set(db.execute(select(views.c.id).where(views.c.id.in_(tokens))).scalars())
            if fresh := [row for token, row in tokens.items() if token not in there]:
                db.execute(insert(views), fresh)
        return [None] * len(rows)


def new_token() -> str:
    """Nobody guesses it, and it says nothing of what it stands for."""
    return secrets.token_urlsafe(9)


def _row(token: str, fingerprint: str, body: str, who: Person, now: datetime) -> dict[str, object]:
    return {"id": token, "fingerprint": fingerprint, "name": None, "body": body, "saved_by": who.name, "saved_at": now}
