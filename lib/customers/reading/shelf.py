"""The shelf: where the lists of an account are kept in the data folder, the newest for the next start and one a day to compare.

A folder a key, `<home>/snapshots/<fingerprint>`, readable by its owner only: `customers.snapshot` is the newest list,
`2026-11-29.snapshot` the last one that was read whole on that day (UTC), packed. Being one file, each is replaced as a whole:
of several processes that write at once the last one wins, and nobody ever reads a mix. None is written again when a run
changes customers: the journal has their records.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, date, timedelta
from pathlib import Path

import numpy as np

from lib.customers.reading.snapshot import Snapshot, from_bytes, to_bytes
from lib.errors import SnapshotNotKept, SnapshotUnusable
from lib.files import PART, replace_whole

_ENDING = ".snapshot"
_NEWEST = f"customers{_ENDING}"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Shelf:
    """Where the lists of one account are kept. May be used from any thread, and by several processes at once.

    Each key writes its own; read are those kept under this key and under `others`, the account's other keys. At most `days`
    lists are kept by date; with 0 none is.
    """

    def __init__(self, folder: Path, fingerprint: str, *others: str, days: int = 0) -> None:
        self._folder, self._fingerprint, self._days = folder / fingerprint, fingerprint, days
        self._folders = (self._folder, *(folder / other for other in others))

    @property
    def file(self) -> Path:
        return self._folder / _NEWEST

    def read(self) -> Snapshot | None:
        """The newest list, or None where none is kept. Raises SnapshotUnusable, which says in words what is wrong with it."""
        try:
            kept = [file for folder in self._folders if (file := folder / _NEWEST).exists()]
            newest = max(kept, key=lambda file: file.stat().st_mtime_ns, default=None)
            return None if newest is None else _read(newest)
        except OSError as exc:
            raise SnapshotUnusable(_ignored(f"its file can't be read ({exc.strerror})")) from exc
        except SnapshotUnusable as exc:
            raise SnapshotUnusable(_ignored(exc.message)) from exc

    def days(self) -> tuple[date, ...]:
        """The days of which a list is kept, the newest first."""
        return tuple(sorted(self._dated(), reverse=True))

    def stamp(self, day: date) -> tuple[Path, int] | None:
        """What stays the same for as long as the list of that day does; None where none is kept."""
        file = self._dated().get(day)
        with suppress(OSError):
            return None if file is None else (file, file.stat().st_mtime_ns)
        return None

    def read_day(self, day: date) -> Snapshot:
        """The last list of a day. Raises SnapshotUnusable, which says in words what is wrong, or that none is kept."""
        file = self._dated().get(day)
        if file is None:
            raise SnapshotUnusable(f"No list of {day} is kept. Choose another day.")
        try:
            return _read(file)
        except OSError as exc:
            raise SnapshotUnusable(f"The list kept of {day} can't be read ({exc.strerror}). Choose another day.") from exc
        except SnapshotUnusable as exc:
            raise SnapshotUnusable(f"The list kept of {day} can't be used: {exc.message}. Choose another day.") from exc

    def write(self, snapshot: Snapshot) -> None:
        """Keep `snapshot` in the place of the older one, and of that of its day. Raises SnapshotNotKept; the older ones are
        whole then.
        """
        try:
            replace_whole(self.file, *to_bytes(snapshot, self._fingerprint))
            if self._days:
                day = snapshot.finished_at.astimezone(UTC).date()
                packed = to_bytes(snapshot, self._fingerprint, packed=True)
                replace_whole(self._folder / f"{day}{_ENDING}", *packed)
            self._drop_oldest()
        except OSError as exc:
            raise SnapshotNotKept(
                f"The list could not be kept for the next start ({exc.strerror}). Check the data folder's disk and permissions."
            ) from exc

    def _dated(self) -> dict[date, Path]:
        """The file of each day, the newest where several keys have one."""
        found: dict[date, Path] = {}
        files = [file for folder in self._folders for file in folder.glob(f"*{_ENDING}") if _DAY.fullmatch(file.stem)]
        with suppress(OSError):
            files.sort(key=lambda file: file.stat().st_mtime_ns)
        for file in files:
            with suppress(ValueError):
                found[date.fromisoformat(file.stem)] = file
        return found

    def _drop_oldest(self) -> None:
        dated = sorted(file for file in self._folder.glob(f"*{_ENDING}") if _DAY.fullmatch(file.stem))
        for file in dated[: max(len(dated) - self._days, 0)]:
            with suppress(OSError):
                file.unlink()


def kept_customers(folder: Path, keys: Collection[str], most: int) -> tuple[tuple[str, str], ...]:
    """Id and name of up to `most` customers, from all over the newest list kept under these keys; none where none is usable."""
    with suppress(SnapshotUnusable):
        if found := Shelf(folder, *keys).read():
            rows = found.frame.rows
            some = rows.iloc[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]
            return tuple(zip(some["id"], some["name"], strict=True))
    return ()


def forget(folder: Path, *, unused_for: timedelta | None = None, but: str = "") -> None:
    """Remove the lists kept under any key, and what is kept beside them, as far as the disk allows.

    With `unused_for` only those of keys under which none was kept for so long; never those of the key `but` (a fingerprint).
    """
    since = math.inf if unused_for is None else time.time() - unused_for.total_seconds()
    for key in folder.glob("*/"):
        with suppress(OSError):
            files = [*key.glob(f"*{_ENDING}"), *key.glob(f"*{PART}")]
            if key.name != but and max((file.stat().st_mtime for file in files), default=math.inf) < since:
                for file in files:
                    file.unlink()
                key.rmdir()


def _read(file: Path) -> Snapshot:
    return from_bytes(file.read_bytes(), file.parent.name)


def _ignored(why: str) -> str:
    return f"The kept list could not be used: {why}. All customers are read anew."
