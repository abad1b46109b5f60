"""Activity: when a customer's newest study came in, and how many there were. Pure; only ids, times and `isCancelled` are known.

A record's `updatedAt` moves when somebody edits a name, and stands still while a hospital reads a thousand studies a day. The
order of a list of studies is not documented, so only all of them together can say that there was none; a single one can say
that there was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lib.avara.models import Study
from lib.avara.times import known, to_minute

#: Days back within which studies are counted, besides all there ever were.
WINDOWS = (30, 90, 365)


@dataclass(frozen=True)
class Activity:
    """What was seen of a customer's studies when they were read at `read_at`.

    `newest`: the newest one that was not cancelled, None where none was seen; `counts` of those within each of WINDOWS and
    ever; `cancelled` and `undated` (their time can't be a fact) are counted apart. `whole`: all of them were seen. Where they
    were not, `why` says what kept them from being read; empty where enough was known before the end.
    """

    read_at: datetime
    newest: datetime | None = None
    counts: tuple[int, ...] = (0,) * (len(WINDOWS) + 1)
    cancelled: int = 0
    undated: int = 0
    whole: bool = False
    why: str = ""

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

    @property
    def ever(self) -> bool | None:
        """Whether a study ever came in; None where nobody can tell."""
        if self.newest is not None:
            return True
        return False if self.whole and not self.undated else None

    @property
    def words(self) -> str:
        """In one line: "newest study 2026-11-02 08:15 UTC, 214 in 90 days, as read 2026-11-29 05:00 UTC"."""
        read = f"as read {to_minute(self.read_at)}"
        if self.why:
            return f"studies unknown: {self.why}, {read}"
        if self.newest is None:
            none = "never a study" if self.ever is False else "no study seen"
            told = [none, *([f"{self.undated:,} without a time that can be"] if self.undated else [])]
        else:
            at_least = "" if self.whole else "at least "
            told = [f"newest study {to_minute(self.newest)}", f"{at_least}{self.counts[WINDOWS.index(90)]:,} in 90 days"]
        if self.cancelled:
            told.append(f"{self.cancelled:,} cancelled")
        return ", ".join([*told, read])
