"""The worker: the one object of a process that carries runs, in threads of its own, whatever happens to the pages."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from lib.avara.models import Customer
from lib.errors import IllegalTransition, JournalError, NotCounted, OtherConnection
from lib.journal.journal import LEASE_SECONDS, Journal
from lib.runs.crew import Crew, Notice
from lib.runs.engine import READ_BACK_WAITS, Client, Tools, utc_now
from lib.runs.lease import Heart
from lib.runs.model import ITSELF, Action, Person, Run, RunState
from lib.runs.policy import Policy, check_amount
from lib.runs.words import said


def _nobody(_records: Sequence[Customer], /) -> None:
    """Nobody wants to know."""


class Worker:
    """Carries out recorded runs. Every method but `stop` and `join` returns at once; the journal shows what is going on.

    `client_for` gives the client for what the key with this fingerprint began, or None where that key is of another account:
    a run never goes out to another account than its plan was made for. `active_total` tells how many of its customers
    are active now (None: not counted yet, so that no deactivation can start), for the cap on their share; without it that cap
    is not checked. `concurrency` is calls at a time for a run, at most.
    """

    def __init__(
        self,
        journal: Journal,
        client_for: Callable[[str], Client | None],
        *,
        policy: Policy | None = None,
        active_total: Callable[[], int | None] | None = None,
        concurrency: int | None = None,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], object] = time.sleep,
        read_back_waits: Sequence[float] = READ_BACK_WAITS,
        on_settled: Notice = _nobody,
        lease: float = LEASE_SECONDS,
    ) -> None:
        # The token tells this process from an earlier one that had the same host name and process id, as in a container.
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._journal, self._client_for = journal, client_for
        self._heart = Heart(journal, self.owner, self.recover, carried=self._carried, seconds=lease)
        self._tools = Tools(
            journal,
            self.owner,
            now=now,
            sleep=sleep,
            read_back_waits=tuple(read_back_waits),
            policy=policy or Policy(),
            held=self._heart.held,
        )
        self._concurrency, self._on_settled = concurrency or self._tools.policy.concurrency, on_settled
        self._active_total = active_total
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads: dict[str, threading.Thread] = {}

    def start(self) -> tuple[Run, ...]:
        """Find what dead processes left behind, now and from time to time until `stop` (see `recover`)."""
        self._heart.start()
        return self.recover()

    def recover(self) -> tuple[Run, ...]:
        """Mark running runs whose lease has run out as `interrupted`; their open steps wait to be read back.

        Nothing is taken up without a person asking for it. Were the other process alive after all, it would lose the run
        before its next call: each intent is written only while the run is still its writer's.
        """
        carried = self._carried()
        found = (self._offer(run) for run in self._journal.reads.expired_runs() if run.id not in carried)
        return tuple(run for run in found if run is not None)

    def submit(self, run_id: str, *, who: Person) -> Run:
        """Start a planned run.

        Raises OtherConnection, CapExceeded, NotCounted, RunNotFound, and IllegalTransition if it was started already.
        """
        return self._take_up(run_id, {RunState.PLANNED}, who)

    def resume(self, run_id: str, *, who: Person) -> Run:
        """Go on with a paused or interrupted run: what was in flight is read back, one step goes first, the others follow."""
        return self._take_up(run_id, {RunState.PAUSED, RunState.INTERRUPTED}, who)

    def retry(self, run_id: str, *, who: Person) -> Run:
        """Try the failed, not applied and unknown steps of a finished run again; unknown ones are read back first."""
        run = self._journal.reads.run(run_id)
        client = self._client(run)
        if run.state is RunState.FINISHED and not run.can_retry:
            raise IllegalTransition("Nothing in this run failed, was not applied or is unknown.", run_id=run_id)
        self._check_caps(run)
        run = self._journal.retry(run_id, owner=self.owner, now=self._tools.now(), who=who, lease=self._heart.seconds)
        self._launch(run, client, who, again=True, probe=True)
        return run

    def pause(self, run_id: str, *, who: Person) -> None:
        """Ask a running run to hold once its calls in flight are settled. Raises IllegalTransition if it is not running."""
        self._journal.request(run_id, "pause", now=self._tools.now(), who=who)

    def cancel(self, run_id: str, *, who: Person) -> None:
        """End a live run: nothing more is taken up, what is in flight is settled and verified, the rest stays planned.

        A run of another account that nobody carries ends with nothing sent: what was in flight is `unknown`.
        """
        run, now = self._journal.reads.run(run_id), self._tools.now()
        if run.state is RunState.RUNNING:
            self._journal.request(run_id, "cancel", now=now, who=who)
        elif run.totals.in_flight + run.totals.unknown and self._client_for(run.fingerprint) is not None:
            client = self._client(run)
            run = self._journal.start(run_id, owner=self.owner, now=now, who=who, cancelling=True, lease=self._heart.seconds)
            self._launch(run, client, who)
        else:
            so_far = f"Cancelled after {run.totals.total - run.totals.planned:,} of {run.totals.total:,} customers"
            words = said(f"{so_far}; the other {run.totals.planned:,} were not started.")
            self._journal.cancel(run_id, words=words, now=now, who=who)

    def stop(self, timeout: float = 10.0) -> bool:
        """Finish the calls in flight, settle them, mark their runs interrupted. False if some call outlived `timeout` seconds.

        Such a call's step stays in flight, to be read back when the run is resumed.
        """
        with self._lock:
            self._stopping.set()
            threads = dict(self._threads)
        deadline = time.monotonic() + timeout
        for thread in threads.values():
            thread.join(max(deadline - time.monotonic(), 0.0))
        late = [run_id for run_id, thread in threads.items() if thread.is_alive()]
        for run_id in late:
            try:
                self._interrupt(self._journal.reads.run(run_id), "Express Ops was stopped with calls under way.")
            except JournalError:
                continue  # it has just ended by itself, or the next start finds it without its owner
        self._heart.stop()  # last: what is still in flight must stay ours for as long as it is
        return not late

    def join(self, run_id: str, timeout: float | None = None) -> bool:
        """Wait until this worker no longer carries the run; False if it still does after `timeout` seconds."""
        with self._lock:
            thread = self._threads.get(run_id)
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _take_up(self, run_id: str, states: set[RunState], who: Person) -> Run:
        run = self._journal.reads.run(run_id)
        if run.state not in states:
            raise IllegalTransition(f"This run is {run.state} and can't be taken up.", run_id=run_id)
        client = self._client(run)
        self._check_caps(run)
        canary = self._tools.policy.canary.of(run.totals.total)
        run = self._journal.start(
            run_id, owner=self.owner, now=self._tools.now(), who=who, lease=self._heart.seconds, canary=canary
        )
        self._launch(run, client, who, probe=RunState.PLANNED not in states)
        return run

    def _check_caps(self, run: Run) -> None:
        """Count once more, on what the run froze: the settings or the account may have changed since its review."""
        users = sum(step.before.user_count for step in self._journal.reads.every_step(run.id))
        active = None
        if self._active_total is not None and run.action is Action.DEACTIVATE:
            active = self._active_total()
            if active is None and self._tools.policy.caps.max_percent < 100:
                raise NotCounted
        # those that this run has deactivated already were active when it began
        before = None if active is None else active + run.totals.verified
        check_amount(self._tools.policy.caps, run.action, run.totals.total, users, before)

    def _client(self, run: Run) -> Client:
        if self._stopping.is_set():
            raise IllegalTransition("Express Ops is being stopped and takes up no run.", run_id=run.id)
        client = self._client_for(run.fingerprint)
        if client is None:
            raise OtherConnection
        self._heart.start()  # before any lease begins, so that `held` errs on the safe side
        return client

    def _launch(self, run: Run, client: Client, who: Person, *, again: bool = False, probe: bool = False) -> None:
        crew = Crew(
            run,
            client,
            self._tools,
            size=self._concurrency,
            again=again,
            probe=probe,
            stopping=self._stopping,
            on_settled=self._on_settled,
            who=who,
        )
        thread = threading.Thread(target=self._carry, args=(run.id, crew), daemon=True, name=run.id)
        with self._lock:
            self._threads[run.id] = thread
        thread.start()

    def _offer(self, run: Run) -> Run | None:
        words = said(f"The process that carried this run ended in the middle, or lost its way to the journal. {_so_far(run)}")
        try:
            return self._journal.interrupt(run, words=words, now=self._tools.now())
        except IllegalTransition:
            return None  # its process was only late, or another one was first to notice

    def _carried(self) -> frozenset[str]:
        with self._lock:
            return frozenset(self._threads)

    def _carry(self, run_id: str, crew: Crew) -> None:
        crew.carry()
        with self._lock:
            if self._threads.get(run_id) is threading.current_thread():
                del self._threads[run_id]

    def _interrupt(self, run: Run, what: str) -> Run:
        now, who = self._tools.now(), ITSELF
        words = said(f"{what} {_so_far(run)}")
        return self._journal.end(run.id, RunState.INTERRUPTED, words=words, now=now, who=who, owner=run.owner)


def _so_far(run: Run) -> str:
    return f"{run.totals.settled:,} of {run.totals.total:,} customers are done; resume the run to go on."
