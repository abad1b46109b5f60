"""The report of a session answers who, why, when and what came of it, and no word of a record becomes more than text."""

import json
import shutil
from datetime import timedelta

import pytest

from lib.errors import ExportRefused, JournalUnavailable
from lib.evidence.activity import Activity
from lib.evidence.judgement import Answered, Judgement
from lib.journal.proof.replay import NOT_PROVED
from lib.journal.tables import runs, steps
from lib.plans.model import Action, RunState, StepState
from lib.plans.plan import PlannedCustomer, Untouched
from lib.plans.words import said
from lib.receipts.report import MOST, report
from tests.journal.places import sqlite_place
from tests.receipts.test_page import HOSTILE, Reader
from tests.runs.fakes import FINGERPRINT, KIM, NOW, ROBIN, customer, id_of, judgement, plan_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STATES = (StepState.VERIFIED, StepState.SKIPPED, StepState.FAILED, StepState.NOT_APPLIED, StepState.UNKNOWN)


def carried(journal, records, states, *, at=NOW, **fields):
    """The id of a run that Kim carried out and Robin had planned, with a step in each of these states."""
    planned = [PlannedCustomer(record=record, evidence=(f"filter: {record.name}", "0 users"), read_at=at) for record in records]
    plan = plan_of(records, now=at, **fields).model_copy(update={"customers": tuple(planned)})
    run = journal.record(plan, at, who=ROBIN)
    run = journal.claim(run.id, owner="host:1:a", now=at, who=KIM)
    active = plan.action.wants_active
    for step, record, state in zip(journal.reads.steps(run.id), records, states, strict=True):
        words = said("" if state is StepState.VERIFIED else f"Why {record.name} is {state.value}.")
        after = record.model_copy(update={"is_active": active, "updated_at": at}) if state is StepState.VERIFIED else None
        skipped = state is StepState.SKIPPED
        begun = step if skipped else journal.steps.begin(step, owner="host:1:a", now=at, who=KIM)
        journal.steps.settle(begun, state, now=at + timedelta(seconds=5), who=KIM, after=after, words=words)
    journal.end(run.id, RunState.FINISHED, words=said("Done."), now=at + timedelta(minutes=1), who=KIM)
    return run.id


def made(journal, *run_ids, who=KIM, **days):
    return report(journal, [journal.reads.run(run_id) for run_id in run_ids], who=who, now=NOW + 9 * HOUR, **days)


def seen(journal, *run_ids):
    return Reader(made(journal, *run_ids).body).text


def five(journal, first=1, **fields):
    return carried(journal, [customer(first + at) for at in range(5)], STATES, **fields)


def test_it_answers_who_why_when_and_what_came_of_it(journal):
    run_id = five(journal, reason="Contract ended", ticket="OPS-7")
    text = seen(journal, run_id)
    flat = "".join(line.strip() for line in text.splitlines())
    for told in (
        "Report of 2026-03-01: 1 run",
        "Robin planned it",
        "Kim carried it out",
        "Contract ended",
        "OPS-7",
        "2026-03-01 12:00:00 UTC",
        "1 of 5 customers deactivated; 1 not applied, 1 skipped, 1 failed, 1 unknown; the run is finished",
        "Made 2026-03-01 21:00:00 UTC by Kim",
        "How they were picked0 usersread 2026-03-01 12:00 UTC",  # told once, for all of them
    ):
        assert told in text, told
    done = flat.partition("Not done, and why")[2].partition("Who did what, when")[0].partition("DoneCustomer")[2]
    assert f"Clinic 1{id_of(1)}filter: Clinic 1active → inactive02026-03-01 12:00:05" in done
    for number, state in enumerate(STATES[1:], start=2):
        words = state.value.replace("_", " ")
        assert id_of(number) not in done
        assert f"Clinic {number}{id_of(number)}{words}Why Clinic {number} is {state.value}.filter: Clinic {number}" in flat


