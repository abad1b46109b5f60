"""The list of customers that servers share: one of them reads it from the API, the others take it when it is whole.

Whoever wants a list waits for its turn. While it is another server's, that one's list will do where it began to be read late
enough; where it ends without one, those who wait are told, and where no page comes to it or it is not heard of any more the
next one reads. A database that can't be asked holds nobody up: each server reads by itself then, and shares that once it can.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lib.customers.reading.heard import CLOCKS_APART
from lib.customers.reading.place import Place, Standing
from lib.customers.reading.snapshot import Snapshot, from_bytes, to_bytes
from lib.errors import ExpressOpsError, JournalError, SnapshotUnusable

_log = logging.getLogger(__name__)

#: Seconds between two looks at how far another server is.
_LOOK = 0.5
#: Seconds between two words to the others on how far this one is; a few of them may fail before its turn is lost.
_BEAT = 2.0
#: Seconds without a page after which a turn is not renewed: more than the minute that an API likes to ask to wait for.
_STANDS_STILL = 90.0
#: Seconds after a try to share a list that failed until the next one: each makes the whole list into bytes.
_AGAIN = 30.0
_OF_NO_USE = "The list that the servers share could not be used: {}."


@dataclass(frozen=True)
class Elsewhere:
    """The server that is reading instead, in words, and how many customers it had read a moment ago."""

    server: str
    customers: int


class ReadingEnded(ExpressOpsError):
    """Another server stopped to read the customers. Go on to read them from here."""


class SharedList:
    """The list of one key, as this server takes part in it. Any thread may call it. `named` puts a reader into words."""

    def __init__(
        self,
        place: Place,
        fingerprint: str,
        named: Callable[[str], str] = str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._place, self._fingerprint, self._named, self._now = place, fingerprint, named, now
        self._had = ""  # the digest of the list that this server took, kept or refused last
        self._owed: datetime | None = None  # when the list began to be read that this server has read and not shared
        self._again_at = 0.0
        self._leaving = False

    def turn(self, since: datetime | None, tell: Callable[[str], None]) -> Turn:
        """For one reading. A list that began to be read `since` then will do, and one that is being read; without it only one
        that begins to be read after this. `tell` hears in words of a list that was of no use.
        """
        return Turn(self, self._place, self._named, since, tell)

    def newer_than(self, started_at: datetime, within: timedelta) -> Snapshot | None:
        """The list that another server began to read after this, and had read no longer ago than `within`; None where there is
        none: an older one has to be read anew.

        Raises JournalUnavailable, and SnapshotUnusable in words, once for each list.
        """
        standing = self._place.look()
        if standing is None or standing.started_at is None or standing.finished_at is None or standing.digest == self._had:
            return None
        is_new = standing.started_at > started_at and self._is_of_now(standing.finished_at, within)
        return self.open(standing) if is_new else None

    def leave(self) -> None:
        """This server ends: whoever waits for its list reads by itself."""
        self._leaving = True

    def open(self, standing: Standing) -> Snapshot | None:
        """The list; None where another one took its place meanwhile. Raises as `newer_than`.

        One that is dated in the future is of no use: what runs left since then could not be told from what they left before.
        """
        if standing.finished_at is not None and standing.finished_at > self._now() + CLOCKS_APART:
            self._had = standing.digest or ""
            raise SnapshotUnusable(_OF_NO_USE.format(f"the clock of {self._named(standing.reader)} is ahead of this server's"))
        content = bytearray()
        for chunk in self._place.chunks(standing.digest or ""):
            content += chunk
        is_whole = hashlib.sha256(content).hexdigest() == standing.digest
        if not is_whole and ((now := self._place.look()) is None or now.digest != standing.digest):
            return None
        self._had = standing.digest or ""
        if not is_whole:
            raise SnapshotUnusable(_OF_NO_USE.format("it is damaged"))
        try:
            return from_bytes(content, self._fingerprint)
        except SnapshotUnusable as exc:
            raise SnapshotUnusable(_OF_NO_USE.format(exc.message)) from exc

    def keep(self, turn: int, snapshot: Snapshot, begun: int) -> None:
        """Share the list, as far as that can be done, with `turn` still this server's."""
        self._again_at = time.monotonic() + _AGAIN
        parts = to_bytes(snapshot, self._fingerprint, packed=True)
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        times = {"started_at": snapshot.started_at, "finished_at": snapshot.finished_at}
        if self._place.keep(turn, parts, digest.hexdigest(), begun=begun, **times):
            self._had, self._owed, self._again_at = digest.hexdigest(), None, 0.0

    def owe(self, started_at: datetime) -> None:
        """The list that began to be read then is to be shared, now or once it can be."""
        self._owed = started_at

    def share_owed(self, started_at: datetime, read: Callable[[], Snapshot], within: timedelta) -> None:
        """Share what this server has read, where that could not be done when it was: while the list that began to be read then
        is still on show here, of now (as in `newer_than`), and newer than the shared one. Raises JournalUnavailable.

        It stands where the one before it stood: whoever waits for a list that began after a click must not take it.
        """
        if started_at != self._owed or time.monotonic() < self._again_at:
            return
        standing, snapshot = self._place.look(), read()
        if standing is not None and standing.holds:
            return  # that list will be newer, if it comes
        turn = self.turn(None, _log.warning)
        if not self._is_of_now(snapshot.finished_at, within):
            self._owed = None
        elif turn.take(lambda: (0, len(snapshot.frame))):
            try:
                self._share(turn, snapshot)
            finally:
                turn.end()

    def end(self, turn: int, failed: str) -> None:
        self._place.end(turn, "" if self._leaving else failed)

    def _share(self, turn: Turn, snapshot: Snapshot) -> None:
        if (standing := self._place.look()) is None:  # from here on nobody else's list takes its place
            return
        if standing.started_at is not None and standing.started_at >= snapshot.started_at:
            self._owed = None
        else:
            turn.keep(snapshot, standing.list_turn)

    def _is_of_now(self, finished_at: datetime, within: timedelta) -> bool:
        return self._now() - finished_at <= max(within, CLOCKS_APART)


