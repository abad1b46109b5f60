"""App servers as processes of their own, for tests that kill them. What runs in the child is the real worker.

Children are forked from one clean server process that has imported everything, so that each starts in an instant.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

from pydantic import SecretStr
from sqlalchemy import event

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.limiter import Limiter
from lib.errors import JournalError
from lib.journal.journal import Journal
from lib.plans.plan import Plan
from lib.plans.policy import Canary, Caps, Policy
from lib.runs.worker import Worker
from tests.runs.fakes import KIM, NOW, ROBIN

PATIENCE = 120.0
#: Nothing that holds a run for a person's sake: only what goes wrong may stop these.
POLICY = Policy(caps=Caps(max_customers=1000, max_percent=100, max_users=1_000_000), canary=Canary(steps=0))
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Site:
    """What an app server needs to work: a journal and an API. `lease` in seconds, `timeout` of a request too."""

    journal_url: str
    base_url: str
    api_key: str
    lease: float = 2.0
    timeout: float = 5.0
    concurrency: int = 4

    @property
    def connection(self) -> Connection:
        return Connection(self.base_url, SecretStr(self.api_key), "sandbox", "sandbox")


class AppServer:
    """A journal, a client and a worker, wired as the app does it."""

    def __init__(
        self,
        site: Site,
        client_wrap: Callable[[Any], Any] = lambda client: client,
        on_open: Callable[[Journal], object] = lambda _: None,
    ) -> None:
        self.journal = Journal(site.journal_url)
        on_open(self.journal)
        self.client = AvaraClient(site.connection, timeout=site.timeout, limiter=Limiter())
        fingerprint = site.connection.fingerprint
        self.worker = Worker(
            self.journal,
            {fingerprint: client_wrap(self.client)}.get,
            policy=POLICY,
            concurrency=site.concurrency,
            lease=site.lease,
            read_back_waits=(0.02, 0.1, 0.3),
        )
        self.worker.start()

    def close(self) -> None:
        self.worker.stop(PATIENCE)
        self.client.close()
        self.journal.close()


def spawn(target: Callable[..., None], *args: Any) -> BaseProcess:
    """A child process at work; it dies with this process."""
    child = context.Process(target=target, args=args, daemon=True)
    child.start()
    return child


def until(condition: Callable[[], object], what: str = "it") -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        time.sleep(0.03)


def serve(site: Site, run_id: str) -> None:
    """Carry a run until it ends; SIGTERM stops as the app's does."""
    server = AppServer(site)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    server.worker.submit(run_id, who=ROBIN)
    while not stopping.wait(0.02) and not server.worker.join(run_id, 0):
        pass
    server.close()


def carry_on(site: Site, run_id: str, begin: str) -> None:
    """`submit` or `resume` a run and carry it until it stands still, however that comes about."""
    server = AppServer(site)
    with suppress(JournalError):  # somebody else was first
        getattr(server.worker, begin)(run_id, who=ROBIN)
    server.worker.join(run_id, PATIENCE)
    server.close()


def carry_until(site: Site, run_id: str, moment: int) -> None:
    """Carry a run; at its `moment`-th moment of interest this process kills itself, whatever its other threads are doing."""
    bomb = _Bomb(moment)
    server = AppServer(site, lambda client: _Ticking(client, bomb))
    event.listen(server.journal._database._engine, "commit", lambda _db: bomb.tick())
    for name in ("begin", "settle"):
        setattr(server.journal.steps, name, bomb.around(getattr(server.journal.steps, name)))
    server.worker.submit(run_id, who=ROBIN)
    server.worker.join(run_id, PATIENCE)


def order_until(site: Site, run_id: str, order: str, call: int, moment: int) -> None:
    """Carry a run, and give it an order during its `call`-th call; at the `moment`-th statement since, kill this process."""
    bomb = _Bomb(moment, armed=False)

    def wrap(client: Any) -> _Ordering:
        def give() -> None:
            bomb.armed = True
            getattr(server.worker, order)(run_id, who=KIM)

        return _Ordering(client, call, give)

    server = AppServer(site, wrap, bomb.count_statements)
    server.worker.submit(run_id, who=ROBIN)
    server.worker.join(run_id, PATIENCE)


def obey_until(site: Site, run_id: str, moment: int) -> None:
    """Start an app server, and kill this process at the `moment`-th statement of its journal, unless the run ends before."""
    server = AppServer(site, on_open=_Bomb(moment).count_statements)
    until(lambda: not server.journal.reads.run(run_id).live)


def race_to_submit(site: Site, run_id: str, start: Barrier, told: Queue[str]) -> None:
    """Take up a run at the same moment as others do; carry it to its end where this one may."""
    server = AppServer(site)
    start.wait(PATIENCE)
    try:
        server.worker.submit(run_id, who=ROBIN)
        told.put("won")
        server.worker.join(run_id, PATIENCE)
    except JournalError as exc:
        told.put(type(exc).__name__)
    server.close()


def race_to_record(journal_url: str, plan_json: str, start: Barrier, told: Queue[tuple[str, str | None]]) -> None:
    """Record a plan at the same moment as others do."""
    journal, plan = Journal(journal_url), Plan.from_json(plan_json)
    start.wait(PATIENCE)
    try:
        told.put(("won", journal.record(plan, NOW, who=ROBIN).id))
    except JournalError as exc:
        told.put((type(exc).__name__, exc.run_id))
    journal.close()


class _Bomb:
    """Counts moments before and after everything that leaves a trace, and goes off at one of them."""

    def __init__(self, moment: int, *, armed: bool = True) -> None:
        self._left, self._lock, self.armed = moment, threading.Lock(), armed

    def count_statements(self, journal: Journal) -> None:
        """Every statement is a moment, and every commit."""
        for name in ("before_cursor_execute", "commit"):
            event.listen(journal._database._engine, name, lambda *_: self.tick())

    def tick(self) -> None:
        with self._lock:
            self._left -= self.armed
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def ticking(*args: Any, **kwargs: Any) -> Any:
            self.tick()
            result = call(*args, **kwargs)
            self.tick()
            return result

        return ticking


class _Ticking:
    """A client whose changes are moments of interest."""

    def __init__(self, client: Any, bomb: _Bomb) -> None:
        self._client, self._bomb = client, bomb
        self.deactivate = bomb.around(client.deactivate)
        self.reactivate = bomb.around(client.reactivate)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class _Ordering:
    """A client during whose n-th call for a change something happens: it has gone out, and nobody knows its answer yet."""

    def __init__(self, client: Any, call: int, happens: Callable[[], object]) -> None:
        self._client, self._left, self._happens = client, call, happens

    def deactivate(self, *args: Any, **kwargs: Any) -> Any:
        answer = self._client.deactivate(*args, **kwargs)
        self._left -= 1
        if self._left == 0:
            self._happens()
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