def test_a_run_and_its_undo_are_told_together_and_the_standing_counts_each_customer_once(journal):
    records = [customer(number, user_count=number) for number in (1, 2, 3)]
    first = carried(journal, records, [StepState.VERIFIED] * 3)
    left = [record.model_copy(update={"is_active": False, "updated_at": NOW}) for record in records[:2]]
    why = [Untouched(customer_id=id_of(3), why="Somebody changed it after this run: name.")]
    undo = carried(
        journal, left, [StepState.VERIFIED] * 2, at=NOW + HOUR, action=Action.REACTIVATE, undo_of=first, left_alone=why
    )
    text = seen(journal, undo, first)
    assert text.index(f"Run, plan hash{first}") < text.index(f"Run, plan hash{undo}")  # oldest first, however named
    assert "approved" not in text
    assert text.count("confirmed and started") == 2
    assert f"2 customers taken back by {undo} (finished)" in text
    assert f"takes back {first}" in text
    assert (
        "Customers in these runs3left inactive1left active2not changed, or not known0Users of those left inactive3"
        in "".join(line.strip() for line in text.splitlines())
    )
    assert f"{id_of(3)}Somebody changed it after this run: name." in text


def test_it_tells_whom_the_review_left_out_and_why(journal):
    out = [
        Untouched(customer_id=id_of(9), name="Clinic 9", why="It is inactive already."),
        Untouched(customer_id="", why="Not picked; dormant says yes.", number=214),
    ]
    flat = "".join(line.strip() for line in seen(journal, five(journal, set_aside=out)).splitlines())
    assert (
        f"Left out or not picked, and whyCustomerWhyClinic 9{id_of(9)}It is inactive already.214 customersNot picked; dormant"
        in flat
    )


def test_hostile_names_stay_text(journal):
    records = [customer(number, name=name, metadata={name[:90]: name}) for number, name in enumerate(HOSTILE, start=1)]
    states = [STATES[at % len(STATES)] for at in range(len(records))]
    hostile = carried(journal, records, states, reason=HOSTILE[0], ticket=HOSTILE[2], operator=HOSTILE[1])
    tame = carried(journal, [customer(100 + at) for at in range(len(records))], states, reason="אבג", at=NOW + HOUR)
    page = made(journal, hostile).body
    found, expected = Reader(page), Reader(made(journal, tame).body)
    assert (found.tags, found.attributes) == (expected.tags, expected.attributes)
    for name in HOSTILE:
        assert "".join("\N{REPLACEMENT CHARACTER}" if char in "\t\0\x1b" else char for char in name) in found.text
    assert page.count(b"<bdi>") == page.count(b"</bdi>") > 0


def test_it_fetches_and_runs_nothing_and_has_its_charts_in_it(journal):
    page = made(journal, five(journal)).body.decode()
    assert "default-src 'none'" in page
    assert not any(word in page for word in ("<script", "<link", "<img", "src=", "href=", "url(", "@import", "<foreignObject"))
    assert page.count("<svg") == page.count("</svg>") == page.count("<figure>") == 2


def test_what_is_proved_stands_in_it_and_that_it_was_made_in_the_log(journal):
    first, second = five(journal), five(journal, first=11, at=NOW + HOUR)
    file = made(journal, first, second)
    assert (file.name, file.mime, file.wrong) == ("report-2026-03-01.html", "text/html", ())
    check, text = journal.log.verify_chain(), Reader(file.body).text
    assert f"all {check.entries} entries of the log hold together" in text
    assert check.head in text
    assert text.count("Compared with the log and the plans: 1 run with 5 customers, all as they say.") == 2
    for run_id in (first, second):
        entry = journal.log.entries(run_id)[-1]
        assert (entry.event, entry.who, json.loads(entry.payload)) == ("export", "Kim", {"format": "report"})


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        ("UPDATE steps SET name = 'Fraud' WHERE run_id = '{0}'", "The journal was altered"),
        ("DELETE FROM plans WHERE run_id = '{0}'", "its plan is gone"),
        ("UPDATE runs SET finished_at = 'yesterday' WHERE id = '{0}'", "can't be read"),
        ("UPDATE steps SET attempts = 7 WHERE run_id = '{0}'", "attempts says “7”, the log"),
    ],
)
def test_a_run_that_was_altered_says_so_and_hides_no_other(journal, place, alter, words):
    damaged, sound = five(journal), five(journal, first=11, at=NOW + HOUR)
    place.run(alter.format(damaged))
    file = made(journal, damaged, sound)
    text = Reader(file.body).text
    assert any(words in one for one in file.wrong)
    assert words in text
    assert all(id_of(number) in text for number in range(11, 16))
    assert damaged in text


