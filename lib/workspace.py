"""What people keep on an account besides its runs: views, rule sets, and drafts of what they have picked."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from lib.errors import JournalError, UploadUnreadable
from lib.evidence.judgement import Judgement
from lib.evidence.rule_set import LARGEST, PRESETS, RuleSet
from lib.files import read_at_most, shown, typed_path
from lib.journal.drafts import DraftHead, Save
from lib.journal.journal import Journal
from lib.journal.rule_sets import SavedRules
from lib.journal.views import KeptView
from lib.people import Person, Right, guarded
from lib.plans.draft import Draft
from lib.plans.evidence import Picked

#: "my rules, version 2, 3f2a90c1": as plans and receipts name one.
_LABEL = re.compile(r"(.+?)(?:, version (\d{1,9})(?:, [0-9a-f]{8})?)?")


@guarded
class Workspace:
    """The views, rule sets and drafts of one account: what is kept belongs to `key`; what any of `keys` kept can be opened.

    Any thread may call it. Every method raises JournalUnavailable; those of views ViewUnreadable or ViewNameTaken, too;
    those of rule sets UploadUnreadable where a name or a version is none; and what `ask` raises where somebody may not do so.
    """

    def __init__(
        self,
        journal: Journal,
        key: str,
        keys: Callable[[], Collection[str]],
        now: Callable[[], datetime],
        ask: Callable[[Right, Person | None], object] = lambda *_: None,
    ) -> None:
        self.ask = ask
        self._views, self._rules, self._drafts = journal.views, journal.rule_sets, journal.drafts
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
        return self._views.save(self._key, self._keys(), name, body, who=who, now=self._now())

    def rename_view(self, token: str, name: str) -> None:
        self._views.rename(token, self._keys(), name)

    def replace_view(self, token: str, body: str, *, who: Person) -> None:
        """Let a saved view be this one from now on, for its links too."""
        self._views.replace(token, self._keys(), body, who=who, now=self._now())

    def delete_view(self, token: str) -> None:
        """Forget a saved view; one that is gone already is as good."""
        self._views.delete(token, self._keys())

    def rule_sets(self) -> tuple[SavedRules, ...]:
        """Every version that was saved, by name, the newest first; also those that can't be read any more."""
        return self._rules.saved(self._keys())

    def find_rule_set(self, name: str, version: int | None = None) -> RuleSet:
        """The newest version of this name, or just this one. Raises JournalDamaged where it can't be read, too."""
        return self._rules.find(self._keys(), name, version)

    def meant_rules(self, meant: object) -> RuleSet:
        """The rule set itself, a preset by its name, one that a file holds, or a saved one: its newest version by its name,
        or the one that a plan names. Raises UploadUnreadable, and JournalError where the journal can't be asked or is damaged.
        """
        if isinstance(meant, RuleSet):
            return meant
        for preset in PRESETS:
            if str(meant).strip().lower() in (preset.name, preset.label):
                return preset
        names = ", ".join(f"'{preset.name}'" for preset in PRESETS)
        if isinstance(meant, str | Path) and Path(meant).suffix == ".json":
            path = typed_path(meant)
            try:
                return RuleSet.from_json(read_at_most(path, LARGEST + 1))
            except OSError as exc:
                raise UploadUnreadable(f"{shown(path)} can't be read ({exc.strerror}).") from exc
        label = _LABEL.fullmatch(str(meant).strip())
        saved = self.rule_sets() if label else ()
        if label and any(one.name == label[1] for one in saved):
            return self.find_rule_set(label[1], int(label[2]) if label[2] else None)
        names = ", ".join([names, *dict.fromkeys(f"'{one.name}'" for one in saved)])
        raise UploadUnreadable(f"There are these rule sets: {names}; or name a file of rules that ends in .json.")

    def rules_of(self, judgement: Judgement) -> RuleSet | None:
        """The preset or saved rule set that said this; None where it is neither, or can't be read any more."""
        label = _LABEL.fullmatch(judgement.rules)
        rules = next((one for one in PRESETS if one.label == judgement.rules), None)
        with suppress(UploadUnreadable, JournalError):
            rules = rules or (self.find_rule_set(label[1], int(label[2])) if label and label[2] else None)
        return rules if rules and rules.hash == judgement.hash else None

    def save_rule_set(self, rules: RuleSet, *, who: Person) -> RuleSet:
        """Keep it as the next version of its name, by this author; what was kept."""
        return self._rules.save(self._key, self._keys(), rules, who=who, now=self._now())

    def drafts(self) -> tuple[DraftHead, ...]:
        """What everybody on this account has picked and not started, the newest first."""
        return self._drafts.heads(self._keys())

    def read_draft(self, draft_id: str) -> Draft | None:
        """The draft, or None where it is gone. Raises JournalDamaged, too."""
        return self._drafts.read(draft_id, self._keys())

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
