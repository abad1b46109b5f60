"""A crew carries one run: threads that take its steps from one feed until none is left or something says stop.

After a pause a single step goes first; the first steps of a large run are its canary, after which it holds.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from lib.avara.models import Customer
from lib.errors import IllegalTransition, JournalError, JournalUnavailable
from lib.runs.breaker import Breaker
from lib.runs.ending import Halt, all_verified, canary_words, ending
from lib.runs.engine import Client, Tools, carry_out_step, read_back_step
from lib.runs.feed import COUNTED, Feed, Telling, UserCap
from lib.runs.judge import Trouble
from lib.runs.model import ITSELF, Hold, Person, Run, Step, StepState
from lib.runs.words import Words, joined, said

#: Seconds: the least and the most to wait after trouble before the next step.
TROUBLE_WAIT = (0.5, 60.0)
#: Seconds between attempts to write how a run ended, while the journal can't be written.
JOURNAL_WAIT = 2.0

_OPEN = frozenset({StepState.IN_FLIGHT, StepState.UNKNOWN})
_PLANNED = frozenset({StepState.PLANNED})

logger = logging.getLogger(__name__)

Settle = Callable[[Run, Step, Client, Tools], tuple[Step, Trouble | None]]


class Notice(Protocol):
    """Told of records read after a step, so that whoever shows customers can refresh them."""

    def __call__(self, records: Sequence[Customer], /) -> object: ...


class Crew:
    """Carries one running run to its end, a pause, or an interruption. Never raises; what happened is in the journal.

    `size` is how many steps at a time, at most. `again`: a person asked to try what had not worked out once more.
    `probe`: the run was held before, so a single step goes first. `who` asked for this.
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
        on_settled: Notice,
        who: Person,
    ) -> None:
        self._run, self._tools = run, replace(tools, who=who)
        self._client = client
        self._size, self._again, self._probe = size, again, probe
        self._stopping = stopping
        self._feed = Feed(run, tools, self._may_go_on)
        self._told = Telling(run.id, on_settled)
        self._users = UserCap(tools.policy.caps.max_users)
        self._lock = threading.Lock()
        self._breaker = Breaker(tools.policy.breaker, probing=probe)
        self._halt: Halt | None = None

    def carry(self) -> None:
        """Read back what earlier attempts left open, then take the planned steps, then write how the run ended."""
        self._guarded(self._carry_all)
        self._told.now()
        self._close()

    def _carry_all(self) -> None:
        probed = self._probe and self._pass(_OPEN, self._read_back, most=1)
        self._pass(_OPEN, self._read_back)
        # Only now: a step that was in flight may have had more users than planned, and its reading tells.
        if self._run.totals.planned < self._run.totals.total:
            self._users.count_what_was_called(self._tools.journal.reads.every_step(self._run.id, COUNTED))
        if self._probe and not probed:
            self._pass(_PLANNED, self._carry_out, most=1, until=self._run.canary)
        if self._run.canary is not None:
            self._canary(self._run.canary)
        # A step that trouble sent back to `planned` comes up again in the next pass; the breaker ends the passes.
        while self._pass(_PLANNED, self._carry_out):
            pass

    def _canary(self, steps: int) -> None:
        """Take the first steps, then hold; or go on, where the plan chose that and all of them are verified."""
        while self._pass(_PLANNED, self._carry_out, until=steps):
            pass
        if not self._feed.look_again():
            return
        journal, first = self._tools.journal, self._tools.journal.reads.steps(self._run.id, limit=steps)
        words = canary_words(first)
        if self._run.goes_on and all_verified(first):
            now, owner = self._tools.now(), self._tools.owner
            journal.pass_canary(self._run.id, words=joined(words, said("Going on.")), now=now, who=ITSELF, owner=owner)
        else:
            self._stop_taking(Halt(words, Hold.CANARY))

    def _carry_out(self, run: Run, step: Step, client: Client, tools: Tools) -> tuple[Step, Trouble | None]:
        return carry_out_step(run, step, client, tools, admit=self._admit, wanted=self._may_call, heard=self._hear)

    def _read_back(self, run: Run, step: Step, client: Client, tools: Tools) -> tuple[Step, Trouble | None]:
        return read_back_step(run, step, client, tools, again=self._again, heard=self._hear)

    def _admit(self, record: Customer) -> Words:
        words = self._users.admit(record)
        if words:
            self._stop_taking(Halt(words, Hold.CAP))
        return words

    def _pass(self, states: frozenset[StepState], settle: Settle, *, most: int | None = None, until: int | None = None) -> bool:
        """Take every step in one of `states` once, at most `most` of them, below position `until`; False if there was none."""
        if not self._feed.begin(states, most=most, until=until):
            return False
        size = min(self._size, most or self._size, self._run.totals.total)
        hands = [
            threading.Thread(
                target=self._guarded,
                args=(partial(self._work, settle),),
                daemon=True,
                name=f"{self._run.id} hand {number}",
            )
            for number in range(size)
        ]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        return True

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except JournalUnavailable as exc:
            self._stop_taking(Halt(Words(exc.message, ""), hold=None))
        except JournalError:
            self._feed.look_again()  # another process has it by now
        except Exception as exc:  # whatever it was, the run must not look as if somebody still carried it
            logger.exception("A hand of %s failed", self._run.id)
            self._stop_taking(Halt(said(f"Express Ops failed inside ({type(exc).__name__}). Its log says more.")))

    def _work(self, settle: Settle) -> None:
        while (step := self._feed.next()) is not None:
            self._take(step, settle)

    def _take(self, step: Step, settle: Settle) -> None:
        called = False
        try:
            settled, trouble = settle(self._run, step, self._client, self._tools)
            called = settled.state is not StepState.PLANNED
        except IllegalTransition:
            self._feed.look_again()  # the run or the step is no longer ours, or a person asked for something
            return
        finally:
            self._users.keep_or_give_back(step, called=called)
        if settled.after is not None and settled.after != step.after:
            self._told.add(settled.after)
        if trouble is not None and not trouble.doubtful:
            self._rest(min(max(trouble.wait, TROUBLE_WAIT[0]), TROUBLE_WAIT[1]))

    def _hear(self, trouble: Trouble | None) -> None:
        with self._lock:
            self._breaker = self._breaker.after(trouble)
            why = self._breaker.why
        if why:
            self._stop_taking(Halt(why))

    def _rest(self, seconds: float) -> None:
        """Wait, in short naps so that a stopping process need not wait for it."""
        while seconds > 0 and self._may_go_on():
            nap = min(seconds, 0.5)
            self._tools.sleep(nap)
            seconds -= nap

    def _may_go_on(self) -> bool:
        return self._halt is None and not self._stopping.is_set()

    def _may_call(self) -> bool:
        """Whether a call that waits may still go out. A cap that is reached stops only those that come after it."""
        halted = self._halt is not None and self._halt.hold is not Hold.CAP
        return not halted and not self._stopping.is_set() and self._feed.ordered()

    def _stop_taking(self, halt: Halt) -> None:
        """The first reason counts, but for a journal that can't be written: that outweighs all."""
        with self._lock:
            if self._halt is None or halt.hold is None:
                self._halt = halt

    def _close(self) -> None:
        """Write how the run ended; while the journal can't be written, keep trying until the process stops."""
        while True:
            try:
                self._write_end()
            except JournalUnavailable as exc:
                self._stop_taking(Halt(Words(exc.message, ""), hold=None))
                if self._stopping.is_set():
                    return  # the next start finds the run without its owner and offers it
                self._tools.sleep(JOURNAL_WAIT)
            except IllegalTransition:
                return  # another process has it by now
            except JournalError:
                logger.exception("The end of %s could not be written", self._run.id)
                return
            else:
                return

    def _write_end(self) -> None:
        journal, run_id = self._tools.journal, self._run.id
        run, requested = journal.reads.run(run_id), journal.reads.orders(run_id).requested
        end = ending(run, requested, self._halt, stopping=self._stopping.is_set())
        now, owner = self._tools.now(), self._tools.owner
        journal.end(run_id, end.state, words=end.words, now=now, who=ITSELF, owner=owner, hold=end.hold)
