"""A rehearsal: the very plan carried out by the same engine on a sandbox made of today's list.

It can't reach the API: its client knows the address of that sandbox on this machine and a key made up for it, and nothing
else. It has a journal of its own in a temporary folder, which is removed with it; the plan's run is not in the real one.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import SecretStr

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.limiter import Limiter
from lib.avara.models import Customer, id_key
from lib.errors import ExpressOpsError, PlanError
from lib.evidence.activity import Activity
from lib.journal.journal import Journal
from lib.people import Person
from lib.plans.model import Hold, Run, RunState, Totals
from lib.plans.plan import Plan
from lib.plans.policy import Policy
from lib.rehearsal.conditions import Conditions
from lib.rehearsal.report import Report, calls_of, left_of, met
from lib.runs.owner import is_gone, new_owner
from lib.runs.worker import Worker

if TYPE_CHECKING:
    from lib.sandbox.server import SandboxServer
    from lib.sandbox.store import Given

_WHO = Person("Rehearsal", "by itself")
_FOLDER, _OWNER = "express-ops-rehearsal-", "owner"
#: Seconds between two looks at how far it is; that calls in flight may take once it is stopped; that its end is waited for.
_LOOK, _STOP_WITHIN, _END_WITHIN = 0.1, 3.0, 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Today:
    """The list that the sandbox is made of, and what is known of its customers' studies, by `id_key`."""

    records: Sequence[Customer]
    activity: Mapping[str, Activity] = field(default_factory=dict)
    read_at: datetime | None = None
    active_total: int | None = None

    def given(self) -> list[Given]:
        """Each customer as the sandbox is given it. Of its studies the newest one counts."""
        from lib.sandbox.store import Added, Given  # noqa: PLC0415 - nobody waits for the sandbox who does not rehearse

        found = [(record, self.activity.get(id_key(record.id))) for record in self.records]
        return [
            Given(
                record.model_dump(mode="json", by_alias=True),
                (Added(seen.newest, is_cancelled=False),) if seen is not None and seen.newest is not None else (),
            )
            for record, seen in found
        ]


@dataclass(frozen=True)
class Progress:
    """How far it is; `seconds` since the run began there, `left` at the pace so far, `waiting` as the sandbox asked to."""

    totals: Totals
    seconds: float = 0.0
    waiting: float = 0.0

    @property
    def left(self) -> float | None:
        settled = self.totals.settled
        return self.seconds / settled * (self.totals.total - settled) if settled else None


