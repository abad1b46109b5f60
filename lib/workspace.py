"""What people keep on an account besides its runs: views, and drafts of what they have picked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from lib.journal.drafts import DraftHead, Save
from lib.journal.journal import Journal
from lib.journal.views import KeptView
from lib.plans.draft import Draft
from lib.plans.evidence import Picked
from lib.plans.model import Person


class Workspace:
    """The views and drafts of one account: what is kept belongs to `key`, and whatever any of `keys` kept can be opened.

    Any thread may call it. Every method raises JournalUnavailable; those of views ViewUnreadable or ViewNameTaken, too.
    """

    def __init__(self, journal: Journal, key: str, keys: Callable[[], Collection[str]], now: Callable[[], datetime]) -> None:
        self._views, self._drafts = journal.views, journal.drafts
        self._key, self._keys, self._now = key, keys, now

    def views(self) -> tuple[KeptView, ...]:
        """Those that have a name, by it."""
        return self._views.saved(self._keys())

    def find_view(self, token: str) -> KeptView:
        """What an address stands for, or the saved view of this token."""
        return self._views.find(token, self._keys(), self._now())

    def keep_view(self, token: str, body: str, *, who: Person) -> None:
        """Keep what an address stands for; nobody waits long for it."""
        self._views.keep(token, self._key, body, who=who, now=self._now())

    def save_view(self, name: str, body: str, *, who: Person) -> str:
        """Keep a view under a new name; its token."""
        return self._views.save(self._key, name, body, who=who, now=self._now())

    def rename_view(self, token: str, name: str) -> None:
        self._views.rename(token, self._keys(), name)

    def replace_view(self, token: str, body: str, *, who: Person) -> None:
        """Let a saved view be this one from now on, for its links too."""
        self._views.replace(token, self._keys(), body, who=who, now=self._now())

    def delete_view(self, token: str) -> None:
        """Forget a saved view; one that is gone already is as good."""
        self._views.delete(token, self._keys())

    def drafts(self) -> tuple[DraftHead, ...]:
        """What everybody on this account has picked and not started, the newest first."""
        return self._drafts.heads(self._keys())

    def read_draft(self, draft_id: str) -> Draft | None:
        """The draft, or None where it is gone. Raises JournalDamaged, too."""
        return self._drafts.read(draft_id)

    def keep_draft(
        self,
        draft_id: str,
        picked: Mapping[str, Picked],
        reason: str,
        ticket: str,
        *,
        who: Person,
        taken: frozenset[str] = frozenset(),
    ) -> None:
        """Have the draft written soon, in the place of those `taken` into it; without picks it is over."""
        self._drafts.keep(Save(draft_id, self._key, who.name, self._now(), picked, reason, ticket, taken))