class Turn:
    """One reading's way to a list: another server's, or this one's turn to read."""

    def __init__(
        self,
        shared: SharedList,
        place: Place,
        named: Callable[[str], str],
        since: datetime | None,
        tell: Callable[[str], None],
    ) -> None:
        self._shared, self._place, self._named, self._since, self._tell = shared, place, named, since, tell
        self._over, self._took, self._keeps = threading.Event(), False, False
        #: This server's, once it may read; None where it reads alone.
        self.number: int | None = None
        self.elsewhere: Elsewhere | None = None

    def wait(self, is_wanted: Callable[[], bool], came: Callable[[], tuple[int, int]]) -> Snapshot | None:
        """Another server's list; None where this one is to read it, and tells the others how many pages and customers `came`;
        also where nobody wants it any more. Raises ReadingEnded where the other server stopped.
        """
        try:
            found = self._wait(is_wanted)
        except JournalError as error:
            _log.warning("All customers are read by this server alone. %s", error.message)
            return None
        finally:
            self.elsewhere = None
        self._took = found is not None
        self._hold(came)
        return found

    def take(self, came: Callable[[], tuple[int, int]]) -> bool:
        """Take the turn if it is free, without a wait; `came` as in `wait`. Raises JournalUnavailable."""
        self.number = self._place.take_turn()
        self._hold(came)
        return self.number is not None

    def keep(self, snapshot: Snapshot, begun: int | None) -> None:
        """Share what was read in this turn, or owe it; `begun` is the one in which its first page came."""
        if self._took:
            return
        self._keeps = True
        self._shared.owe(snapshot.started_at)
        if self.number is not None and begun is not None:
            try:
                self._shared.keep(self.number, snapshot, begun)
            except JournalError as error:
                _log.warning("The list is not shared with the other servers. %s", error.message)

    def end(self, failed: str = "") -> None:
        """Let others have their turn; `failed` says in words why this one brings no list."""
        self._over.set()
        if self.number is not None:
            try:
                self._shared.end(self.number, failed)
            except JournalError as error:
                _log.warning("The other servers wait until this one's turn to read has run out. %s", error.message)

    def _wait(self, is_wanted: Callable[[], bool]) -> Snapshot | None:
        wanted = watched = 0
        while is_wanted():
            standing = self._place.look()
            wanted = wanted or self._wanted(standing)
            if standing is not None:
                if standing.digest is not None and (self._is_young(standing) or standing.list_turn >= wanted):
                    try:
                        found = self._shared.open(standing)
                    except SnapshotUnusable as error:
                        self._tell(f"{error.message} All customers are read anew.")
                        wanted, self._since = standing.list_turn + 1, None
                        continue
                    if found is not None:
                        return found
                if standing.holds and standing.reader != self._place.reader:
                    watched = standing.turn
                    self.elsewhere = Elsewhere(self._named(standing.reader), standing.customers)
                    time.sleep(_LOOK)
                    continue
                if standing.failed and standing.turn == watched:
                    raise ReadingEnded(
                        f"{self._named(standing.reader)} was reading the customers and stopped. {standing.failed}"
                    )
            self.number = self._place.take_turn()
            if self.number is not None:
                return None
        return None

    def _wanted(self, standing: Standing | None) -> int:
        """The first turn whose list will do."""
        if standing is None:
            return 1
        return standing.turn if self._since is not None and standing.holds else standing.turn + 1

    def _is_young(self, standing: Standing) -> bool:
        return self._since is not None and standing.started_at is not None and standing.started_at >= self._since

    def _hold(self, came: Callable[[], tuple[int, int]]) -> None:
        if self.number is not None:
            threading.Thread(target=self._renew, args=(self.number, came), name="turn-to-read", daemon=True).start()

    def _renew(self, turn: int, came: Callable[[], tuple[int, int]]) -> None:
        before, moved_at = -1, 0.0
        while not self._over.wait(_BEAT):
            pages, customers = came()
            if pages != before or self._keeps:
                before, moved_at = pages, time.monotonic()
            if time.monotonic() - moved_at < _STANDS_STILL:
                with suppress(JournalError):
                    if not self._place.renew(turn, customers):
                        return
