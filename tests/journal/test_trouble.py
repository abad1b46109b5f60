"""A journal that is locked or has no room stops calls, not the app: pages go on reading, and nothing is half written."""

from contextlib import ExitStack

import pytest
from sqlalchemy import event

from lib.errors import JournalUnavailable
from lib.journal.journal import Journal
from lib.plans.model import RunState
from lib.runs.execution import JOURNAL_WAIT
from tests.runs.fakes import NOW, ROBIN, customer, id_of, plan_of
from tests.runs.test_worker import Bench, until

OWNER = "host:1:a"


def test_a_locked_journal_stops_calls_but_not_the_pages_and_nothing_is_half_written(place):
    journal = place.open(patience=0.2)
    run = journal.record(plan_of([customer(1)]), NOW, who=ROBIN)
    journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    step = journal.reads.steps(run.id)[0]
    with place.locked():
        with pytest.raises(JournalUnavailable, match="so no call is made"):
            journal.steps.begin(step, owner=OWNER, now=NOW, who=ROBIN)
        with pytest.raises(JournalUnavailable):
            journal.renew(OWNER, 15)
        assert journal.reads.run(run.id).totals.planned == 1
        assert journal.log.verify_chain().ok
        assert journal.audit.all().findings == ()
    journal.steps.begin(step, owner=OWNER, now=NOW, who=ROBIN)
    assert journal.log.verify_chain().ok
    assert journal.audit.all().findings == ()


def test_whoever_falls_asleep_within_a_transaction_does_not_hold_up_the_others(postgresql):
    place = postgresql.new_place()
    asleep, awake = place.open(patience=0.3), place.open(patience=20)
    with pytest.raises(JournalUnavailable), asleep.log.writing():
        awake.renew(OWNER, 15)  # waits until the server has ended the other's session
    assert not asleep.renew(OWNER, 15)
    place.close()


def full(journal):
    """No page more than there are now, as on a disk that is full."""
    event.listen(journal._database._engine, "begin", _no_more_pages)


def _no_more_pages(connection):
    used = connection.exec_driver_sql("PRAGMA page_count").scalar()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {used}")


def test_a_full_disk_stops_calls_but_not_the_pages_and_nothing_is_half_written(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    run = journal.record(plan_of([customer(number) for number in range(1, 200)]), NOW, who=ROBIN)
    journal.claim(run.id, owner=OWNER, now=NOW, who=ROBIN)
    full(journal)
    begun = 0
    with pytest.raises(JournalUnavailable, match="full"):  # noqa: PT012 - the disk fills up at some step
        for step in journal.reads.steps(run.id):
            journal.steps.begin(step, owner=OWNER, now=NOW, who=ROBIN)
            begun += 1
    assert journal.reads.run(run.id).totals.in_flight == begun
    assert journal.reads.step(run.id, id_of(1)).name == "Clinic 1"
    assert journal.log.verify_chain().ok
    assert journal.audit.all().findings == ()
    event.remove(journal._database._engine, "begin", _no_more_pages)
    with journal._database._engine.connect() as db:
        db.exec_driver_sql("PRAGMA max_page_count = 1000000")
    journal.steps.begin(journal.reads.steps(run.id)[begun], owner=OWNER, now=NOW, who=ROBIN)
    assert journal.log.verify_chain().ok
    assert journal.audit.all().findings == ()
    journal.close()


@pytest.mark.parametrize("nth", [1, 10])
def test_a_run_whose_journal_gets_locked_is_interrupted_and_goes_on_when_asked(place, nth):
    journal, slept = place.open(patience=0.2), []
    bench = Bench(journal, count=30, concurrency=2, sleep=slept.append)
    run = bench.record()
    with ExitStack() as trouble:

        def lock_at_the_nth_call(what, _id, _nth):
            if what == "deactivate" and len(bench.api.changes()) == nth:
                trouble.enter_context(place.locked())
            return "ok"

        bench.api.script = lock_at_the_nth_call
        bench.worker.submit(run.id, who=ROBIN)
        until(lambda: JOURNAL_WAIT in slept)  # the crew has stopped, and would like to say so
        asked = len(bench.api.changes())
        assert nth <= asked <= nth + 1  # what the other hand had begun
        seen = journal.reads.run(run.id)  # pages go on
        assert (seen.totals.total, seen.totals.in_flight) == (30, asked - seen.totals.verified)
        assert journal.log.verify_chain().ok
        assert journal.audit.all().findings == ()
    run = bench.carried(run)
    assert run.state is RunState.INTERRUPTED
    assert "can't be written" in run.words
    assert len(bench.api.changes()) == asked
    bench.api.script = lambda *_: "ok"
    run = bench.carried(bench.worker.resume(run.id, who=ROBIN))
    assert (run.state, run.totals.verified) == (RunState.FINISHED, 30)
    assert sorted(bench.api.changes()) == [record.id for record in bench.customers]
    assert journal.log.verify_chain().ok
    assert journal.audit.all().findings == ()
