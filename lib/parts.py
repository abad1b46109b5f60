"""What a session works with: settings, account, client, customers, journal and worker, put together once for all."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.limiter import Limiter
from lib.avara.text import one_line
from lib.config import VERSION, Settings, refused, sandbox_connection, settings_file
from lib.customers.ours import Left
from lib.customers.reading.load import Load
from lib.customers.reading.loads import Loads
from lib.customers.reading.snapshot import Shelf, forget
from lib.embedded import EmbeddedSandbox
from lib.evidence.reading import ActivityReading
from lib.journal.journal import Journal
from lib.journal.log import Log
from lib.journal.reads import Reads
from lib.plans.model import Person, Run, RunState, StepState
from lib.plans.policy import Policy
from lib.runs.stalled import stalled
from lib.runs.worker import Worker
from lib.workspace import Workspace

#: For so long the kept list of a key stays that nobody uses any more.
_LISTS_STAY = timedelta(days=30)


class Parts:
    """One account's parts, each opened when it is first asked for. Leaving it settles the calls in flight, then closes all.

    `known` says how the operator's name is known, for the log. Without a key they are those of the embedded sandbox: of a
    process that has one on this data folder or, where `hosts_sandbox`, of this one's own. Any thread may use what is open.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        known: str,
        hosts_sandbox: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings, self.now = settings, now
        self._known, self._hosts_sandbox = known, hosts_sandbox
        self.closed = False
        #: What stands in for the API where no key is set.
        self.sandbox: EmbeddedSandbox | None = None

    def open(self) -> Self:
        """Open every part, or none. Raises ConfigError or JournalError in words."""
        try:
            _ = self.policy, self.connection, self.loads, self.worker
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Finish and settle the calls in flight, then let go of what was opened."""
        self.closed = True
        loads = vars(self).get("loads")
        if loads is not None and loads.under_way is not None:
            loads.under_way.cancel()
        ends = {"sandbox": "close", "journal": "close", "client": "close", "worker": "stop"}  # the last one first
        with ExitStack() as closing:
            for part, end in ends.items():
                if (made := vars(self).get(part)) is not None:
                    closing.callback(getattr(made, end))

    @cached_property
    def policy(self) -> Policy:
        """What runs may do, as `settings.toml` says. Raises ConfigError."""
        home = self.settings.home
        try:
            return Policy.model_validate(settings_file(home))
        except ValidationError as exc:
            raise refused(home, exc) from None

    @cached_property
    def connection(self) -> Connection:
        """The account and its key. Raises ConfigError, also where no key is set and there can be no sandbox."""
        connection = self.settings.connection()
        if connection is None:
            self.sandbox = EmbeddedSandbox.open(
                self.settings.sandbox_state, self.settings.sandbox_place, start=self._hosts_sandbox
            )
            connection = sandbox_connection(self.sandbox.base_url, self.settings.sandbox_state)
        return connection

    @cached_property
    def client(self) -> AvaraClient:
        """Raises ConfigError."""
        return AvaraClient(self.connection, limiter=Limiter(ceiling=self.policy.concurrency))

    @cached_property
    def journal(self) -> Journal:
        """Needs no key. Raises JournalError."""
        return Journal(self.settings.journal, version=VERSION)

    @cached_property
    def loads(self) -> Loads:
        """The list of all customers: the one on show, and the one that is being read. Raises ConfigError or JournalError."""
        client = self.client
        return Loads(
            lambda: Load(client.iter_pages, now=self.now),
            runs_left=self._left,
            shelf=self._shelf(),
            kept_feeds_plans_for=self.policy.snapshot_feeds_plans_for,
            now=self.now,
        )

    @cached_property
    def worker(self) -> Worker:
        """Carries the runs of this process. Runs of processes that are gone are marked as interrupted when it is made."""
        worker = Worker(self.journal, self._client_for, policy=self.policy, active_total=self.active_total)
        worker.recover()
        return worker

    @cached_property
    def operator(self) -> Person:
        """The user that this process runs as; a server knows better who is at work."""
        try:
            return Person(one_line(getpass.getuser(), 100), self._known)
        except (OSError, KeyError, ImportError):
            return Person("unknown", "not at all")

    @cached_property
    def activity(self) -> ActivityReading:
        """What was read of the customers' studies while this session is open."""
        return ActivityReading(self.client, self.now)

    @cached_property
    def workspace(self) -> Workspace:
        """What people keep on this account besides its runs."""
        return Workspace(self.journal, self.connection.fingerprint, lambda: self.keys, self.now)

    @property
    def reads(self) -> Reads:
        """What the journal can be asked. Its methods raise JournalUnavailable and RunNotFound."""
        return self.journal.reads

    @property
    def log(self) -> Log:
        """The journal's log, to be read."""
        return self.journal.log

    @property
    def waiting(self) -> float:
        """Seconds for which all requests still wait because the API asked to; 0 where they don't."""
        return self.client.waiting

    @property
    def keys(self) -> frozenset[str]:
        """The fingerprints of all keys of this account: what any of them began is this account's. Raises JournalUnavailable."""
        return self.journal.accounts.keys(self.connection.fingerprint)

    def check_ours(self, run: Run) -> None:
        """Raise OtherConnection where a key of another account made the run."""
        run.check_account(self.keys, self.connection.base_url)

    def active_total(self) -> int | None:
        """How many customers are active now, by the list and what runs did since; None while no list may feed a plan, and where
        no cap depends on it: then no list is read for it.
        """
        if self.policy.caps.max_percent >= 100:
            return None
        self.loads.catch_up()
        return self.loads.active_total()

    def keep_sandbox(self) -> None:
        """Begin the sandbox again, where it is used, this process may have it, and the one that had it is gone."""
        if self.sandbox is not None and self._hosts_sandbox:
            self.sandbox = self.sandbox.kept_up()

    def recover(self) -> tuple[Run, ...]:
        """Mark running runs whose process is gone as interrupted. Raises as `Worker.recover`."""
        return self.worker.recover()

    def wait(self, run_id: str, seconds: float) -> bool:
        """Wait until this process no longer carries the run; False if it still does then."""
        return self.worker.join(run_id, seconds)

    def stop(self, seconds: float) -> bool:
        """Settle the calls in flight and interrupt what this process carries; False if some call took longer."""
        return self.worker.stop(seconds)

    def carries(self, run: Run) -> bool:
        """Whether this process carries the run."""
        return run.state is RunState.RUNNING and run.owner == self.worker.owner

    def can_write(self, run: Run) -> bool:
        """Whether anything can be asked of the run. Not while this process, which carries it, can't write the journal: it tries
        on until it can. For any other run only another try can tell.
        """
        return self.journal.refusal is None or not self.carries(run)

    def stalled(self) -> Mapping[str, str]:
        """Of which running runs no call is made, by their ids, and why: see `lib.runs.stalled`."""
        return stalled(self.journal, self.worker.owner)

    def _client_for(self, fingerprint: str) -> AvaraClient | None:
        return self.client if fingerprint in self.keys else None

    def _left(self, entry: int) -> tuple[int, list[Left]]:
        """What runs of this account left of customers since the log's entry of this number (see Reads.left_since)."""
        until, steps = self.journal.reads.left_since(entry, self.keys)
        return until, [
            Left(step.run_id, step.after, step.settled_at, step.state is StepState.VERIFIED, step.before.updated_at)
            for step in steps
            if step.after is not None and step.settled_at is not None
        ]

    def _shelf(self) -> Shelf | None:
        """Where the finished load is kept; None where the settings switch that off, and then all that was ever kept goes."""

        folder, own = self.settings.snapshots, self.connection.fingerprint
        if not self.policy.snapshot.keep:
            forget(folder)
            return None
        forget(folder, unused_for=_LISTS_STAY, but=own)
        return Shelf(folder, own, *(self.keys - {own}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
