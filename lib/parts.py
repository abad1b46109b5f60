"""What a session works with: settings, account, client, customers, journal and worker, put together once for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from lib.accounts.embedded import EmbeddedSandbox
from lib.accounts.tables import SiteSettings, check_apart, keys_beside, rules_of_runs
from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.limiter import Limiter, Wanted, always
from lib.avara.met import Met
from lib.config import VERSION, Settings, refused, sandbox_connection, settings_file
from lib.customers.compared import Done
from lib.customers.reading.days import Days
from lib.customers.reading.load import Load
from lib.customers.reading.loads import Loads
from lib.customers.reading.shelf import Shelf, forget
from lib.evidence.evidence import Evidence
from lib.evidence.kept import ActivityShelf
from lib.evidence.reading import ActivityReading
from lib.gate import AtWork
from lib.health import failed_load, trouble
from lib.journal.journal import Journal
from lib.journal.log import Log
from lib.journal.reads import Reads
from lib.plans.model import Run, RunState
from lib.plans.policy import Policy
from lib.rehearsal.rehearsals import Rehearsals
from lib.runs.aftermath import Aftermath, Aftermaths, Tell, aftermath
from lib.runs.stalled import stalled
from lib.runs.worker import Worker
from lib.traces import changed_between, left_since, shared_list
from lib.workspace import Workspace

#: For so long the kept list of a key stays that nobody uses any more.
_LISTS_STAY = timedelta(days=30)


class Parts(AtWork):
    """One account's parts, each opened when it is first asked for. Leaving it settles the calls in flight, then closes all.

    `known` says how the operator's name is known, for the log; `account` is the name of one of those in the settings, which may
    share one `journal`. Without a key they are those of the embedded sandbox: of a process that has one on this data folder or,
    where `hosts_sandbox`, of this one's own. Any thread may use what is open.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        known: str,
        account: str = "",
        journal: Journal | None = None,
        hosts_sandbox: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings, self.now = settings, now
        self.known, self.wanted, self._hosts_sandbox = known, account, hosts_sandbox
        self.closed, self._shares_journal = False, journal is not None
        if journal is not None:
            self.journal = journal
        #: What stands in for the API where no key is set.
        self.sandbox: EmbeddedSandbox | None = None

    def open(self) -> Self:
        """Open every part, or none. Raises ConfigError or JournalError in words."""
        try:
            _ = self.policy, self.connection, self.loads, self.evidence, self.worker
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Finish and settle the calls in flight, then let go of what was opened."""
        self.closed = True
        if (loads := vars(self).get("loads")) is not None:
            loads.close()
        # The last one first.
        ends = {"sandbox": "close"} | ({} if self._shares_journal else {"journal": "close"})
        ends |= {"client": "close", "worker": "stop", "evidence": "close", "rehearsals": "close", "aftermaths": "close"}
        with ExitStack() as closing:
            for part, end in ends.items():
                if (made := vars(self).get(part)) is not None:
                    closing.callback(getattr(made, end))

    @cached_property
    def policy(self) -> Policy:
        """What runs may do, as `settings.toml` says. Raises ConfigError."""
        home = self.settings.home
        try:
            return Policy.model_validate(rules_of_runs(settings_file(home)))
        except ValidationError as exc:
            raise refused(home, exc, Policy, SiteSettings) from None

    @cached_property
    def connection(self) -> Connection:
        """The account and its key. Raises ConfigError, also where no key is set and there can be no sandbox."""
        connection = self.account.connection(self.settings)
        if connection is None:
            state, place = self.settings.sandbox_state, self.settings.sandbox_place
            self.sandbox = EmbeddedSandbox.open(state, place, start=self._hosts_sandbox)
            connection = sandbox_connection(self.sandbox.base_url, state)
        check_apart(self.account, connection, self._others[0])
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
        client, most = self.client, self.policy.load
        return Loads(
            lambda: Load(client.iter_pages, now=self.now, most=most.max_customers, most_problems=most.max_problems),
            runs_left=lambda entry: left_since(self.journal.reads, self.keys, entry),
            shelf=self._shelf,
            shared=shared_list(self.journal, self.connection.fingerprint) if self._shelf else None,
            kept_feeds_plans_for=self.policy.snapshot_feeds_plans_for,
            now=self.now,
        )

    @cached_property
    def worker(self) -> Worker:
        """Carries the runs of this process. Runs of processes that are gone are marked as interrupted when it is made."""
        policy, active = self.policy, self.active_total
        worker = Worker(self.journal, self._client_for, policy=policy, active_total=active, ask=self.ask, site=self.gate)
        worker.recover()
        return worker

    @cached_property
    def evidence(self) -> Evidence:
        """Rule sets asked of the list, and what was read of the customers' studies. Raises as `loads`."""
        stands = timedelta(hours=self.policy.activity.stands_for_hours)
        own = self.connection.fingerprint
        shelf = ActivityShelf(self.settings.snapshots, own, *(self.keys - {own})) if self.policy.snapshot.keep else None
        reading = ActivityReading(self.client, self.now, shelf=shelf, stands=stands, waiting=lambda: self.waiting)
        return Evidence(reading, self.now)

    @cached_property
    def days(self) -> Days:
        """The lists kept by date, to compare."""
        return Days(self._shelf, self.loads, self._done)

    @cached_property
    def aftermaths(self) -> Aftermaths:
        """What came after runs, asked in the background where somebody wants to know."""
        return Aftermaths(lambda run, tell, wanted: self.did_it_hurt(run.id, tell, wanted), self.now)

    def did_it_hurt(self, run_id: str, tell: Tell = lambda *_: None, wanted: Wanted = always) -> tuple[Aftermath, ...]:
        """What came after a run, of each customer that it deactivated, read now. Raises as `check_ours` and `aftermath`."""
        run = self.reads.run(run_id)
        self.check_ours(run)
        return aftermath(run, self.client, self.journal.reads, self.now, tell=tell, wanted=wanted)

    @cached_property
    def workspace(self) -> Workspace:
        """What people keep on this account besides its runs."""
        return Workspace(self.journal, self.connection.fingerprint, lambda: self.keys, self.now, self.ask)

    @cached_property
    def rehearsals(self) -> Rehearsals:
        """Plans carried out on a sandbox of their own."""
        return Rehearsals(self.policy, lambda: self.evidence.reading.known, self.client.limiter, self.now)

    @property
    def reads(self) -> Reads:
        """What the journal can be asked; of several accounts it lists the runs of this one and knows none of the others'.
        Raises as `account`.
        """
        return self.journal.reads.of(lambda: self.keys, self._foreign) if self.account.name else self.journal.reads

    @property
    def log(self) -> Log:
        """The journal's log, to be read."""
        return self.journal.log

    @property
    def met(self) -> Mapping[str, Met]:
        """What became of the requests of this process so far, by the kinds of lib/avara/met.py."""
        return self.client.limiter.met

    @property
    def queued(self) -> int:
        """How many requests wait for their turn."""
        return self.client.limiter.queued

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
        if not self.policy.counts_active:
            return None
        self.loads.catch_up()
        return self.loads.active_total()

    def trouble(self) -> str:
        """What keeps this process from its work, in words; empty where nothing does. The journal is asked, the API is not.

        A list that is still being read is no trouble. A refused key is, whatever is on show. Raises JournalUnavailable.
        """
        return trouble(self.journal, self.worker.owner, self.loads)

    @property
    def failed_load(self) -> Load | None:
        """The last load, where it failed so that nobody can work: no whole list is on show, or the key is refused."""
        return failed_load(self.loads)

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

    def _foreign(self) -> frozenset[str]:
        """The fingerprints of the other accounts' keys. Where this process can't read a key, its account's label tells."""
        known, labels = self._others
        return self.journal.accounts.all_keys(known, labels) - self.keys

    @cached_property
    def _others(self) -> tuple[frozenset[str], frozenset[str]]:
        return keys_beside(self.account, self.settings)

    def _client_for(self, fingerprint: str) -> AvaraClient | None:
        return self.client if fingerprint in self.keys else None

    def _done(self, since: datetime, until: datetime | None) -> list[Done]:
        """What runs of this account changed of customers between two moments; None: until now."""
        return changed_between(self.journal.reads, self.keys, since, until or self.now())

    @cached_property
    def _shelf(self) -> Shelf | None:
        """Where the finished load is kept; None where the settings switch that off, and then all that was ever kept goes."""
        folder, own = self.settings.snapshots, self.connection.fingerprint
        if not self.policy.snapshot.keep:
            forget(folder)
            self.journal.lists.forget(own)
            return None
        forget(folder, unused_for=_LISTS_STAY, but=own)
        return Shelf(folder, own, *(self.keys - {own}), days=self.policy.snapshot.days)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
