"""Did it hurt? Signs of life of the customers that a run deactivated, and nothing that nobody can know."""

from __future__ import annotations

import csv
import io
import threading
import time
from datetime import timedelta

import pytest
from pydantic import SecretStr

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.limiter import always
from lib.avara.models import RecordProblem, StudyPage
from lib.errors import IllegalTransition, NoAnswer, NotAuthorized, NotFound, Withdrawn
from lib.plans.model import Action, RunState, StepState
from lib.plans.words import said
from lib.runs.aftermath import Aftermaths, aftermath, to_csv
from lib.runs.tools import utc_now
from lib.runs.worker import Worker
from tests.avara.wire import reply, wire
from tests.runs.fakes import NOW, ROBIN, customer, id_of, plan_of, study
from tests.sandbox_server import ask, study_comes_in

OWNER = "host:1:a"
HOUR = timedelta(hours=1)
LATER = NOW + 5 * HOUR
PATIENCE = 60.0


def page(*studies, problems=()):
    return StudyPage(studies, problems, "more")


BROKEN = RecordProblem("", "createdAt", "null", "must be there", study_id="stu_1")
FORBIDDEN = NotAuthorized("The API does not allow this key to do that.", status=403)


class Api:
    """Answers with one record and the pages of both lists."""

    def __init__(self, record=None, viewer=(), autoscribe=()):
        self.record, self.viewer, self.autoscribe = record or customer(1, is_active=False), viewer, autoscribe
        self.asked = []

    def get_customer(self, customer_id, /, wanted=always):
        if not wanted():
            raise Withdrawn
        self.asked.append("record")
        return self._given(self.record)

    def iter_studies(self, product, customer_id, /, *, wanted=always):
        return self._pages(self.viewer if product == "viewer" else self.autoscribe)

    def _pages(self, pages):
        for each in pages:
            self.asked.append("page")
            yield self._given(each)

    @staticmethod
    def _given(value):
        if isinstance(value, Exception):
            raise value
        return value


def deactivated(journal, *numbers, action=Action.DEACTIVATE, now=NOW, **fields):
    """A finished run that called these."""
    run = journal.record(plan_of([customer(number) for number in numbers], action=action, now=now, **fields), now, who=ROBIN)
    journal.claim(run.id, owner=OWNER, now=now, who=ROBIN)
    for step in journal.reads.steps(run.id):
        begun = journal.steps.begin(step, owner=OWNER, now=now, who=ROBIN)
        after = step.before.model_copy(update={"is_active": action.wants_active})
        journal.steps.settle(begun, StepState.VERIFIED, owner=OWNER, now=now, who=ROBIN, after=after, status=200, seconds=0.1)
    return journal.end(run.id, RunState.FINISHED, words=said(""), now=now, who=ROBIN)


BEFORE, SINCE = study(NOW - HOUR), study(NOW + HOUR)


@pytest.mark.parametrize(
    ("told", "answer", "words", "asked"),
    [
        ({}, "no", "no study came in since, and it is inactive", 1),
        ({"viewer": [page(BEFORE)], "autoscribe": [page(BEFORE), page()]}, "no", "no study came in since", 4),
        (
            {"viewer": [page(BEFORE, SINCE), page(SINCE)]},
            "yes",
            "at least 1 study came in since, the newest seen 2026-03-01 13:00 UTC",
            2,  # one is proof
        ),
        ({"viewer": [page(BEFORE)], "autoscribe": [page(BEFORE), page(SINCE, SINCE)]}, "yes", "at least 2 studies came in", 4),
        ({"viewer": [page(study(NOW))]}, "no", "no study came in since", 2),
        ({"viewer": [page(study(NOW + HOUR, is_cancelled=True))]}, "no", "no study came in since", 2),
        ({"viewer": [page(study(None))]}, "unknown", "some of its studies have no time that can be", 2),
        ({"viewer": [page(study(LATER + 2 * HOUR))]}, "unknown", "some of its studies have no time that can be", 2),
        ({"autoscribe": [page(problems=(BROKEN,))]}, "unknown", "some of its studies have no time that can be", 2),
        ({"viewer": [FORBIDDEN]}, "unknown", "its studies are unknown: The API does not allow this key to do that.", 2),
        ({"viewer": [page(BEFORE)], "autoscribe": [NoAnswer("Cut off.")]}, "unknown", "its studies are unknown: Cut off.", 3),
        (
            {"viewer": [FORBIDDEN], "record": customer(1)},
            "yes",
            "it is active again, by no run of this journal; its studies",
            2,
        ),
        ({"record": NotFound("Gone.")}, "unknown", "its record is unknown: Gone.", 1),
        ({"record": NotFound("Gone."), "viewer": [page(SINCE)]}, "yes", "came in since, the newest seen", 2),
        ({"record": customer(1)}, "yes", "it is active again, by no run of this journal", 1),
    ],
)
def test_life_is_told_only_where_it_is_proved_and_none_only_where_all_was_read(journal, told, answer, words, asked):
    run, api = deactivated(journal, 1), Api(**told)
    (one,) = aftermath(run, api, journal.reads, lambda: LATER)
    assert (one.answer, len(api.asked)) == (answer, asked)
    assert words in one.words
    (row,) = csv.DictReader(io.StringIO(to_csv([one]).decode("utf-8-sig")))
    assert (row["customer id"], row["did it hurt"], row["what is seen"]) == (id_of(1), answer, one.words)


