"""A team's day: people at two servers, an API that limits and fails, servers that die. Nothing is lost, done twice or leaks.

`EXPRESS_OPS_SOAK_MINUTES` says for how long (1.5, with few people; `make soak` takes 30, with 20).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, pairwise
from pathlib import Path
from statistics import quantiles
from string import ascii_uppercase
from threading import Event

import pytest

from lib.journal.journal import Journal
from lib.plans.model import Action, Run, RunState, StepState
from tests.crew import Person, customers_of
from tests.journal.places import Place
from tests.served import PATIENCE, ROOT
from tests.team import Team, missing, team
from tests.vitals import Vitals, grown, medians

MINUTES = float(os.environ.get("EXPRESS_OPS_SOAK_MINUTES", "1.5"))
LONG = MINUTES >= 10
PEOPLE, OWN, THINK = (20, 60, 1.5) if LONG else (6, 30, 0.4)
#: Seconds from one end of a server to the next, and from one look at them to the next.
KILL_EVERY, LOOK_EVERY = (300.0, 30.0) if LONG else (45.0, 2.5)
FAULTS = (
    *("http-500=0.02", "http-503=0.02", "html-error=0.01", "reset-after=0.02", "truncated=0.02", "bad-json=0.01"),
    *("still-active=0.02", "http-500@get=0.01", "http-503@get=0.01", "truncated@get=0.01", "http-503@list=0.02", "slow=0.01"),
)
#: So many requests are refused (429), by chance: what servers that share one limit make of that is another test's.
LIMIT = "2%"
#: For how many seconds a server keeps a session without a tab: as the app is, but that what is short would see none go.
KEPT = 120 if LONG else 10
#: How much more of each a server may have in the last third of its life than in the second: what people who move to it from one
#: that died bring with them. Whatever leaks with each rerun, run or tab is more: there are hundreds, tens and tens in a third.
MOST = {"memory": 40, "threads": 10, "handles": 12, "loops": 2 * PEOPLE, "database": 10, "connections": 10}


@pytest.fixture
def people(tmp_path: Path) -> Iterator[tuple[Team, list[Person], Event]]:
    names = [f"Person{letter}" for letter in ascii_uppercase[:PEOPLE]]  # none is found in what belongs to another
    leave = Event()
    given = [customer for name in names for customer in customers_of(name, OWN)]
    with team(tmp_path, settings="concurrency = 2\n", kept=KEPT, given=given, latency_ms=100, rate_limit=LIMIT) as running:
        yield running, [Person(running.proxy, name, 1, leave, THINK) for name in names], leave


@pytest.mark.skipif(bool(missing()), reason=missing())
@pytest.mark.timeout(MINUTES * 60 + 600)
def test_whatever_dies_while_people_work_every_run_adds_up_and_the_servers_take_no_more(
    people: tuple[Team, list[Person], Event],
) -> None:
    servers, crew, leave = people
    lives = at_work(servers, crew, leave)
    tell(crew, lives)
    journal = Journal(servers.journal_url)
    try:
        runs = sorted(journal.reads.runs(1_000_000), key=lambda run: run.created_at)
        as_confirmed(runs, crew)
        as_the_api_has_it(servers, journal, runs)
    finally:
        journal.close()
    assert Place(servers.journal_url).run("SELECT * FROM holds") == []
    assert sound(servers)
    assert not [f"{name}: {words}" for name, life in lives.items() for words in grown(life, MOST)]


def at_work(servers: Team, crew: Sequence[Person], leave: Event) -> dict[str, list[Vitals]]:
    """Everybody works, and one server after the other is killed and started anew. The looks at each life of a server."""
    lives: dict[str, list[Vitals]] = {}
    servers.sandbox.set_faults(FAULTS)
    until, next_kill, names = time.monotonic() + MINUTES * 60, time.monotonic() + KILL_EVERY, cycle(servers.apps)
    with ThreadPoolExecutor(len(crew)) as pool:
        begun = [pool.submit(person.work) for person in crew]
        try:
            while time.monotonic() < until and not any(one.done() for one in begun):
                if time.monotonic() > next_kill:
                    next_kill += KILL_EVERY
                    killed = next(names)
                    servers.apps[killed].process.kill()
                    servers.apps[killed].process.wait(PATIENCE)
                    servers.start_app(killed)
                for name, app in servers.apps.items():
                    if (look := Vitals.of(app)) is not None:
                        lives.setdefault(f"{name}, process {app.process.pid}", []).append(look)
                leave.wait(LOOK_EVERY)
        finally:
            leave.set()
            servers.sandbox.set_faults([])
        for one in begun:
            one.result()
    assert len(lives) > len(servers.apps)
    return lives


def tell(crew: Sequence[Person], lives: Mapping[str, Sequence[Vitals]]) -> None:
    """How it went; shown by pytest -rP."""
    took = [seconds for person in crew for seconds in person.took]
    cuts = quantiles(took, n=100)
    sys.stdout.write(
        f"{len(crew)} people, {MINUTES:g} minutes: {sum(len(person.seen) for person in crew)} runs, "
        f"{sum(person.undone for person in crew)} of them undos, {sum(person.torn for person in crew)} tabs torn. "
        f"{len(took):,} reruns: median {cuts[49]:.3f} s, p95 {cuts[94]:.3f} s, longest {max(took):.3f} s.\n"
    )
    for name, life in lives.items():
        if len(life) >= 3:
            thirds = (f"{what} {' '.join(f'{one:.0f}' for one in three)}" for what, three in medians(life).items())
            sys.stdout.write(f"{name}, medians of its thirds: {', '.join(thirds)}\n")


def as_confirmed(runs: Sequence[Run], crew: Sequence[Person]) -> None:
    """Each run is what somebody confirmed, and is over; what was confirmed and is none was on its way to a server that died."""
    confirmed = {reason: count for person in crew for reason, count in person.confirmed.items()}
    seen = {reason: run_id for person in crew for reason, run_id in person.seen.items()}
    found = {run.reason: run for run in runs}
    assert len(found) == len(runs)
    assert seen == {reason: run.id for reason, run in found.items()}
    assert {reason: run.totals.total for reason, run in found.items()}.items() <= confirmed.items()
    assert len(confirmed) - len(found) <= sum(person.torn for person in crew)
    for run in runs:
        assert run.state in (RunState.FINISHED, RunState.CANCELLED), run
        assert sum(run.totals.count(state) for state in StepState) == run.totals.total, run
        assert run.totals.in_flight == 0, run
        assert run.state is RunState.CANCELLED or run.totals.planned == 0, run
    assert sum(person.undone for person in crew)
    assert all(person.seen for person in crew)


def as_the_api_has_it(servers: Team, journal: Journal, runs: Sequence[Run]) -> None:
    """No run called a customer twice, and the records are what the runs say, one after the other."""
    made: dict[str, list[str]] = {}
    calls = servers.sandbox.calls()
    for call in calls:
        if call.applied and call.operation in ("deactivate", "reactivate"):
            made.setdefault(call.customer_id, []).append(call.operation)
    assert not [id_ for id_, operations in made.items() if any(one == other for one, other in pairwise(operations))]
    assert any(call.status == 429 for call in calls)

    active: dict[str, bool | None] = {}
    for run in runs:
        for step in journal.reads.every_step(run.id):
            if step.state is StepState.VERIFIED:
                active[step.customer_id] = run.action is Action.REACTIVATE
            elif step.state is StepState.UNKNOWN:
                active[step.customer_id] = None
    told = {id_: one for id_, one in active.items() if one is not None}
    store = servers.sandbox.sandbox.store
    assert told == {id_: store.read(store.position(id_))["isActive"] for id_ in told}
    assert len(told) > 0.9 * len(active)


def sound(servers: Team) -> bool:
    """Whether the command finds the journal sound."""
    own = {
        "EXPRESS_OPS_HOME": str(servers.folder / "looker-on"),
        "EXPRESS_OPS_DATABASE_URL": servers.journal_url,
        "AVARA_API_KEY": servers.sandbox.api_key,
        "AVARA_BASE_URL": servers.sandbox.base_url,
    }
    command = [sys.executable, "-m", "lib.runs", "verify"]
    said = subprocess.run(command, cwd=ROOT, env=os.environ | own, check=False, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    return "The log is sound" in said.stdout


def life(**per_look: float) -> list[Vitals]:
    """Forty looks at a server, of which something grows from one to the next."""
    begins = {"memory": 250.0, "threads": 20, "handles": 60, "loops": 8, "database": 6, "connections": 4, "sessions": 3}
    return [Vitals(**{name: value + per_look.get(name, 0) * at for name, value in begins.items()}) for at in range(40)]


@pytest.mark.parametrize("what", sorted(MOST))
def test_what_grows_with_the_work_is_told(what: str) -> None:
    assert not list(grown(life(), MOST))
    (told,) = grown(life(**{what: 4}), MOST)
    assert told.startswith(what)
    warming_up = life(**{what: 4})[:14] + life()[14:]
    assert not list(grown(warming_up, MOST))
