"""The execution of one run: a queue of steps, threads that take them until none is left or something says stop.

After a pause a single step goes first; the first steps of a large run are its canary, after which it holds. The thread that
called `carry` watches over the others: it alone reads the orders that persons give.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from itertools import chain, islice, takewhile

from lib.avara.models import Customer
from lib.avara.times import to_minute
from lib.errors import ExpressOpsError, IllegalTransition, JournalError, JournalUnavailable
from lib.journal.reads import Orders
from lib.people import ITSELF, NotAllowed, Right
from lib.plans.model import Hold, Run, RunState, Step, StepState
from lib.plans.words import Words, joined, said
from lib.runs.breaker import Breaker
from lib.runs.ending import Halt, all_verified, canary_words, ending
from lib.runs.engine import carry_out_step, read_back_step
from lib.runs.judge import Trouble
from lib.runs.tools import Client, Tools
from lib.runs.user_cap import COUNTED, UserCap

#: Seconds between two looks at the orders. The journal itself refuses an intent once they have changed.
LOOK = 0.2
#: Seconds that a thread rests after trouble, before its next step.
REST = 0.5
#: Seconds between attempts to write how a run ended, while the journal can't be written.
JOURNAL_WAIT = 2.0

_OPEN = frozenset({StepState.IN_FLIGHT, StepState.UNKNOWN})
_PLANNED = frozenset({StepState.PLANNED})

logger = logging.getLogger(__name__)

Settle = Callable[[Step], tuple[Step, Trouble | None]]


class StepQueue:
    """Gives each of `steps` to one thread; they are read from the journal as they come up, never all at once."""

    def __init__(self, steps: Iterator[Step]) -> None:
        first = next(steps, None)
        self.empty = first is None
        self._steps = chain(() if first is None else (first,), steps)
        self._lock = threading.Lock()

    def next(self) -> Step | None:
        """The next step, or None when there is none left."""
        with self._lock:
            return next(self._steps, None)


class Execution:
    """Carries one running run to its end, a pause, or an interruption. Never raises; what happened is in the journal.

    `size` is how many steps at a time, at most. `again`: a person asked to try what had not worked out once more.
    `probe`: the run was held before, so a single step goes first. `tools` say for whom it works.
    """

    def __init__(
        self,
        run: Run,
        client: Client,
        tools: Tools,
        *,
        size: int,
        again: bool,
        probe: bool,
        stopping: threading.Event,
    ) -> None:
        self._run, self._client, self._tools = run, client, tools
        self._size, self._again, self._probe = size, again, probe
        self._stopping = stopping
        self._orders = Orders(run.state, run.owner, run.requested)
        self._users = UserCap(tools.policy.caps.max_users)
        self._lock = threading.Lock()
        self._breaker = Breaker(tools.policy.breaker, probing=probe)
        self._halt: Halt | None = None

    def carry(self) -> None:
        """Read back what earlier attempts left open, then take the planned steps, then write how the run ended."""
        self._guarded(self._carry_all)
        if self._orders.requested == "cancel":  # whatever else stopped the run: each call's outcome is looked for once
            self._guarded(lambda: self._take_all(_OPEN, self._read_back))
        self.close()

    def look(self) -> None:
        """Read the orders anew: whether the run is still ours, and what a person has asked for."""
        self._orders = self._tools.journal.reads.orders(self._run.id)

    def close(self) -> None:
        """Write how the run ended; while the journal can't be written, keep trying until the process stops."""
        while not self._closed():
            self._tools.sleep(JOURNAL_WAIT)

    def _carry_all(self) -> None:
        probed = self._probe and self._take_all(_OPEN, self._read_back, most=1)
        self._take_all(_OPEN, self._read_back)
        # Only now: a step that was in flight may have had more users than planned, and its reading tells.
        if self._run.totals.planned < self._run.totals.total:
            self._users.count_what_was_called(self._tools.journal.reads.every_step(self._run.id, COUNTED))
        if self._probe and not probed:
            self._take_all(_PLANNED, self._carry_out, most=1, until=self._run.canary)
        if self._run.canary is not None:
            self._canary(self._run.canary)
        # A step that trouble sent back to `planned` comes up again in the next queue; the breaker ends this.
        while self._take_all(_PLANNED, self._carry_out):
            pass

    def _canary(self, steps: int) -> None:
        """Take the first steps, then hold; or go on, where the plan chose that and all of them are verified."""
        while self._take_all(_PLANNED, self._carry_out, until=steps):
            pass
        self.look()
        if not self._may_take(_PLANNED):
            return
        journal, first = self._tools.journal, self._tools.journal.reads.steps(self._run.id, limit=steps)
        words = canary_words(first)
        if self._run.goes_on and all_verified(first):
            now, owner = self._tools.now(), self._tools.owner
            journal.pass_canary(self._run.id, words=joined(words, said("Going on.")), now=now, who=ITSELF, owner=owner)
        else:
            self._stop_taking(Halt(words, Hold.CANARY))

    def _carry_out(self, step: Step) -> tuple[Step, Trouble | None]:
        return carry_out_step(
            self._run, step, self._client, self._tools, admit=self._admit, wanted=self._may_call, heard=self._hear
        )

    def _read_back(self, step: Step) -> tuple[Step, Trouble | None]:
        """A call that its process did not live to hear of, and that changed nothing, is made in this run after all."""
        lost = step.state is StepState.IN_FLIGHT and self._orders.requested != "cancel"
        return read_back_step(self._run, step, self._client, self._tools, again=self._again or lost, heard=self._hear)

    def _admit(self, record: Customer) -> Words:
        words = self._users.admit(record)
        if words:
            self._stop_taking(Halt(words, Hold.CAP))
        return words

    def _take_all(
        self, states: frozenset[StepState], settle: Settle, *, most: int | None = None, until: int | None = None
    ) -> bool:
        """Take every step in one of `states` once, at most `most` of them, below position `until`; False if there was none."""
        self.look()
        if not self._may_take(states):
            return False
        journal = self._tools.journal
        steps = journal.audit.as_planned(self._run.id, journal.reads.every_step(self._run.id, states))
        queue = StepQueue(islice(takewhile(lambda step: until is None or step.position < until, steps), most))
        if queue.empty:
            return False

        def work() -> None:
            while self._may_take(states) and (step := queue.next()) is not None:
                self._take(step, settle)

        size = min(self._size, most or self._size, self._run.totals.total)
        threads = [threading.Thread(target=self._guarded, args=(work,), name=self._run.id, daemon=True) for _ in range(size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(LOOK)
                if thread.is_alive():
                    self._guarded(self.look)
        return True

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except JournalError as exc:
            self._stop_taking(self._out_of_reach(exc) if isinstance(exc, JournalUnavailable) else Halt(Words(exc.message, "")))
        except Exception as exc:  # whatever it was, the run must not look as if somebody still carried it
            logger.exception("A thread of %s failed", self._run.id)
            self._stop_taking(Halt(said(f"Express Ops failed inside ({type(exc).__name__}). Its log says more.")))

    def _out_of_reach(self, error: JournalUnavailable) -> Halt:
        """With the time: by the time that the words can be written they speak of the past."""
        return Halt(Words(f"At {to_minute(self._tools.now())}: {error.message}", ""), hold=None)

    def _take(self, step: Step, settle: Settle) -> None:
        called = False
        try:
            settled, trouble = settle(step)
            called = settled.state is not StepState.PLANNED
        except IllegalTransition:
            self.look()  # the run or the step is no longer ours, the lease was late, or a person asked for something
            self._tools.sleep(REST)
            return
        finally:
            self._users.keep_or_give_back(step, called=called)
        if trouble is not None and not trouble.doubtful and self._halt is None:
            self._tools.sleep(REST)

    def _hear(self, trouble: Trouble | None) -> None:
        with self._lock:
            self._breaker = self._breaker.after(trouble)
            why = self._breaker.why
        if why:
            self._stop_taking(Halt(why))

    def _may_take(self, states: frozenset[StepState]) -> bool:
        """Whether a step in one of `states` may be taken up. What is open is settled although somebody asked for a stop."""
        if self._stopping.is_set() or not self._ours():
            return False
        if self._orders.requested == "cancel" and states == _OPEN:
            return self._halt is None or self._halt.hold is not None  # trouble leaves it unknown, and the run still ends
        return self._halt is None and (states == _OPEN or (self._orders.requested is None and self._may_change()))

    def _may_call(self) -> bool:
        """Whether a call that waits may still go out. A cap that is reached stops only those that come after it."""
        halted = self._halt is not None and self._halt.hold is not Hold.CAP
        wanted = not halted and not self._stopping.is_set() and self._ours() and self._orders.requested is None
        return wanted and self._may_change()

    def _may_change(self) -> bool:
        """Whether the settings of this moment let this run's person change anything from here; if not, the run holds.

        A login that is over ends no run: whoever started it may close the tab, or go home.
        """
        site, who = self._tools.site, self._tools.who
        try:
            site.check(Right.RUN, ITSELF)
            if Right.RUN not in site.people.rights(who):
                took = f"{who.name} may not run anything any more ([people] in settings.toml), so nothing more is sent."
                self._stop_taking(Halt(said(took)))
                return False
        except NotAllowed:
            self._stop_taking(Halt(said("Express Ops is read-only now (read_only in settings.toml), so nothing more is sent.")))
        except ExpressOpsError:
            self._stop_taking(Halt(said("settings.toml can't be used any more, so nothing more is sent.")))
        else:
            return True
        return False

    def _ours(self) -> bool:
        return self._orders.state is RunState.RUNNING and self._orders.owner == self._tools.owner

    def _stop_taking(self, halt: Halt) -> None:
        """The first reason counts, but for a journal that can't be written: that outweighs all."""
        with self._lock:
            if self._halt is None or halt.hold is None:
                self._halt = halt

    def _closed(self) -> bool:
        """Try to write how the run ended; whether nothing is left to be written."""
        journal, owner = self._tools.journal, self._tools.owner
        try:
            while (run := journal.reads.run(self._run.id)).state is RunState.RUNNING and run.owner == owner:
                order, now = run.requested, self._tools.now()
                asked_by = journal.log.asked_by(run.id) if order else ""
                end = ending(run, self._halt, asked_by=asked_by, stopping=self._stopping.is_set())
                try:
                    journal.end(
                        run.id, end.state, words=end.words, now=now, who=ITSELF, owner=owner, hold=end.hold, requested=order
                    )
                except IllegalTransition:
                    continue  # somebody asked for something else meanwhile, or took the run over: look again
        except JournalUnavailable as exc:
            self._stop_taking(self._out_of_reach(exc))
            return self._stopping.is_set()  # the next start finds the run without its owner and offers it
        except JournalError:
            logger.exception("The end of %s could not be written", self._run.id)
        return True
