"""Rule sets in the journal: every version that somebody saved, since plans and receipts name them.

A rule set belongs to the account that the key is of: whoever works with one of the account's keys may read it and save its next
version. Nothing is ever changed or deleted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.exc import IntegrityError

from lib.errors import JournalDamaged, JournalUnavailable, UploadUnreadable
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.journal.database import Database
from lib.journal.tables import as_stored, plain_text, rule_sets
from lib.people import Person

#: Somebody else may save the same name at the same moment; so often the next number is tried.
_TRIES = 5


@dataclass(frozen=True)
class SavedRules:
    """A version as it was saved. `rules` is None where it can't be read any more, `saved_at` likewise."""

    name: str
    version: str
    author: str
    saved_at: datetime | None
    rules: RuleSet | None


class RuleSets:
    """All rule sets of the journal, for any number of threads. Every method raises JournalUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def saved(self, keys: Collection[str]) -> tuple[SavedRules, ...]:
        """Every version of the account of these keys, by name, the newest first."""
        with self._database.read() as db:
            found = [_read(row) for row in db.execute(as_stored(rule_sets).where(rule_sets.c.fingerprint.in_(keys)))]
        found.sort(key=lambda one: (_number(one.version), one.saved_at.timestamp() if one.saved_at else 0), reverse=True)
        return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.name)))

    def find(self, keys: Collection[str], name: str, version: int | None = None) -> RuleSet:
        """The newest version of this name, or just this one. Raises UploadUnreadable where there is none, JournalDamaged where
        it can't be read.
        """
        fits = [one for one in self.saved(keys) if one.name == name and version in (None, _number(one.version))]
        if not fits:
            told = f"“{name}”" if version is None else f"“{name}”, version {version}"
            raise UploadUnreadable(f"No rule set {told} was saved on this account.")
        if fits[0].rules is None:
            raise JournalDamaged(f"What the journal has of the rule set “{name}”, version {fits[0].version}, can't be read.")
        return fits[0].rules

    def save(self, fingerprint: str, keys: Collection[str], rules: RuleSet, *, who: Person, now: datetime) -> RuleSet:
        """Keep it as the next version of its name, by this author; what was kept. A preset's name raises UploadUnreadable."""
        if rules.name in (preset.name for preset in PRESETS):
            raise UploadUnreadable(f"“{rules.name}” is the name of a preset. Save it under another one.")
        name, author = plain_text(rules.name), plain_text(who.name)
        versions = select(rule_sets.c.version).where(rule_sets.c.fingerprint.in_(keys), rule_sets.c.name == name)
        for _ in range(_TRIES):
            try:
                with self._database.write() as db:
                    last = max(map(_number, db.execute(versions).scalars()), default=0)
                    kept = rules.model_copy(update={"version": last + 1, "author": who.name[:100]})
                    row = {"fingerprint": fingerprint, "name": name, "version": kept.version, "author": author}
                    db.execute(insert(rule_sets), row | {"body": kept.model_dump_json(), "saved_at": now})
            except IntegrityError:
                continue
            return kept
        raise JournalUnavailable("Others save this rule set at the same moment. Try again.")


def _read(row: Row[*tuple[Any, ...]]) -> SavedRules:
    """The version of a row that was read as it is stored; what is not what was saved can't be read."""
    try:
        at = datetime.fromisoformat(str(row.saved_at))
    except ValueError:
        at = None
    try:
        rules: RuleSet | None = RuleSet.from_json(str(row.body).encode())
    except UploadUnreadable:
        rules = None
    if rules is not None and (plain_text(rules.name), str(rules.version)) != (row.name, str(row.version)):
        rules = None
    return SavedRules(str(row.name), str(row.version), str(row.author), at, rules)


def _number(version: object) -> int:
    """0 for what is none: a damaged row is older than all others."""
    return int(text) if (text := str(version)).isdecimal() else 0
