"""Activity: when a customer's newest study came in, and how many there were. Pure; only ids, times and `isCancelled` are known.

A record's `updatedAt` moves when somebody edits a name, and stands still while a hospital reads a thousand studies a day. The
order of a list of studies is not documented, so only all of them together can say that there was none; a single one can say
that there was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import ConfigDict, Field

from lib.avara.models import Study, UtcDatetime
from lib.avara.times import known, to_day

#: Days back within which studies are counted, besides all there ever were.
WINDOWS = (30, 90, 365)
_Count = Annotated[int, Field(ge=0, lt=2**53)]
_EACH = len(WINDOWS) + 1
#: Why nothing is known of studies that nobody asked for.
NOT_READ = "not read"


@dataclass(frozen=True, slots=True)
class Activity:
    """What was seen of a customer's studies when they were read at `read_at`.

    `newest`: the newest one that was not cancelled, None where none was seen; `counts` of those within each of WINDOWS and
    ever; `cancelled` and `undated` (their time can't be a fact) are counted apart. `whole`: all of them were seen. Where they
    were not, `why` says what kept them from being read; empty where enough was known before the end.
    """

    # How it is read from a file; made in the code it is not checked.
    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    read_at: UtcDatetime
    newest: UtcDatetime | None = None
    counts: Annotated[tuple[_Count, ...], Field(min_length=_EACH, max_length=_EACH)] = (0,) * _EACH
    cancelled: _Count = 0
    undated: _Count = 0
    whole: bool = False
    why: Annotated[str, Field(max_length=2000)] = ""

    def seen(self, studies: Iterable[Study]) -> Activity:
        """With these studies, too."""
        newest, counts, cancelled, undated = self.newest, list(self.counts), self.cancelled, self.undated
        for study in studies:
            at = known(study.created_at, self.read_at)
            if study.is_cancelled:
                cancelled += 1
            elif at is None:
                undated += 1
            else:
                newest = at if newest is None else max(newest, at)
                counts[-1] += 1
                for place, days in enumerate(WINDOWS):
                    counts[place] += at > self.read_at - timedelta(days=days)
        return replace(self, newest=newest, counts=tuple(counts), cancelled=cancelled, undated=undated)

    def with_unreadable(self, studies: int) -> Activity:
        """With so many studies that break a rule: whether they count nobody can tell."""
        return replace(self, undated=self.undated + studies)

    def completed(self) -> Activity:
        """All of them were seen."""
        return replace(self, whole=True)

    def cut_off(self, why: str) -> Activity:
        """The rest could not be read."""
        return replace(self, why=why)

    def within(self, days: int, now: datetime) -> bool | None:
        """Whether a study came in within so many days before `now`, as far as was known at `read_at`; None where nobody can
        tell. How old a reading may be is for whoever uses it to say.
        """
        if self.newest is not None and self.newest > now - timedelta(days=days):
            return True
        return False if self.whole and not self.undated else None

    def answers(self, within: int | None) -> bool:
        """Whether more need not be read to tell if a study came within so many days; None: to tell how many there ever were."""
        return not self.why and (self.whole or (within is not None and self.within(within, self.read_at) is True))

    @property
    def ever(self) -> bool | None:
        """Whether a study ever came in; None where nobody can tell."""
        if self.newest is not None:
            return True
        return False if self.whole and not self.undated else None

    def came_since(self, later: Activity) -> datetime | None:
        """When the newest study came in that a `later` reading saw and this one would have, had it been there; None where the
        later one shows none, which is no proof that none came.

        Where all studies had been seen that is one newer than all of them; else one that came in after they were read.
        """
        seen = self.newest if self.whole and not self.undated else self.read_at
        return later.newest if later.newest is not None and (seen is None or later.newest > seen) else None

    def may_have_come_since(self, later: Activity) -> bool:
        """Whether a `later` reading saw studies whose time can't be a fact and that this one did not count: nobody can tell
        when they came in. Where not all studies had been seen, any may be such a one.
        """
        return later.undated > (self.undated if self.whole else 0)

    @property
    def words(self) -> str:
        """In one line, as of `read_at`: "newest study 2026-11-02, 214 in 90 days"."""
        if self.why:
            return f"studies could not be read: {self.why}"
        in_90 = self.counts[WINDOWS.index(90)]
        if self.newest is None:
            told = ["never a study" if self.ever is False else "no study seen"]
        elif self.whole:
            told = [f"newest study {to_day(self.newest)}", f"{in_90:,} in 90 days"]
        else:
            told = [f"newest study {to_day(self.newest)} (reading stopped at it)"]
            told += [f"at least {in_90:,} in 90 days"] if in_90 else []
        told += [f"{self.undated:,} without a time that can be"] if self.undated else []
        told += [f"{self.cancelled:,} cancelled"] if self.cancelled else []
        return ", ".join(told)
