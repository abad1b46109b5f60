"""What the commands work with, each part made when it is first needed: journal, API client, worker."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.limiter import Limiter
from lib.avara.models import Customer
from lib.avara.text import one_line
from lib.cli.console import Console
from lib.config import VERSION, Settings, load_policy
from lib.customers.frame import CustomerFrame, FrameBuilder
from lib.errors import ApiError, ConfigError, RunNotFound
from lib.journal.journal import Journal
from lib.plans.model import Action, Person, Run
from lib.plans.plan import Plan, PlannedCustomer, make_plan
from lib.plans.policy import Policy
from lib.plans.review import review
from lib.runs.progress import asked_to_wait
from lib.runs.records import read_records
from lib.runs.worker import Worker

_SHOWN = 5


class Session:
    """One command's parts, over the journal that the app uses too. Leaving it settles the calls in flight and closes all."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.settings.journal, version=VERSION)

    @cached_property
    def connection(self) -> Connection:
        """Raises ConfigError where no key is set."""
        connection = self.settings.connection()
        if connection is None:
            raise ConfigError(
                "AVARA_API_KEY is not set, so there is no API to ask: the sandbox that the app starts without a key belongs "
                "to the app alone. Set AVARA_API_KEY (and AVARA_BASE_URL for another address), then try again."
            )
        return connection

    @cached_property
    def client(self) -> AvaraClient:
        """Raises ConfigError where no key is set."""
        return AvaraClient(self.connection, limiter=Limiter(ceiling=self.policy.concurrency))

    @cached_property
    def policy(self) -> Policy:
        """What runs may do, as the app's settings file says. Raises ConfigError."""
        return load_policy(self.settings.home)

    @cached_property
    def active_total(self) -> int | None:
        """How many customers are active, counted afresh, page by page; None where no cap depends on it. Raises ApiError."""
        if self.policy.caps.max_percent >= 100:
            return None
        ids = {record.id for page in self.client.iter_pages() for record in page.customers if record.is_active}
        return len(ids)

    @cached_property
    def worker(self) -> Worker:
        """This command's own worker. What others carry is marked as interrupted only where its process is gone."""
        worker = Worker(self.journal, self._client_for, policy=self.policy, active_total=lambda: self.active_total)
        worker.recover()
        return worker

    @cached_property
    def operator(self) -> Person:
        """The user that this process runs as."""
        try:
            return Person(one_line(getpass.getuser(), 100), "as the user of the command line")
        except (OSError, KeyError, ImportError):
            return Person("unknown", "not at all")

    @property
    def keys(self) -> frozenset[str]:
        """The fingerprints of all keys of this account. Raises ConfigError where no key is set."""
        return self.journal.accounts.keys(self.connection.fingerprint)

    @property
    def keys_if_set(self) -> frozenset[str]:
        """As `keys`; none where no key is set, for commands that need no API."""
        return self.keys if self.settings.api_key is not None else frozenset()

    def check_ours(self, run: Run) -> None:
        """Raise OtherConnection where a key of another account made the run."""
        run.check_account(self.keys, self.connection.base_url)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def plan(self, customers: Sequence[PlannedCustomer], action: Action, **asked: Any) -> Plan:  # noqa: ANN401  # of make_plan
        """What `asked` says for these customers of this connection, the safest first. Raises PlanError, as `make_plan`."""
        return make_plan(
            review(customers, action, self.now(), recent_days=self.policy.recent_days).safest_first,
            action=action,
            operator=self.operator.name,
            fingerprint=self.connection.fingerprint,
            connection_label=self.connection.label,
            base_url=self.connection.base_url,
            now=self.now(),
            **asked,
        )

    def customers(self, console: Console) -> CustomerFrame:
        """All customers as they are now, to find some by name. Raises ApiError."""
        made = FrameBuilder()
        for page in self.client.iter_pages():
            made.add(page.customers)
            console.progress(f"{len(made):,} customers read to look for names")
        return made.frame()

    def read(self, ids: Sequence[str], console: Console) -> dict[str, Customer | ApiError]:
        """Each id's record as it is now, or what kept this one from being read.

        Raises ApiError where the way to the API is at fault: then nothing is known of the others either.
        """

        def tell(read: int) -> None:
            waits = asked_to_wait(self.client.waiting)
            console.progress(f"{read:,} of {len(ids):,} customers read{waits and f', {waits}'}")

        return read_records(self.client, ids, tell)

    def run(self, named: str) -> Run:
        """The run with this id, or the one whose id begins so (with or without `run_`). Raises RunNotFound."""
        start = named.strip().lower()
        start = start if start.startswith("run_") else f"run_{start}"
        found = self.journal.reads.run_ids(start, limit=_SHOWN + 1)
        if not found or start == "run_":
            raise RunNotFound("The journal knows no run with that id.")
        if len(found) > 1 and start not in found:
            more = " and more" if len(found) > _SHOWN else ""
            raise RunNotFound(f"Several runs begin with {start}: {', '.join(found[:_SHOWN])}{more}. Write more of the id.")
        return self.journal.reads.run(start if start in found else found[0])

    def _client_for(self, fingerprint: str) -> AvaraClient | None:
        return self.client if fingerprint in self.keys else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        made = vars(self)  # where a cached property keeps what it made
        if "worker" in made:
            self.worker.stop()  # first: calls in flight need the other two
        if "client" in made:
            self.client.close()
        if "journal" in made:
            self.journal.close()
