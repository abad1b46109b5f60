"""What came after a run: whether a customer that it deactivated has come back to life. Asked on request; nothing is changed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from lib.avara.limiter import Wanted, always
from lib.avara.models import Customer, StudyPage
from lib.avara.requests import PRODUCTS, Product
from lib.avara.text import count
from lib.avara.times import known, to_minute
from lib.errors import ApiError, ExpressOpsError, IllegalTransition
from lib.journal.reads import Reads
from lib.plans.model import Action, Run, Step, StepState
from lib.runs.judge import trouble_of
from lib.runs.several import in_order
from lib.spreadsheet import csv_bytes

#: Said wherever it is asked: what nobody can know must not look as if it had not happened.
NOT_SHOWN = "Attempts that the API refused since then can't be counted: the API does not show them."
#: Runs of which the answers stay.
_REMEMBERED = 20
_HEADER = ("customer id", "name", "did it hurt", "what is seen", "deactivated (UTC)", "newest study since (UTC)", "read (UTC)")


logger = logging.getLogger(__name__)


class Client(Protocol):
    """The part of the API client that is asked. Raises ApiError."""

    def get_customer(self, customer_id: str, /, wanted: Wanted = always) -> Customer: ...
    def iter_studies(
        self, product: Product, customer_id: str | None = None, /, *, wanted: Wanted = always
    ) -> Iterator[StudyPage]: ...


@dataclass(frozen=True)
class Aftermath:
    """What was seen at `read_at` of a customer that a run had deactivated at `since`.

    `studies`: how many came in since, None where that could not be read; at least so many, for one is proof. `active`: None
    where its record could not be read. `back`: who reactivated it, in words. `why`: what could not be read.
    """

    customer_id: str
    name: str
    since: datetime
    read_at: datetime
    studies: int | None = None
    newest: datetime | None = None
    active: bool | None = None
    back: str = ""
    why: str = ""

    @property
    def hurt(self) -> bool | None:
        """Whether there is any sign of life; None where there is none, but not all could be read."""
        if self.studies or self.active or self.back:
            return True
        return False if self.studies == 0 and self.active is False else None

    @property
    def answer(self) -> str:
        return {True: "yes", False: "no", None: "unknown"}[self.hurt]

    @property
    def words(self) -> str:
        """In one line, what was seen and what could not be."""
        told = [self.back, self.why]
        if self.studies:
            came = count(self.studies, "study", "studies")
            told.insert(0, f"at least {came} came in since, the newest seen {to_minute(self.newest)}")
        return "; ".join(filter(None, told)) or "no study came in since, and it is inactive"


#: Hears what was found so far, and of how many.
Tell = Callable[[Sequence[Aftermath], int], object]


def aftermath(
    run: Run,
    client: Client,
    reads: Reads,
    now: Callable[[], datetime],
    *,
    tell: Tell = lambda *_: None,
    wanted: Wanted = always,
) -> tuple[Aftermath, ...]:
    """Of each customer that the run deactivated, in the plan's order; of the first ones once nobody wants it any more.

    Raises IllegalTransition where the run deactivated nobody, and ApiError where the way to the API is at fault: then nothing
    is known of the others either.
    """
    if run.action is not Action.DEACTIVATE or not run.totals.verified:
        raise IllegalTransition(f"{run.id} deactivated nobody, so it hurt nobody.", run_id=run.id)
    steps = list(reads.every_step(run.id, StepState.VERIFIED))
    found: list[Aftermath] = []

    def meanwhile() -> bool:
        tell(found, len(steps))
        return wanted()

    def ask(step: Step, waited_for: Wanted) -> Aftermath:
        return _of_one(step, client, reads, now, lambda: wanted() and waited_for())

    with closing(in_order(ask, steps, meanwhile)) as answers:
        for one in answers:
            if not wanted():
                break
            found.append(one)
            tell(found, len(steps))
    return tuple(found)


def to_csv(found: Iterable[Aftermath]) -> bytes:
    """One row a customer, safe in spreadsheets."""
    rows = ((one.customer_id, one.name, one.answer, one.words, one.since, one.newest, one.read_at) for one in found)
    return csv_bytes(_HEADER, rows)


def _of_one(step: Step, client: Client, reads: Reads, now: Callable[[], datetime], wanted: Wanted) -> Aftermath:
    since = step.started_at or step.settled_at or now()
    seen = _studies(Aftermath(step.customer_id, step.name, since, now()), client, now, wanted)
    try:
        active = client.get_customer(step.customer_id, wanted).is_active
    except ApiError as error:
        if trouble_of(error) is not None:
            raise
        active, seen = None, replace(seen, why="; ".join(filter(None, [seen.why, f"its record is unknown: {error.message}"])))
    ours = _reactivated(reads, step, since)
    return replace(seen, active=active, back=ours or ("it is active again, by no run of this journal" if active else ""))


def _studies(seen: Aftermath, client: Client, now: Callable[[], datetime], wanted: Wanted) -> Aftermath:
    """Read on until one study proves life: their order is not documented, so only all of them show that none came."""
    doubtful = 0
    try:
        for product in PRODUCTS:
            for page in client.iter_studies(product, seen.customer_id, wanted=wanted):
                times = [(one, known(one.created_at, now())) for one in page.studies if not one.is_cancelled]
                came = [at for _, at in times if at is not None and at > seen.since]
                doubtful += sum(at is None for _, at in times) + len(page.problems)
                if came:
                    return replace(seen, studies=len(came), newest=max(came))
                if not wanted():
                    return replace(seen, why="stopped before all its studies were read")
    except ApiError as error:
        return replace(seen, why=f"its studies are unknown: {error.message}")
    return replace(seen, why="some of its studies have no time that can be") if doubtful else replace(seen, studies=0)


def _reactivated(reads: Reads, step: Step, since: datetime) -> str:
    """Which run of this journal gave the customer back last, and whose that was; empty where none did."""
    for run, then in reads.history(step.customer_id):
        if run.action is Action.REACTIVATE and isinstance(then, Step) and then.state is StepState.VERIFIED:
            at = then.settled_at
            if at is not None and at > since:
                return f"reactivated {to_minute(at)} by {run.id} of {run.operator}"
    return ""


@dataclass(frozen=True)
class Asked:
    """How far a question about a run is: what was found, of how many, asked when. `failure`: what ended it, in words."""

    at: datetime
    found: tuple[Aftermath, ...] = ()
    total: int = 0
    under_way: bool = True
    failure: str = ""


class Aftermaths:
    """Asks in the background, in a thread for each run that somebody asks about; what was found stays until it is asked again.

    `read` is `aftermath` of a run. Any thread may call it.
    """

    def __init__(self, read: Callable[[Run, Tell, Wanted], tuple[Aftermath, ...]], now: Callable[[], datetime]) -> None:
        self._read, self._now = read, now
        self._asked: dict[str, Asked] = {}
        self._stop: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def of(self, run_id: str) -> Asked | None:
        """What is known; None where nobody has asked."""
        return self._asked.get(run_id)

    def begin(self, run: Run) -> None:
        """Ask, unless that is under way."""
        with self._lock:
            asked = self.of(run.id)
            if asked is not None and asked.under_way:
                return
            self._asked.pop(run.id, None)
            self._asked = dict([*self._asked.items(), (run.id, Asked(self._now(), total=run.totals.verified))][-_REMEMBERED:])
            stop = self._stop[run.id] = threading.Event()
        threading.Thread(target=self._ask, args=(run, stop), name="aftermath", daemon=True).start()

    def stop(self, run_id: str) -> None:
        """Ask no more; what was found by then stays."""
        if (stop := self._stop.get(run_id)) is not None:
            stop.set()

    def close(self) -> None:
        for run_id in list(self._stop):
            self.stop(run_id)

    def _ask(self, run: Run, stop: threading.Event) -> None:
        def tell(found: Sequence[Aftermath], total: int) -> None:
            self._note(run.id, found=tuple(found), total=total)

        failure = ""
        try:
            self._read(run, tell, lambda: not stop.is_set())
        except ExpressOpsError as error:
            failure = error.message
        except Exception as exc:  # whatever it was, it must not look as if somebody still asked
            logger.exception("What came after %s could not be asked", run.id)
            failure = f"Express Ops failed inside ({type(exc).__name__}). Its log says more."
        self._note(run.id, under_way=False, failure=failure)

    def _note(self, run_id: str, **news: Any) -> None:  # noqa: ANN401 - fields of Asked
        with self._lock:
            if run_id in self._asked:
                self._asked[run_id] = replace(self._asked[run_id], **news)
