"""What was read of studies, kept in the data folder beside the list of customers, so that nobody reads it twice.

One file a key, `<home>/snapshots/<fingerprint>/activity.snapshot`, readable by its owner only. Its first line is the SHA-256 of
what follows: JSON with one row a customer, which holds its id, times and counts, and nothing else of a study. What kept its
studies from being read is not kept: the next reading tries again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from lib.avara.models import UtcDatetime
from lib.errors import SnapshotNotKept, SnapshotUnusable
from lib.evidence.activity import WINDOWS, Activity
from lib.files import read_at_most, replace_whole

_FILE = "activity.snapshot"
#: Bytes of such a file: a row has some 130.
_LARGEST = 1_000_000_000

#: By `id_key`.
Known = Mapping[str, Activity]
_Key = Annotated[str, StringConstraints(pattern=r"^cus_[0-9a-f]{32}$")]
_Count = Annotated[int, Field(ge=0)]
_Counts = Annotated[tuple[_Count, ...], Field(min_length=len(WINDOWS) + 1, max_length=len(WINDOWS) + 1)]
#: Key, when it was read, newest study, counts, cancelled, undated, whether all were seen.
_Row = tuple[_Key, UtcDatetime, UtcDatetime | None, _Counts, _Count, _Count, bool]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["express-ops activity"] = "express-ops activity"
    version: Literal[1] = 1
    fingerprint: str
    #: Of how many days back each row's counts are, besides the last one: of all there ever were.
    windows: tuple[int, ...] = WINDOWS
    customers: tuple[_Row, ...]

    @classmethod
    def of(cls, known: Known, fingerprint: str) -> _Kept:
        rows = tuple(
            (key, one.read_at, one.newest, one.counts, one.cancelled, one.undated, one.whole) for key, one in known.items()
        )
        return cls.model_construct(fingerprint=fingerprint, customers=rows)

    def known(self) -> dict[str, Activity]:
        return {
            key: Activity(read_at, newest, counts, cancelled, undated, whole)
            for key, read_at, newest, counts, cancelled, undated, whole in self.customers
        }


class ActivityShelf:
    """Where the activity of one account's customers is kept. May be used by several processes at once.

    Each key writes its own file; read are those of this key and of `others`, the account's other keys.
    """

    def __init__(self, folder: Path, fingerprint: str, *others: str) -> None:
        self._folder, self._fingerprint, self._others = folder, fingerprint, others
        self._met: dict[str, bytes] = {}  # the digest of each key's file as it was read or written here last

    @property
    def file(self) -> Path:
        return self._folder / self._fingerprint / _FILE

    def has_news(self) -> bool:
        """Whether another process has kept something since this shelf was read or written."""
        return any(_digest(self._folder / key / _FILE) != self._met.get(key, b"") for key in (self._fingerprint, *self._others))

    def read(self, since: datetime, until: datetime) -> tuple[dict[str, Activity], str]:
        """The newest that is kept of each customer, as far as it was read between these two times; and what is wrong with a
        file that had to be ignored, in words, else an empty text.
        """
        found: dict[str, Activity] = {}
        trouble = ""
        for key in (self._fingerprint, *self._others):
            self._met[key] = _digest(self._folder / key / _FILE)  # before: what is written meanwhile is news
            try:
                found = newest(found, _opened(self._folder / key / _FILE, key))
            except SnapshotUnusable as error:
                trouble = error.message
        return {key: one for key, one in found.items() if since <= one.read_at <= until}, trouble

    def write(self, known: Known, since: datetime, until: datetime) -> dict[str, Activity]:
        """Keep what could be read of this, and what other processes kept meanwhile: of each customer the newest. Returns both.

        Raises SnapshotNotKept; the older file is whole then.
        """
        merged = newest(self.read(since, until)[0], {key: one for key, one in known.items() if not one.why})
        body = _Kept.of(merged, self._fingerprint).model_dump_json().encode()
        digest = hashlib.sha256(body).hexdigest().encode()
        try:
            replace_whole(self.file, digest, b"\n", body)
        except OSError as exc:
            raise SnapshotNotKept(
                f"What was read of studies could not be kept for the next start ({exc.strerror})."
                " Check the data folder's disk and permissions."
            ) from exc
        self._met[self._fingerprint] = digest
        return merged


def newest(one: Known, other: Known) -> dict[str, Activity]:
    """Both together: of each customer what was read last."""
    fresher = {key: seen for key, seen in other.items() if (held := one.get(key)) is None or held.read_at <= seen.read_at}
    return {**one, **fresher}


def _digest(file: Path) -> bytes:
    """The first line of a file, by which it is told from the one before; empty where there is none."""
    try:
        if not file.is_file():  # a pipe would be waited for
            return b""
        with file.open("rb") as opened:
            return opened.read(64)
    except OSError:
        return b""


def _opened(file: Path, fingerprint: str) -> dict[str, Activity]:
    """What a file holds; nothing where there is none. Raises SnapshotUnusable, which says what is wrong with it."""
    try:
        digest, _, body = read_at_most(file, _LARGEST, ends=True).partition(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise SnapshotUnusable(_ignored(f"its file can't be read ({exc.strerror})")) from exc
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise SnapshotUnusable(_ignored("its file is damaged"))
    try:
        kept = _Kept.model_validate_json(body)
    except ValidationError:
        raise SnapshotUnusable(_ignored("it was kept by another version of Express Ops")) from None
    if kept.fingerprint != fingerprint or kept.windows != WINDOWS:
        raise SnapshotUnusable(_ignored("it belongs to another key or version"))
    return kept.known()


def _ignored(why: str) -> str:
    return f"What is kept of studies could not be used: {why}. They are read anew."
