"""Words on a page: the one escaping helper for data, and times, counts and ids as people read them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache

import humanize

from lib.avara import text, times
from lib.avara.times import known, to_second
from lib.runs import progress

#: As everywhere else.
count, exact, asked_to_wait = text.count, to_second, progress.asked_to_wait

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_LINK_START = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp)(?=:)|\bwww(?=\.)")
#: Streamlit draws `:streamlit:` as an image and the likes of `--` and `->` as one sign, whether they are escaped or not.
_SIGNS = re.compile(r"(?<=[<>~-])(?=[=>-])|(?<=:)(?=streamlit:)")
#: Marks that turn the direction of all that follows. Letters of right-to-left scripts need none.
_TURNS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_WORD_JOINER = "\u2060"
_SHOWN_AT_MOST = 120


def md(data: object, limit: int = _SHOWN_AT_MOST) -> str:
    """`data` as Markdown that shows exactly its characters: no markup, no link, no image, one line, at most `limit` characters.

    Every label, title and message that holds data goes through here (design decision 6). For reading only: what is to be
    copied (ids, JSON) goes through `st.code`, because invisible word joiners keep addresses from becoming links.
    """
    line = " ".join(_TURNS.sub("", str(data)).split())
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    line = _SIGNS.sub(_WORD_JOINER, line)
    line = _LINK_START.sub(lambda found: f"{found[0][0]}{_WORD_JOINER}{found[0][1:]}", line)
    return _PUNCTUATION.sub(r"\\\1", line.replace("@", f"{_WORD_JOINER}@{_WORD_JOINER}"))


def number(value: float) -> str:
    """12480 → "12,480"."""
    return f"{int(value):,}"


def ago(at: datetime | None, now: datetime) -> str:
    """How long before `now`, in words; "unknown" where there is no time, or none that can be a fact."""
    at = known(at, now)
    if at is None:
        return "unknown"
    age = now - at
    if abs(age) < timedelta(seconds=2):
        return "just now"
    return times.ago(age) if age.days < 2 else _days_ago(age.days)


@lru_cache(maxsize=10_000)
def _days_ago(days: int) -> str:
    """From some days on hours don't count, so that a table's hundreds of times have few different words."""
    return times.ago(timedelta(days=days))


def duration(seconds: float) -> str:
    """A short time in words: "0.4 seconds", "12 seconds", "3 minutes"."""
    if seconds < 1:
        return f"{seconds:.1f} seconds"
    return humanize.naturaldelta(timedelta(seconds=seconds))