class Rehearsal:
    """Carried out in a thread of its own from the start on. Any thread may look at it, wait for it or stop it.

    `report` is there once it is over, unless `failure` says why not. Raises PlanError for an undo.
    """

    def __init__(
        self, plan: Plan, today: Today, policy: Policy, conditions: Conditions, *, now: Callable[[], datetime]
    ) -> None:
        if plan.undo_of is not None:
            raise PlanError(
                "An undo can't be rehearsed: it calls only for those whose records are exactly as the run left them."
            )
        self.plan, self.conditions = plan, conditions
        self._today, self._policy, self._now = today, policy.without_approvals(), now  # nobody real is called
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="rehearsal", daemon=True)
        self.progress = Progress(Totals(planned=len(plan.customers)))
        self.report: Report | None = None
        self.failure: ExpressOpsError | None = None

    @property
    def expected(self) -> float:
        """Seconds that it may take when all goes well, told before it begins."""
        return self.conditions.seconds(len(self.plan.customers), self._policy.concurrency)

    @property
    def over(self) -> bool:
        return self.report is not None or self.failure is not None

    def start(self) -> Self:
        """Begin. Returns at once."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """End it soon; the report is then of what was seen so far."""
        self._cancelled.set()

    def wait(self, seconds: float) -> bool:
        """Wait until it is over; False if it still goes on then."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def close(self) -> None:
        """End it now, so that nothing of it is left behind."""
        self.cancel()
        self.wait(_END_WITHIN)

    def _carry(self) -> None:
        try:
            self.report = self._rehearsed()
        except ExpressOpsError as error:
            self.failure = error
        except Exception as error:  # whoever waits for it must hear of its end
            logger.exception("A rehearsal failed")
            self.failure = PlanError(f"The rehearsal failed inside ({type(error).__name__}). The log of Express Ops says more.")

    def _rehearsed(self) -> Report:
        from lib.sandbox.server import SandboxServer  # noqa: PLC0415

        chosen = self.conditions
        with ExitStack() as stack:
            folder = stack.enter_context(_temporary())
            journal = stack.enter_context(closing(Journal(folder / "journal.sqlite")))
            server = stack.enter_context(
                SandboxServer(
                    customers=0,
                    given=self._today.given(),
                    api_key=secrets.token_urlsafe(),
                    rate_limit=chosen.rate_limit or None,
                    latency_ms=chosen.latency * 1000,
                    faults=chosen.faults,
                )
            )
            connection = Connection(server.base_url, SecretStr(server.api_key), "Rehearsal", "sandbox")
            client = stack.enter_context(AvaraClient(connection, limiter=Limiter(ceiling=self._policy.concurrency)))
            run = journal.record(self.plan, self._now(), who=_WHO)
            worker = Worker(
                journal, lambda _: client, policy=self._policy, active_total=lambda: self._active(journal.reads.run(run.id))
            )
            stack.callback(worker.stop)
            stack.callback(server.stop)  # before the worker's last calls, which may hang, are waited for
            seconds, waited = self._followed(journal, worker, client, run)
            worker.stop(_STOP_WITHIN)
            return self._reported(journal, server, run, seconds, waited)

    def _followed(self, journal: Journal, worker: Worker, client: AvaraClient, run: Run) -> tuple[float, float]:
        """Carry the run to its end, or until a person would have to do something; the seconds, and those waited as asked."""
        began, waited = time.monotonic(), 0.0
        worker.submit(run.id, who=_WHO)
        while not self._cancelled.is_set():
            carried = not worker.join(run.id, _LOOK)
            waiting = client.waiting
            waited += _LOOK if waiting else 0.0
            now = journal.reads.run(run.id)
            self.progress = Progress(now.totals, time.monotonic() - began, waiting)
            if carried:
                continue
            if now.state is not RunState.PAUSED or now.hold is not Hold.CANARY:
                break
            worker.resume(run.id, who=_WHO)
        return time.monotonic() - began, waited

    def _active(self, run: Run) -> int | None:
        """As the list will show it by then: without those that this run has deactivated."""
        return None if self._today.active_total is None else self._today.active_total - run.totals.verified

    def _reported(self, journal: Journal, server: SandboxServer, run: Run, seconds: float, waited: float) -> Report:
        steps, asked = list(journal.reads.every_step(run.id)), server.calls()
        return Report(
            plan=self.plan,
            conditions=self.conditions,
            read_at=self._today.read_at,
            at=self._now(),
            run=journal.reads.run(run.id),
            whole=not self._cancelled.is_set(),
            canary=self._policy.canary.of(len(steps)) if not self.plan.goes_on else None,
            seconds=seconds,
            waited=waited,
            requests=len(asked),
            met=met(asked, steps),
            calls=calls_of(steps),
            left=left_of(steps),
            studies=sum(id_key(record.id) in self._today.activity for record in self._today.records),
        )


@contextmanager
def _temporary() -> Iterator[Path]:
    """A folder that only this user can read, gone afterwards; those of processes that were killed go now."""
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        try:
            gone = is_gone((left / _OWNER).read_text())
        except OSError:
            continue
        if gone:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_FOLDER, ignore_cleanup_errors=True) as folder:
        (Path(folder) / _OWNER).write_text(new_owner())
        yield Path(folder)
