"""The worker: the one object of a process that carries runs, in threads of its own, whatever happens to the pages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from math import ceil

from lib.errors import AlreadyOver, IllegalTransition, JournalDamaged, OtherConnection
from lib.journal.journal import LEASE_SECONDS, Journal
from lib.journal.reads import Lease
from lib.people import ITSELF, Person, Right, guarded
from lib.plans.model import Run, RunState
from lib.plans.policy import Policy
from lib.runs.admission import admit
from lib.runs.ending import ABANDONED, cancelled, ending
from lib.runs.execution import Execution
from lib.runs.heartbeat import Heartbeat, is_lost
from lib.runs.owner import carrier, new_owner
from lib.runs.spared import Spared
from lib.runs.tools import READ_BACK_WAITS, Client, Site, Tools, Unasked, utc_now

#: Seconds to wait for calls that a run has under way here before the same worker takes it up again.
_LAST_CALLS = 5.0


@guarded
class Worker:
    """Carries out recorded runs. Every method but `stop` and `join` returns at once; the journal shows what is going on.

    `client_for` gives the client for what the key with this fingerprint began, or None where that key is of another account:
    a run never goes out to another account than its plan was made for. `active_total` tells how many of its customers
    are active now (None: not counted yet, so that no deactivation can start), for the cap on their share; without it that cap
    is not checked. `ask` raises where a person may not do it; `site` is asked before each call too. `concurrency` is calls at
    a time for a run, at most.
    """

    #: Of the process, not of a person: called like verbs of a session.
    unasked = frozenset({"start", "join"})

    def __init__(
        self,
        journal: Journal,
        client_for: Callable[[str], Client | None],
        *,
        policy: Policy | None = None,
        active_total: Callable[[], int | None] | None = None,
        ask: Callable[[Right, Person | None], object] = lambda *_: None,
        site: Site | None = None,
        concurrency: int | None = None,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], object] = time.sleep,
        read_back_waits: Sequence[float] = READ_BACK_WAITS,
        lease: float = LEASE_SECONDS,
    ) -> None:
        self.owner, self.ask = new_owner(), ask
        self._journal, self._client_for = journal, client_for
        self._heartbeat = Heartbeat(journal, self.owner, self._look_around, seconds=lease)
        self._tools = Tools(
            journal,
            self.owner,
            now=now,
            sleep=sleep,
            read_back_waits=tuple(read_back_waits),
            policy=policy or Policy(),
            site=site or Unasked(),
        )
        self._concurrency = concurrency or self._tools.policy.concurrency
        self._active_total = active_total
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._carried: dict[str, tuple[Execution, threading.Thread]] = {}
        self._spared = Spared()

    def start(self) -> tuple[Run, ...]:
        """Find what dead processes left behind, now and from time to time until `stop`: runs, and cancels of theirs."""
        try:
            return self._look_around()  # first: what the heartbeat finds, nobody here is told
        finally:
            self._heartbeat.start()

    def recover(self) -> tuple[Run, ...]:
        """Mark running runs whose process is gone as `interrupted`; their open steps wait to be read back.

        No run goes on without a person asking for it. Were the other process alive after all, it would lose the run
        before its next call: each intent is written only while the run is still its writer's.
        """
        lost = [lease for lease in self._journal.reads.leases() if is_lost(lease)]
        found = [self._spared(lease.run_id, partial(self._offer, lease)) for lease in lost]
        return tuple(run for run in found if run is not None)

    def submit(self, run_id: str, *, who: Person) -> Run:
        """Start a planned run.

        Raises OtherConnection, CapExceeded, NotCounted, ApprovalNeeded, RunNotFound, JournalDamaged if the run is not what its
        plan says, and IllegalTransition if it was started already.
        """
        return self._take_up(run_id, {RunState.PLANNED}, who)

    def resume(self, run_id: str, *, who: Person) -> Run:
        """Go on with a paused or interrupted run, or one whose process is known to be gone.

        What was in flight is read back, and called again where it was not applied; one step goes first, the others follow.
        """
        return self._take_up(run_id, {RunState.PAUSED, RunState.INTERRUPTED}, who)

    def retry(self, run_id: str, *, who: Person) -> Run:
        """Try the failed, not applied and unknown steps of a finished run again; unknown ones are read back first."""
        run = self._journal.reads.run(run_id)
        client = self._client(run)
        self._journal.audit.check_plan(run_id)
        if run.state is RunState.FINISHED and not run.can_retry:
            raise IllegalTransition("Nothing in this run failed, was not applied or is unknown.", run_id=run_id)
        admit(run, who, self._tools, self._active_total)
        return self._launch(run, client, who, self._journal.retry, again=True, probe=True)

    def pause(self, run_id: str, *, who: Person) -> None:
        """Ask a running run to hold once its calls in flight are settled.

        Raises AlreadyOver where it has ended by now, IllegalTransition where it is not running.
        """
        self._request(run_id, "pause", who)

    def cancel(self, run_id: str, *, who: Person) -> None:
        """End a live run: nothing more is taken up, what is in flight is settled and verified, the rest stays planned.

        A run of another account that nobody carries ends with nothing sent: what was in flight is `unknown`. Raises
        AlreadyOver where it has ended by now.
        """
        run = self._as_it_is(run_id)
        _check_live(run)
        if run.state is RunState.RUNNING:
            self._request(run_id, "cancel", who)
        elif run.totals.in_flight + run.totals.unknown and self._can_read_back(run):
            self._launch(run, self._client(run), who, partial(self._journal.claim, cancelling=True))
        else:
            self._journal.cancel(run_id, words=cancelled(run, who.name), now=self._tools.now(), who=who)

    def _can_read_back(self, run: Run) -> bool:
        """Whether the run is this account's, and what its plan says: if not, nobody reads back whoever was put into it."""
        if run.damage or self._client_for(run.fingerprint) is None:
            return False
        try:
            self._journal.audit.check_plan(run.id)
        except JournalDamaged:
            return False
        return True

    def stop(self, timeout: float = 10.0) -> bool:
        """Finish the calls in flight, settle them, mark their runs interrupted. False if some call outlived `timeout` seconds.

        Such a call's step stays in flight, to be read back when the run is resumed.
        """
        with self._lock:
            self._stopping.set()
            carried = list(self._carried.values())
        deadline = time.monotonic() + timeout
        for _, thread in carried:
            thread.join(max(deadline - time.monotonic(), 0.0))
        late = [execution for execution, thread in carried if thread.is_alive()]
        for execution in late:
            execution.close()
        self._heartbeat.stop()  # last: what is still in flight must stay ours for as long as it is
        return not late

    def join(self, run_id: str, timeout: float | None = None) -> bool:
        """Wait until this worker no longer carries the run; False if it still does after `timeout` seconds."""
        with self._lock:
            _, thread = self._carried.get(run_id, (None, None))
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _take_up(self, run_id: str, states: set[RunState], who: Person) -> Run:
        run = self._as_it_is(run_id)
        if run.state not in states or run.requested is not None:
            raise IllegalTransition(self._why_not(run), run_id=run_id)
        client = self._client(run)
        self._journal.audit.check_plan(run_id)
        admit(run, who, self._tools, self._active_total)
        take_up = partial(self._journal.claim, canary=self._tools.policy.canary.of(run.totals.total), seen=run)
        return self._launch(run, client, who, take_up, probe=RunState.PLANNED not in states)

    def _as_it_is(self, run_id: str) -> Run:
        """The run, interrupted by now if the process that carried it is known to be gone."""
        for lease in self._journal.reads.leases(run_id):
            if is_lost(lease):
                self._offer(lease)
        return self._journal.reads.run(run_id)

    def _why_not(self, run: Run) -> str:
        """Why the run can't be taken up now, and when it can."""
        if run.requested is not None:
            left = "" if run.state is RunState.RUNNING else " Cancel it once more to have that done now."
            return f"This run is {run.state}, and somebody asked to {run.requested} it.{left}"
        for lease in self._journal.reads.leases(run.id):
            if lease.owner != self.owner:
                seconds = max(ceil(lease.left), 1)
                return f"Another process has it ({carrier(lease.owner)}). If that is gone, it can be resumed in {seconds} s."
        return f"This run is {run.state}, so it can't be taken up."

    def _client(self, run: Run) -> Client:
        if self._stopping.is_set():
            raise IllegalTransition("Express Ops is being stopped and takes up no run.", run_id=run.id)
        client = self._client_for(run.fingerprint)
        if client is None:
            raise OtherConnection
        return client

    def _launch(
        self, run: Run, client: Client, who: Person, take_up: Callable[..., Run], *, again: bool = False, probe: bool = False
    ) -> Run:
        """Claim the run by `take_up`, a move of the journal, and carry it in a thread of its own."""
        if not self.join(run.id, _LAST_CALLS):
            raise IllegalTransition("A call of this run is still under way here. Try again once it has ended.", run_id=run.id)
        self._heartbeat.start()
        claim = {"owner": self.owner, "now": self._tools.now(), "who": who, "lease": self._heartbeat.seconds}
        claim["settings"] = self._tools.policy.hash
        with self._lock:
            claimed = self._heartbeat.claim(lambda: take_up(run.id, **claim))
            execution = Execution(
                claimed,
                client,
                replace(self._tools, who=who, held=partial(self._heartbeat.held, run.id)),
                size=self._concurrency,
                again=again,
                probe=probe,
                stopping=self._stopping,
            )
            thread = threading.Thread(target=self._carry, args=(execution, run.id), daemon=True, name=run.id)
            self._carried[run.id] = execution, thread
            thread.start()
        return claimed

    def _carry(self, execution: Execution, run_id: str) -> None:
        try:
            execution.carry()
        finally:  # whatever it was, no lease may be renewed for a run that nobody works on
            with self._lock:
                if self._carried.get(run_id, (None, None))[0] is execution:  # else it was taken up anew meanwhile
                    self._heartbeat.let_go(run_id)
                    del self._carried[run_id]

    def _request(self, run_id: str, what: str, who: Person) -> None:
        try:
            self._journal.request(run_id, what, now=self._tools.now(), who=who)
        except IllegalTransition:
            _check_live(self._journal.reads.run(run_id))
            raise
        with self._lock:
            execution, _ = self._carried.get(run_id, (None, None))
        if execution is not None:
            execution.look()  # at once, whenever it would have looked by itself

    def _look_around(self) -> tuple[Run, ...]:
        """Find runs whose process is gone; and carry out the cancels that were asked for before theirs was."""
        found = self.recover()
        for run in self._journal.reads.left_to_cancel():
            self._spared(run.id, partial(self._cancel_left, run))
        return found

    def _cancel_left(self, run: Run) -> None:
        client = None if self._stopping.is_set() else self._client_for(run.fingerprint)
        if client is None:
            return
        with suppress(IllegalTransition):  # another one was first to do it
            if self._can_read_back(run):
                self._launch(run, client, ITSELF, partial(self._journal.claim, cancelling=True))
            else:
                words = cancelled(run, self._journal.log.asked_by(run.id))
                self._journal.cancel(run.id, words=words, now=self._tools.now(), who=ITSELF)

    def _offer(self, lease: Lease) -> Run | None:
        with self._lock:
            if lease.run_id in self._carried:
                return None  # our own heartbeat is late
        run, now = self._journal.reads.run(lease.run_id), self._tools.now()
        seen = run.requested
        end = ending(run, ABANDONED, asked_by=self._journal.log.asked_by(run.id) if seen else "")
        move = partial(self._journal.end, run.id, end.state, words=end.words, now=now, who=ITSELF)
        try:
            return move(owner=lease.owner, requested=seen, expired=isinstance(lease.until, float) and lease.left < 0)
        except IllegalTransition:
            return None  # its process was only late, another one was first to notice, or somebody asks for something now


def _check_live(run: Run) -> None:
    """Raise AlreadyOver of a run that has ended."""
    if not run.live:
        how = "finished" if run.state is RunState.FINISHED else "been cancelled"
        raise AlreadyOver(f"It had already {how}.", run_id=run.id)
