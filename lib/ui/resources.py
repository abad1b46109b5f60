"""Wires everything together, once a process: settings, connection, client, loads, journal, worker."""

from __future__ import annotations

import getpass
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.limiter import Limiter
from lib.config import SANDBOX_KEY, VERSION, Settings, load_policy, load_settings, sandbox_connection
from lib.customers.load import Load
from lib.customers.loads import Loads
from lib.customers.ours import Left
from lib.customers.snapshot import Shelf, forget
from lib.errors import ConfigError, JournalError
from lib.files import shown
from lib.journal.drafts import DraftHead
from lib.journal.journal import Journal
from lib.plans.model import LIVE, Person, Run, StepState
from lib.plans.policy import Policy
from lib.runs.stalled import stalled
from lib.runs.worker import Worker
from lib.ui.lately import Lately
from lib.ui.startup import Startup

if TYPE_CHECKING:
    from lib.sandbox.server import SandboxServer

logger = logging.getLogger(__name__)

#: So many customers live in the embedded sandbox.
SANDBOX_CUSTOMERS = 10_000
#: Seconds for which the sidebar's count of runs stands; what is done from a page of this process shows at once.
_RUNS_STAND = 1.0
#: Seconds between two looks at what runs did to the customers on show.
_FOLLOW_SECONDS = 1.0
#: Seconds for which the list of drafts stands, and that a page waits for it at most: picking needs neither.
_DRAFTS_STAND, _DRAFTS_AWAITED = 5.0, 0.3
#: For so long the kept list of a key stays that nobody uses any more.
_LISTS_STAY = timedelta(days=30)


@dataclass(frozen=True)
class LiveRuns:
    """The runs that are not over, oldest first, and why of some no call is made although they are running (see `stalled`)."""

    runs: tuple[Run, ...]
    stalled: Mapping[str, str]

    @classmethod
    def read(cls, journal: Journal, owner: str) -> LiveRuns:
        return cls(journal.reads.live_runs(*LIVE), stalled(journal, owner))

    def waiting(self, now: datetime) -> tuple[Run, ...]:
        """Those that go on only if a person does something."""
        return tuple(run for run in self.runs if run.needs_person(now) or run.id in self.stalled)


@dataclass(frozen=True, eq=False)
class Resources:
    """What pages work with. Shared by all sessions; every part may be used from any thread."""

    settings: Settings
    connection: Connection
    policy: Policy
    client: AvaraClient
    loads: Loads
    journal: Journal
    worker: Worker
    sandbox: SandboxServer | None
    #: The runs that are not over, and of which no call is made. Whoever changes one from a page says `forget`.
    live_runs: Lately[LiveRuns]
    #: What everybody on this account has picked and not started.
    drafts: Lately[tuple[DraftHead, ...]]
    #: Finishes and settles the calls in flight, then lets go of everything.
    close: Callable[[], None]

    def keys(self) -> frozenset[str]:
        """The fingerprints of all keys of this account: what any of them began is this account's. Raises JournalUnavailable."""
        return self.journal.accounts.keys(self.connection.fingerprint)

    def check_ours(self, run: Run) -> None:
        """Raise OtherConnection where a key of another account made the run."""
        run.check_account(self.keys(), self.connection.base_url)


def get_resources() -> Resources:
    """The process's resources, made at the first call. Raises NotStarted in words (see `Startup`)."""
    return _startup.get()


def start() -> None:
    """Do what the first page would otherwise wait for: make the resources, begin to load. Raises as `get_resources` does.

    What the other pages import is left to them: imported here, it took the time that the first page needs to draw itself.
    """
    get_resources().loads.start()


def release() -> None:
    """Close the resources at the end of the process, if they could be made."""
    made = _startup.take()
    if made is not None:
        made.close()


def operator() -> Person:
    """Who is at work, and how that is known: the login where there is one, else the user that this server runs as."""
    if st.user.get("is_logged_in"):
        return Person(str(st.user.get("email") or st.user.get("name")), "by login")
    try:
        return Person(getpass.getuser(), "as the user that the server runs as")
    except (OSError, KeyError):
        return Person("unknown", "not at all")