def test_who_gave_a_customer_back_is_told_where_a_run_of_the_journal_did(journal):
    deactivated(journal, 1, action=Action.REACTIVATE, now=NOW - HOUR)  # of before: not meant
    run = deactivated(journal, 1)
    assert aftermath(run, Api(), journal.reads, lambda: LATER)[0].answer == "no"
    undo = deactivated(journal, 1, action=Action.REACTIVATE, now=NOW + HOUR, operator="Kim")
    (one,) = aftermath(run, Api(customer(1)), journal.reads, lambda: LATER)
    assert one.words == f"reactivated 2026-03-01 13:00 UTC by {undo.id} of Kim"


def test_it_is_asked_only_of_a_run_that_deactivated_somebody(journal):
    never = journal.record(plan_of([customer(1)]), NOW, who=ROBIN)
    given_back = deactivated(journal, 2, action=Action.REACTIVATE)
    for run in (never, given_back):
        with pytest.raises(IllegalTransition, match="hurt nobody"):
            aftermath(run, Api(), journal.reads, lambda: LATER)


def test_trouble_on_the_way_ends_the_question_instead_of_making_everybody_unknown(journal):
    with pytest.raises(NotAuthorized):
        aftermath(deactivated(journal, 1, 2), Api(NotAuthorized(status=401)), journal.reads, lambda: LATER)


def until(holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_what_is_asked_in_the_background_can_be_stopped_and_keeps_what_was_found(journal):
    run, others = deactivated(journal, *range(1, 9)), threading.Event()

    class Slow(Api):
        def get_customer(self, customer_id, /, wanted=always):
            assert customer_id == id_of(1) or others.wait(PATIENCE)
            return super().get_customer(customer_id, wanted)

    api = Slow()
    jobs = Aftermaths(
        lambda run, tell, wanted: aftermath(run, api, journal.reads, lambda: LATER, tell=tell, wanted=wanted), lambda: LATER
    )
    assert jobs.of(run.id) is None
    jobs.begin(run)
    jobs.begin(run)  # a double click
    until(lambda: jobs.of(run.id).found)
    jobs.stop(run.id)
    others.set()
    until(lambda: not jobs.of(run.id).under_way)
    asked = jobs.of(run.id)
    assert (asked.found[0].customer_id, asked.total, asked.failure) == (id_of(1), 8, "")
    assert len(asked.found) < 8
    assert len(api.asked) < 8
    jobs.begin(run)
    until(lambda: not jobs.of(run.id).under_way)
    assert len(jobs.of(run.id).found) == 8
    api.record = NotAuthorized("The API refused the key.", status=401)
    jobs.begin(run)
    until(lambda: not jobs.of(run.id).under_way)
    assert (jobs.of(run.id).failure, jobs.of(run.id).found) == ("The API refused the key.", ())


@pytest.mark.parametrize("studies", [True, False])
def test_who_is_stopped_while_the_api_asks_to_wait_stops_waiting(journal, studies):
    slow_down = reply(429, b"", {"Retry-After": "900"})
    with (
        wire(*[slow_down if studies else reply(200, {"studies": [], "hasMore": False})] * 2, slow_down) as server,
        AvaraClient(Connection(server.base_url, SecretStr("key"), "test", "sandbox")) as client,
    ):
        run = deactivated(journal, 1)
        jobs = Aftermaths(
            lambda run, tell, wanted: aftermath(run, client, journal.reads, lambda: LATER, tell=tell, wanted=wanted),
            lambda: LATER,
        )
        before = set(threading.enumerate())
        jobs.begin(run)
        until(lambda: len(server.requests) == (1 if studies else 3))
        jobs.stop(run.id)
        until(lambda: not jobs.of(run.id).under_way)
        until(lambda: not [one for one in set(threading.enumerate()) - before if one.name in ("aftermath", "ask")])
        assert jobs.of(run.id).found == ()


def test_over_real_http_signs_of_life_are_found_and_who_gave_back_whom(start_sandbox, journal):
    server = start_sandbox(customers=60)
    connection = Connection(server.base_url, SecretStr(server.api_key), "sandbox", "sandbox")
    facts, heard = {"fingerprint": connection.fingerprint}, []
    with AvaraClient(connection) as client:
        records = [record for listed in client.iter_pages() for record in listed.customers if record.is_active][:6]
        worker = Worker(journal, {connection.fingerprint: client}.get, sleep=lambda _: None)

        def carried(plan):
            run = journal.record(plan, NOW, who=ROBIN)
            worker.submit(run.id, who=ROBIN)
            assert worker.join(run.id, PATIENCE)
            return journal.reads.run(run.id)

        run = carried(plan_of(records, **facts))
        studied, cancelled, ours, theirs, *quiet = (record.id for record in records)
        study_comes_in(server, studied)
        study_comes_in(server, cancelled, isCancelled=True)
        left = client.get_customer(ours)
        undo = carried(plan_of([left], action=Action.REACTIVATE, undo_of=run.id, operator="Kim", **facts))
        ask(server, "POST", f"/{theirs}/reactivate")
        told = aftermath(run, client, journal.reads, utc_now, tell=lambda found, total: heard.append((len(found), total)))
        worker.stop()
    found = {one.customer_id: one for one in told}
    assert heard[-1] == (6, 6)
    assert found[studied].words.startswith("at least 1 study came in since, the newest seen 2")
    assert f"by {undo.id} of Kim" in found[ours].words
    assert found[theirs].words == "it is active again, by no run of this journal"
    assert {found[customer_id].answer for customer_id in (cancelled, *quiet)} == {"no"}
    assert [found[customer_id].answer for customer_id in (studied, ours, theirs)] == ["yes"] * 3
