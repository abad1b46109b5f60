"""A journal that is copied while a run is carried, as docs/team.md says, and put back: it is whole, and the run goes on."""

from __future__ import annotations

import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from lib.plans.model import RunState
from tests.journal.places import Place
from tests.runs.fakes import ROBIN
from tests.runs.test_worker import PATIENCE, Bench, Gate, GatedApi


def copied(place: Place, folder: Path, request: pytest.FixtureRequest) -> Place:
    if place.engine_name == "sqlite":  # what `sqlite3 journal.sqlite ".backup journal.copy"` does
        copy = Place(f"sqlite:///{folder / 'journal.copy'}")
        with closing(sqlite3.connect(place.path)) as journal, closing(sqlite3.connect(copy.path)) as into:
            journal.backup(into)
        return copy
    server, dump = request.getfixturevalue("postgresql"), str(folder / "journal.dump")
    restored = server.new_place()
    old, new = (one.url.replace("postgresql+psycopg:", "postgresql:") for one in (place, restored))
    subprocess.run([server.programs / "pg_dump", "--format=custom", f"--file={dump}", old], check=True)
    subprocess.run([server.programs / "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={new}", dump], check=True)
    return restored


def test_a_copy_of_the_journal_made_in_mid_run_is_whole_and_its_run_goes_on(
    place: Place, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    bench = Bench(place.open(), count=6)
    bench.api = gated = GatedApi(bench.customers)
    gated.gate = gate = Gate()
    bench.worker = bench.another_worker(concurrency=2)
    run = bench.worker.submit(bench.record().id, who=ROBIN)
    assert gate.waiting.acquire(timeout=PATIENCE)
    copy = copied(place, tmp_path, request)
    gate.open.set()
    assert bench.carried(run).totals.verified == 6
    copy.run("UPDATE runs SET lease_until = 0")  # as after the time that a restore takes
    bench.journal = copy.open()
    try:
        assert bench.journal.log.verify_chain().ok
        assert not bench.journal.audit.all().findings
        assert bench.journal.reads.run(run.id).totals.settled < 6
        bench.worker = bench.another_worker()
        again = bench.carried(bench.worker.resume(run.id, who=ROBIN))
        assert (again.state, again.totals.planned, again.totals.in_flight) == (RunState.FINISHED, 0, 0)
        assert set(Counter(bench.api.changes()).values()) == {1}  # what the copy does not know of is seen in the records
    finally:
        copy.close()