def _made() -> Resources:
    """Open everything, or nothing. Raises ConfigError or JournalError in words."""
    settings = load_settings()
    with ExitStack() as opened:
        connection, sandbox = settings.connection(), None
        named = connection.fingerprint if connection else "the embedded sandbox"
        logger.info("Starting with %s in %s", named, shown(settings.home))
        policy = load_policy(settings.home)
        if connection is None:
            sandbox = _started_sandbox(settings)
            opened.callback(sandbox.stop)
            connection = sandbox_connection(sandbox.base_url, settings.sandbox_state)
        client = AvaraClient(connection, limiter=Limiter(ceiling=policy.concurrency))
        opened.callback(client.close)
        journal = Journal(settings.journal, version=VERSION)
        opened.callback(journal.close)
        own = connection.fingerprint
        loads = Loads(
            lambda: Load(client.iter_pages),
            runs_left=lambda entry: _left(journal, own, entry),
            shelf=_shelf(settings, connection, policy, journal),
            kept_feeds_plans_for=policy.snapshot_feeds_plans_for,
        )

        def active_now() -> int | None:
            loads.catch_up()
            return loads.active_total()

        worker = Worker(
            journal,
            lambda key: client if journal.accounts.same(key, own) else None,
            policy=policy,
            active_total=active_now,
        )
        opened.callback(worker.stop)
        worker.start()
        opened.callback(_following(loads))
        live_runs = Lately(lambda: LiveRuns.read(journal, worker.owner), _RUNS_STAND)
        drafts = Lately(
            lambda: journal.drafts.heads(journal.accounts.keys(own)), _DRAFTS_STAND, patience=0.1, late=_DRAFTS_AWAITED
        )
        close = opened.pop_all().close
    return Resources(settings, connection, policy, client, loads, journal, worker, sandbox, live_runs, drafts, close)


_startup = Startup(_made)


def _left(journal: Journal, own: str, entry: int) -> tuple[int, list[Left]]:
    """What runs of this key's account left of customers since the log's entry of this number (see Reads.left_since)."""
    until, steps = journal.reads.left_since(entry, journal.accounts.keys(own))
    left = [
        Left(step.run_id, step.after, step.settled_at, step.state is StepState.VERIFIED, step.before.updated_at)
        for step in steps
        if step.after is not None and step.settled_at is not None
    ]
    return until, left


def _following(loads: Loads) -> Callable[[], None]:
    """Have a thread follow what runs do, whichever process carries them; returns what ends it."""
    over = threading.Event()

    def follow() -> None:
        while not over.wait(_FOLLOW_SECONDS):
            try:
                loads.catch_up()
            except JournalError as error:
                logger.warning("What runs did could not be read: %s", error.message)
            except Exception:  # whatever it was, the list on show must not stop to follow
                logger.exception("The list on show missed what runs did")

    thread = threading.Thread(target=follow, name="follow-runs", daemon=True)
    thread.start()

    def end() -> None:
        over.set()
        thread.join()

    return end


def _shelf(settings: Settings, connection: Connection, policy: Policy, journal: Journal) -> Shelf | None:
    """Where the finished load is kept; None where the settings switch that off, and then all that was ever kept is removed."""
    if not policy.snapshot.keep:
        forget(settings.snapshots)
        return None
    own = connection.fingerprint
    forget(settings.snapshots, unused_for=_LISTS_STAY, but=own)
    return Shelf(settings.snapshots, own, *(journal.accounts.keys(own) - {own}))


def _started_sandbox(settings: Settings) -> SandboxServer:
    # With a key there is no sandbox, and nobody waits until its server is imported.
    from lib.sandbox.server import SandboxServer  # noqa: PLC0415
    from lib.sandbox.state import StateError  # noqa: PLC0415

    sandbox = SandboxServer(customers=SANDBOX_CUSTOMERS, api_key=SANDBOX_KEY, state=settings.sandbox_state)
    try:
        sandbox.start()
    except (StateError, OSError) as exc:
        raise ConfigError(
            f"The embedded sandbox can't start: {exc} If Express Ops runs here already, use that, or set EXPRESS_OPS_HOME."
        ) from exc
    return sandbox