@pytest.mark.parametrize(
    "alter",
    [
        "UPDATE runs SET fingerprint = 'another' WHERE id = '{0}'",
        "UPDATE runs SET created_at = '2020-01-01T00:00:00.000000+00:00' WHERE id = '{0}'",
        "DELETE FROM plans WHERE run_id = '{0}'; DELETE FROM steps WHERE run_id = '{0}'; DELETE FROM runs WHERE id = '{0}'",
    ],
)
def test_a_run_that_was_put_elsewhere_or_removed_is_named_by_the_report_of_others(journal, place, alter):
    gone, sound = five(journal), five(journal, first=11, at=NOW + HOUR)
    days = {"since": NOW.date(), "keys": {FINGERPRINT}}
    assert made(journal, **days).wrong == ()
    place.run(*alter.format(gone).split("; "))
    words = f"1 run of this journal is not as the log has it: {gone}."
    file = made(journal, **days)
    assert (file.wrong, file.runs) == ((words,), (sound,))
    assert words in Reader(file.body).text
    place.run(*alter.format(sound).split("; "))
    with pytest.raises(ExportRefused, match="2 runs of this journal are not as the log has them"):
        made(journal, **days)


@pytest.mark.parametrize(
    "asked",
    [
        made,
        lambda journal, sound: made(journal, since=(NOW + DAY).date(), keys={FINGERPRINT}),
        lambda journal, sound: made(journal, since=(NOW + DAY).date(), keys=()),
    ],
)
def test_what_became_of_runs_that_it_does_not_tell_of_is_not_for_the_report_to_say(journal, place, asked):
    other, sound = five(journal), five(journal, first=11, at=NOW + DAY)
    place.run(f"UPDATE steps SET name = 'Fraud' WHERE run_id = '{other}'")
    file = asked(journal, sound)
    assert (file.wrong, file.runs) == ((), (sound,))
    assert not journal.audit.all().ok


COLUMNS = [column for table in (runs, steps) for column in table.c if column.name not in ("id", "run_id", *NOT_PROVED)]


def place_of(column, run_id):
    return f"{column.table} WHERE {'id' if column.table is runs else 'run_id'} = '{run_id}'"


@pytest.fixture(scope="module")
def one_run_a_column(tmp_path_factory):
    """A folder with a journal that has a run for each column, and one more, each of one customer of whom all is known."""
    folder = tmp_path_factory.mktemp("columns")
    place = sqlite_place(folder)
    journal, ids = place.open(), []
    for at in range(1, len(COLUMNS) + 2):
        record, now = customer(at), NOW + at * HOUR / 60
        plan = plan_of([record], now=now, judged={record.id: judgement()}, ticket="OPS-7", filter_text="no users")
        run = journal.claim(journal.record(plan, now, who=ROBIN).id, owner="host:1:a", now=now, who=KIM)
        (step,) = journal.reads.steps(run.id)
        begun = journal.steps.begin(step, owner="host:1:a", now=now, who=KIM)
        facts = {"after": record.model_copy(update={"is_active": False}), "status": 200, "request_id": "r1", "seconds": 0.5}
        journal.steps.settle(begun, StepState.VERIFIED, now=now, who=KIM, words=said("Seen."), **facts)
        journal.end(run.id, RunState.FINISHED, words=said("Done."), now=now, who=KIM)
        ids.append(run.id)
    place.close()
    return folder, ids


