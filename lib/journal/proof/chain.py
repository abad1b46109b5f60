"""The log's entries and the hash chain that binds them. Pure.

Each entry's hash covers its own fields and the hash of the entry before it, so an altered, removed or reordered entry
breaks the chain at a place that anyone can compute: SHA-256 of the canonical JSON of all fields but `hash`, with `context`
as the SHA-256 of its own text (left out where it is empty, as in the entries of the first version).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from lib.plans.plan import canonical_json

#: The run of an entry that tells of the journal itself.
NO_RUN = ""
#: What the first entry names as the hash before it.
START = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One line of the log. `at` is UTC; `payload` and `context` are canonical JSON; `who` is copied at the time of writing.

    `payload` says what: before, asked, observed, and the outcome. `context` says what many entries share: how `who` is
    known, where (host, version, base URL, connection), and why (reason, ticket, the hash of the plan with its evidence).
    """

    seq: int
    run_id: str
    at: datetime
    event: str
    customer_id: str | None
    who: str
    payload: str
    previous: str
    hash: str = ""
    context: str = ""

    def computed(self) -> str:
        """The hash that this entry must carry."""
        told = {**vars(self), "at": self.at.isoformat(timespec="microseconds")}
        del told["hash"], told["context"]
        if self.context:
            told["context"] = digest(self.context)
        return hashlib.sha256(canonical_json(told).encode()).hexdigest()


@lru_cache(maxsize=256)
def digest(text: str) -> str:
    """The SHA-256 of a text, which stands for it in the log; a few contexts serve a hundred thousand entries."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class ChainCheck:
    """The result of checking the chain: how many entries were sound, and the first one that is not, with why.

    `head` is the hash of the last sound entry: it stands for all of them, so a receipt that names it proves the log later.
    """

    entries: int
    broken_at: int | None = None
    words: str = ""
    head: str = START

    @property
    def ok(self) -> bool:
        return self.broken_at is None


def verify(
    entries: Iterable[Entry], head_seq: int, head_hash: str, *, shown: str = "", after: tuple[int, str] = (0, START)
) -> ChainCheck:
    """Check entries, in order from the first or the one `after` another (its number and hash), against each other and against
    the journal's note of the last one.

    `shown` is the hash of an entry as a receipt shows it. Whoever cuts the log short can alter that note too, the receipt not.
    """
    (count, previous), found = after, not shown
    for entry in entries:
        expected = count + 1
        if entry.seq != expected:
            return ChainCheck(count, expected, f"Entry {expected} is missing.", previous)
        if entry.previous != previous or entry.hash != entry.computed():
            return ChainCheck(count, expected, f"Entry {expected} was altered, or the one before it was.", previous)
        previous, count = entry.hash, expected
        found = found or entry.hash == shown
    if (count, previous) != (head_seq, head_hash):
        return ChainCheck(count, count + 1, f"The log ends at entry {count}, but {head_seq} were written.", previous)
    if not found:
        words = f"No entry has the hash {shown}: its end was cut off, or it was written anew."
        return ChainCheck(count, count + 1, words, previous)
    return ChainCheck(count, head=previous)
