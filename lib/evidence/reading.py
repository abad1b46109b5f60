"""Reading the studies of many customers, only as far as it takes to be certain, in threads that whoever looks can follow."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.avara.limiter import always
from lib.avara.models import id_key
from lib.avara.requests import PRODUCTS
from lib.avara.times import possible
from lib.errors import ApiError, ExpressOpsError, Interrupted, SnapshotNotKept, Withdrawn
from lib.evidence.activity import Activity
from lib.evidence.jobs import Job, Waiting, further
from lib.evidence.kept import ActivityShelf, Known, newest
from lib.evidence.studies import Studies, is_of_all, read_studies, reason

_log = logging.getLogger(__name__)

#: Customers at a time, at most; how many requests go at a time, and how fast, the connection's limiter says.
_AT_ONCE = 64
#: Seconds between two words on how far the reading is, while none comes, and two looks at what others kept.
_LOOK = 0.5
#: Seconds between two times that what was read is kept: so much a process that is killed loses.
_KEEP_EVERY = 15.0
#: After so many customers in a row that could not be read, one request that is about none of them tells whose fault it is.
_IN_A_ROW = 20
#: What is older than a setting says is looked for so often.
_AGES = timedelta(minutes=1)


@dataclass(frozen=True)
class UnderWay:
    """How far a reading is: customers done, of how many, since when.

    `seconds_left`: None while too little has come to tell. `waiting`: seconds for which the API asked all requests to wait.
    """

    done: int
    total: int
    began: datetime
    seconds_left: float | None
    waiting: float


class ActivityReading:
    """The activity of many customers, read in threads of its own; what was read stays, and reading goes on where it stopped.

    There is one reading, which does what anybody asked for; its requests go after all others of the connection. What was read
    is used again for as long as it `stands`, and kept on the `shelf` meanwhile and at the end. `waiting`: seconds for which the
    API asked everybody to wait. Any thread may call it.
    """

    def __init__(
        self,
        client: Studies,
        now: Callable[[], datetime],
        *,
        shelf: ActivityShelf | None = None,
        stands: timedelta = timedelta(hours=24),
        waiting: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._client, self._now, self._shelf, self._waiting = client, now, shelf, waiting
        self.stands = stands
        self.revision = 0  #: another number whenever more is known, or less
        #: What stopped the reading as a whole, until it begins again.
        self.failure: ExpressOpsError | None = None
        #: What went wrong with what is kept, in words; the studies themselves are not affected.
        self.word = ""
        self._lock, self._keeping = threading.RLock(), threading.Lock()
        self._sure = threading.Event()  # else it is being found out whose fault it is, and nobody goes on meanwhile
        self._sure.set()
        self._queue: dict[str, Job] = {}
        self._going: dict[str, Job] = {}
        self._threads = self._done = self._in_a_row = self._kept_revision = 0
        self._began = self._looked_at = now()
        self._closed = False
        self._known: dict[str, Activity] = {}
        self._kept_at = self._caught_up_at = time.monotonic()
        if shelf is not None:
            self._known, trouble = shelf.read(self._looked_at - stands, self._looked_at)
            self._say(trouble)

    @property
    def known(self) -> dict[str, Activity]:
        """What was read and still stands, by `id_key`."""
        with self._lock:
            now = self._now()
            if not timedelta(0) <= now - self._looked_at < _AGES:
                self._looked_at = now
                gone = [key for key, seen in self._known.items() if not self._stands(seen, now)]
                self.revision += sum(self._known.pop(key) is not None for key in gone)
        return self._known

    @property
    def under_way(self) -> UnderWay | None:
        """How far the reading is; None while nothing is read."""
        with self._lock:
            to_do, done, began = len(self._queue) + len(self._going), self._done, self._began
        if not to_do:
            return None
        seconds = (self._now() - began).total_seconds()
        left = seconds / done * to_do if done > 1 and seconds > 0 else None
        return UnderWay(done, done + to_do, began, left, self._waiting())

    def unread(self, ids: Iterable[str], within: int | None = None) -> list[str]:
        """Those of whom it is not known whether a study came within so many days (None: how many there ever were), by what
        still stands. Whoever could not be read comes last.
        """
        self.catch_up()
        known, now = self.known, self._now()
        asked = {id_key(one): one for one in ids}
        answered = {key for key in asked.keys() & known if self._stands(known[key], now) and known[key].answers(within)}
        left = [one for key, one in asked.items() if key not in answered]
        return sorted(left, key=lambda one: id_key(one) in known and known[id_key(one)].why != "")

    def _stands(self, seen: Activity, now: datetime) -> bool:
        return now - self.stands <= seen.read_at <= possible(now)[1]  # later ones are of a clock that was ahead

    def begin(self, ids: Iterable[str], within: int | None = None) -> None:
        """Read the studies of those who are `unread`, in the background; beside those that are being read already."""
        self._add(self.unread(ids, within), within)

    def cancel(self) -> None:
        """Stop: no more is sent, and an answer that is under way is waited for by nobody. What was read stays."""
        with self._lock:
            self._drop([*self._queue.values(), *self._going.values()], _stopped())

    def read(self, ids: Sequence[str], *, within: int | None = None, tell: Callable[[int], object] = lambda _: None) -> None:
        """Have the activity of these customers among what is known, and wait for it.

        What is known is read again where it is `unread`. `tell` hears how many are done. Raises what stopped the reading as a
        whole, and Interrupted where somebody cancelled it. An Interrupt comes through: what was read by then stays.
        """
        waiting, unread = Waiting(), self.unread(ids, within)
        own = self._add(unread, within, waiting)
        try:
            tell(len(ids) - len(unread))
            while waiting.left and not waiting.over.wait(_LOOK):
                tell(len(ids) - waiting.left)
            if waiting.failure is not None:
                raise waiting.failure
            tell(len(ids))
        finally:
            with self._lock:
                self._drop(own, _stopped())

    def close(self) -> None:
        """Stop, and keep what was read. Nothing is read afterwards."""
        with self._lock:
            self.cancel()
            self._closed = True
        self._keep(last=True)

    def _add(self, ids: Iterable[str], within: int | None, waiting: Waiting | None = None) -> list[Job]:
        """Put these into the queue, and have somebody wait for them; the jobs made for it, beside those that do it anyway."""
        own = []
        with self._lock:
            if not self._queue and not self._going:
                self._done, self._in_a_row, self._began, self.failure = 0, 0, self._now(), None
            for customer_id in ids:
                key = id_key(customer_id)
                job = self._going.get(key)
                if job is None or further(job.within, within) != job.within:
                    job = self._queue.get(key)
                if job is None:
                    job = self._queue[key] = Job(customer_id, within)
                    own.append(job)
                job.reach(within)
                job.wait_for(waiting)
            if self._closed:
                self._drop(own, _stopped())
            for _ in range(min(_AT_ONCE - self._threads, len(self._queue))):
                self._threads += 1
                threading.Thread(target=self._work, name="activity", daemon=True).start()
        return own

    def _drop(self, jobs: Iterable[Job], why: ExpressOpsError) -> None:
        """Nobody reads these any more, and whoever waits for one hears why. The lock is held."""
        for job in jobs:
            key = id_key(job.customer_id)
            for place in (self._queue, self._going):
                if place.get(key) is job:
                    del place[key]
            job.end(why)

    def _next(self) -> Job | None:
        """Take up one customer; none where nobody is left, or is being read already: its thread then goes on with it."""
        self._sure.wait()
        with self._lock:
            for key, job in self._queue.items():
                if key not in self._going:
                    self._going[key] = self._queue.pop(key)
                    return job
            self._threads -= 1
        return None

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                seen, error = read_studies(self._client, job.customer_id, self._now(), job.within, job.is_wanted, last=True)
                if job.is_wanted() or error is None:
                    self._note(job, seen, error)
            except Withdrawn:
                pass
            except ExpressOpsError as exc:
                self._fail(exc)
            except Exception as exc:  # noqa: BLE001 - whatever it is, whoever waits must hear of it
                if job.is_wanted():
                    # Its type only: a message from elsewhere could hold anything, a patient's name too.
                    _log.error("Reading studies stopped: %s", type(exc).__name__)
                    self._fail(ExpressOpsError("Something unexpected went wrong while studies were read. See the log."))
            if time.monotonic() - self._kept_at > _KEEP_EVERY:
                self._keep()
        if self.under_way is None:
            self._keep()

    def _note(self, job: Job, seen: Activity, error: ApiError | None) -> None:
        """What came of one customer. Raises what is no fault of its own."""
        if error is not None and is_of_all(error):
            raise error
        with self._lock:
            if self._closed:
                return
            self._known[id_key(job.customer_id)] = seen if error is None else seen.cut_off(reason(error))
            self.revision += 1
            self._in_a_row = 0 if error is None else self._in_a_row + 1
            in_doubt = self._in_a_row == _IN_A_ROW
            if in_doubt:
                self._sure.clear()
            if job.is_wanted():
                self._done += 1
                job.end()
                del self._going[id_key(job.customer_id)]
        if in_doubt:
            try:
                next(self._client.iter_studies(PRODUCTS[0], wanted=always, last=True), None)
            except ExpressOpsError as exc:
                self._fail(exc)  # before the others go on
            finally:
                self._in_a_row = 0
                self._sure.set()

    def _fail(self, failure: ExpressOpsError) -> None:
        with self._lock:
            jobs = [*self._queue.values(), *self._going.values()]
            if jobs:  # else it was stopped, or failed already
                self.failure = failure
            self._drop(jobs, failure)

    def _keep(self, *, last: bool = False) -> None:
        """Keep what was read, and learn what other processes kept; not where another thread does, but for the `last` time."""
        if self._shelf is None or not self._keeping.acquire(blocking=last):
            return
        try:
            with self._lock:
                if (self._closed and not last) or self.revision == self._kept_revision:
                    return
                known, revision, now = dict(self.known), self.revision, self._now()
            kept = self._shelf.write(known, now - self.stands, now)
            self._kept_revision = revision
            self._learn(kept)
        except SnapshotNotKept as error:
            self._say(error.message)
        finally:
            self._kept_at = time.monotonic()
            self._keeping.release()

    def catch_up(self) -> None:
        """Learn what other processes have kept since; not while this one keeps, which does that too."""
        if self._shelf is None or time.monotonic() - self._caught_up_at < _LOOK or not self._keeping.acquire(blocking=False):
            return
        try:
            self._caught_up_at = time.monotonic()
            if self._shelf.has_news():
                kept, trouble = self._shelf.read(self._now() - self.stands, self._now())
                self._learn(kept)
                self._say(trouble or self.word)
        finally:
            self._keeping.release()

    def _learn(self, kept: Known) -> None:
        with self._lock:
            before, self._known = self._known, newest(kept, self._known)
            learned = sum(seen is not before.get(key) for key, seen in self._known.items())
            self.revision += learned
            self._kept_revision += learned  # it is kept already

    def _say(self, text: str) -> None:
        if text:
            _log.warning("%s", text)
        self.word = text


def _stopped() -> Interrupted:
    return Interrupted("Reading studies was stopped. What was read stays: reading again goes on from there.")