@pytest.mark.parametrize("value", ["NULL", "'garbage'", "-1", "x'ff00'"])
def test_no_damaged_value_keeps_the_report_from_being_made_and_logged(one_run_a_column, tmp_path, value):
    """A run for each column that is damaged; on SQLite, which keeps whatever it is given."""
    folder, (*ids, sound) = one_run_a_column
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    place, damaged = sqlite_place(tmp_path), set()
    for run_id, column in zip(ids, COLUMNS, strict=True):
        if column.nullable or value != "NULL":
            ((same,),) = place.run(f"SELECT {column.name} IS {value} FROM {place_of(column, run_id)}")
            row = place_of(column, run_id).replace(" WHERE", f" SET {column.name} = {value} WHERE")
            place.run("PRAGMA ignore_check_constraints = 1", f"UPDATE {row}")
            damaged |= set() if same else {(run_id, column.name)}
    file = made(place.open(), *ids, sound)
    text = Reader(file.body).text
    (named,) = (words for words in file.wrong if "not as the log has them" in words)
    assert [name for run_id, name in damaged if run_id not in named] == []
    assert [run_id for run_id in (*ids, sound) if (run_id in named) is not (run_id in dict(damaged))] == []
    assert all(run_id in text for run_id in ids)
    assert id_of(len(ids) + 1) in text
    exports = place.run("SELECT run_id, payload FROM log WHERE event = 'export'")
    assert {*ids, sound} == {run or json.loads(payload)["damaged_run"] for run, payload in exports}
    place.close()


def test_a_log_that_was_altered_is_told_first(journal, place):
    run_id = five(journal)
    place.unguard_the_log()
    place.run("UPDATE log SET who = 'Nobody' WHERE seq = 2")
    file = made(journal, run_id)
    assert "Entry 2 was altered" in file.wrong[0]
    assert Reader(file.body).text.index("Entry 2 was altered") < Reader(file.body).text.index("In short")


def test_nothing_and_too_much_are_refused_before_anything_is_logged(journal):
    run = journal.reads.run(five(journal))
    before = journal.log.verify_chain().entries
    for some in ([], [run] * (MOST + 1)):
        with pytest.raises(ExportRefused):
            report(journal, some, who=KIM, now=NOW)
    assert journal.log.verify_chain().entries == before


def test_without_a_log_entry_there_is_no_report(journal, monkeypatch):
    run_id = five(journal)

    def full(*_, **__):
        raise JournalUnavailable

    monkeypatch.setattr(journal.log, "note", full)
    with pytest.raises(JournalUnavailable):
        made(journal, run_id)


def test_what_a_rule_set_said_stands_with_each_customer_and_what_it_asks_once(journal):
    def judged(number, answer):
        activity = Activity(NOW, newest=NOW - timedelta(days=400), counts=(0, 0, 0, 4), whole=True)
        answers = (Answered(question="no study in 365 days", answer=answer, seen=f"seen of {number}"),)
        return Judgement(
            rules="dormant, version 1", hash="ab" * 32, answer=answer, words=f"why {number}", answers=answers, activity=activity
        )

    planned = [
        PlannedCustomer(
            record=customer(number), evidence=("Picked by a rule set",), read_at=NOW, judgement=judged(number, answer)
        )
        for number, answer in ((1, "yes"), (2, "yes"), (3, "unknown"))
    ]
    plan = plan_of([customer(1)]).model_copy(update={"customers": tuple(planned)})
    file = made(journal, journal.record(plan, NOW, who=ROBIN).id)
    text = "".join(line.strip() for line in Reader(file.body).text.splitlines())
    assert f"dormant, version 1{'ab' * 32}no study in 365 daysyes: 2unknown: 1" in text
    assert all(said in text for said in ("Why 1", "Why 2", "Nobody can tell: why 3"))
    assert file.body.count(b"<figure>") == 0, "what has one bar is said, the newest studies too"
    assert "What came of it: Planned, deactivate: 3 customers." in text
    assert "Deactivations, by the age of the newest study when it was read: 1–2 years, not done: 3 customers." in text
