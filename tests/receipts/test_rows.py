"""A receipt tells all of it: exact for machines, safe for spreadsheets."""

import csv
import hashlib
import io
import json
from dataclasses import replace
from datetime import timedelta

from lib.evidence.activity import Activity
from lib.evidence.judgement import Answered
from lib.journal.proof.chain import Entry
from lib.plans.model import RunState, StepState
from lib.plans.plan import PlannedCustomer
from lib.plans.words import said
from lib.receipts.export import prove
from lib.receipts.page import to_html
from lib.receipts.rows import CSV_HEADER, JUDGED, entry_facts, step_facts, summary, to_csv, to_jsonl
from lib.spreadsheet import unguard
from tests.runs.fakes import NOW, ROBIN, customer, id_of, judgement, plan_of

HOSTILE = '=HYPERLINK("http://evil.example","x")'


def finished(journal):
    records = [customer(1, name=HOSTILE, metadata={"@k": "=1"}), customer(2, updated_at=None)]
    run = journal.record(plan_of(records, reason="+reason", ticket="@T"), NOW, who=ROBIN)
    run = journal.claim(run.id, owner="host:1:a", now=NOW, who=ROBIN)
    step = journal.steps.begin(journal.reads.steps(run.id)[0], owner="host:1:a", now=NOW, who=ROBIN)
    after = records[0].model_copy(update={"is_active": False, "updated_at": NOW})
    journal.steps.settle(step, StepState.VERIFIED, now=NOW, who=ROBIN, after=after, status=200, request_id="-req", seconds=0.5)
    journal.steps.settle(journal.reads.steps(run.id)[1], StepState.FAILED, now=NOW, who=ROBIN, words=said("Gone."))
    return journal.end(run.id, RunState.FINISHED, words=said(""), now=NOW, who=ROBIN)


def csv_of(journal, run):
    return to_csv(run, journal.reads.plan(run.id), journal.reads.steps(run.id), prove(journal, run.id)).decode("utf-8-sig")


def lines_of(journal, run):
    steps, entries = journal.reads.steps(run.id), journal.log.entries(run.id)
    made = to_jsonl(run, journal.reads.plan(run.id), steps, entries, prove(journal, run.id))
    return [json.loads(line) for line in made.splitlines()]


def test_the_csv_has_a_row_a_customer_and_no_formula(journal):
    run = finished(journal)
    told = csv_of(journal, run)
    rows = list(csv.DictReader(io.StringIO(told, newline="")))
    assert tuple(rows[0]) == CSV_HEADER
    assert [row["customer id"] for row in rows] == [id_of(1), id_of(2)]
    assert rows[0]["name"] == f"'{HOSTILE}"
    assert (rows[0]["reason"], rows[0]["ticket"], rows[0]["request id"]) == ("'+reason", "'@T", "'-req")
    assert (rows[0]["result"], rows[0]["active before"], rows[0]["active after"]) == ("verified", "yes", "no")
    assert (rows[0]["HTTP status"], rows[0]["seconds"], rows[0]["attempts"]) == ("200", "0.5", "1")
    assert (rows[1]["result"], rows[1]["what happened"], rows[1]["active after"]) == ("failed", "Gone.", "")
    assert not any(cell[:1] in tuple("=+-@") and cell for row in rows for cell in row.values())


def test_the_json_lines_are_exact(journal):
    run = finished(journal)
    lines = lines_of(journal, run)
    assert [line["kind"] for line in lines] == ["run", "plan", "check", "step", "step"] + ["entry"] * 6
    assert lines[0]["totals"]["verified"] == lines[0]["totals"]["failed"] == 1
    assert lines[0]["totals"]["total"] == 2
    assert lines[3]["before"]["expressCustomerName"] == HOSTILE
    assert lines[3]["after"]["isActive"] is False
    assert lines[3]["before"]["metadata"] == {"@k": "=1"}
    assert (lines[3]["evidence"], lines[3]["read_at"]) == (["no users"], NOW.isoformat())
    assert lines[4]["after"] is None
    assert [line["hash"] for line in lines[5:]] == [entry.hash for entry in journal.log.entries(run.id)]


def test_the_plans_hash_can_be_computed_from_the_json_lines_alone(journal):
    run = finished(journal)
    lines = lines_of(journal, run)
    plan = next(line["plan"] for line in lines if line["kind"] == "plan")
    text = json.dumps(plan, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    hashes = {line["plan_hash"] for line in lines if line["kind"] == "run"}
    hashes |= {json.loads(line["context"])["plan_hash"] for line in lines if line["kind"] == "entry"}
    assert hashes == {hashlib.sha256(text.encode()).hexdigest()}


def test_the_csv_tells_the_evidence_and_runs_no_formula_of_it(journal):
    evidence = ("=1+1", "no users, since\n2025")
    planned = PlannedCustomer(record=customer(1), evidence=evidence, read_at=NOW)
    run = journal.record(plan_of([customer(1)]).model_copy(update={"customers": (planned,)}), NOW, who=ROBIN)
    (row,) = csv.DictReader(io.StringIO(csv_of(journal, run), newline=""))
    assert (unguard(row["evidence"]), row["evidence"][:2]) == ("=1+1; no users, since\n2025", "'=")
    assert row["read (UTC)"] == "2026-03-01T12:00:00Z"


SEEN = Activity(NOW, NOW - timedelta(days=400), (0, 0, 0, 7), whole=True)


def test_every_form_tells_what_the_rule_set_said_and_which_one_exactly(journal):
    judged = judgement(SEEN, rules="=1+1", answers=(Answered(question="no study for 365 days", answer="yes", seen="=2+2"),))
    run = journal.record(plan_of([customer(1), customer(2)], judged={id_of(1): judged}), NOW, who=ROBIN)
    row, other = csv.DictReader(io.StringIO(csv_of(journal, run), newline=""))
    assert [unguard(row[name]) for name in JUDGED] == [
        *("=1+1", "yes, no users; never a study", "no study for 365 days: yes (=2+2)"),
        *("2025-01-25T12:00:00Z", "2026-03-01T12:00:00Z", judged.hash),
    ]
    assert {other[name] for name in JUDGED} == {""}
    told = [line for line in lines_of(journal, run) if line["kind"] == "step"]
    assert [line["judgement"] for line in told] == [judged.model_dump(mode="json"), None]
    assert told[0]["activity"]["newest"] == "2025-01-25T12:00:00+00:00"
    plan, proof = journal.reads.plan(run.id), prove(journal, run.id)
    page = to_html(run, plan, journal.reads.steps(run.id), journal.log.entries(run.id), proof, made_at=NOW).decode()
    assert f"=1+1 ({judged.hash})" in page
    assert "never a study<br><small>judged by =1+1</small><br><small>no study for 365 days: yes (=2+2)</small>" in page


def test_the_log_holds_the_hash_of_the_judgements_from_the_first_entry_on_and_old_logs_stay_valid(journal):
    judged = {id_of(1): judgement()}
    new, old = plan_of([customer(1)], judged=judged), plan_of([customer(2)])
    first, before = (journal.log.entries(journal.record(plan, NOW, who=ROBIN).id)[0] for plan in (new, old))
    text = json.dumps([id_of(1), judgement().model_dump(mode="json")], sort_keys=True, separators=(",", ":"))
    hashed = hashlib.sha256(text.encode()).hexdigest()
    assert json.loads(first.payload)["judged"] == {"customers": 1, "rule_sets": ["0123abcd" * 8], "hash": hashed}
    assert "judged" not in json.loads(before.payload)
    assert "dormant" not in first.payload
    assert journal.audit.all().ok


def test_the_summary_is_plain_json(journal):
    run = finished(journal)
    told = summary(run)
    assert json.loads(json.dumps(told)) == told
    assert (told["id"], told["state"], told["reason"]) == (run.id, "finished", "+reason")
    assert told["finished_at"] == NOW.isoformat()


def test_the_csv_read_back_has_every_field_before_and_after(journal):
    run = finished(journal)
    told = csv_of(journal, run)
    rows = [{name: unguard(cell) for name, cell in row.items()} for row in csv.DictReader(io.StringIO(told, newline=""))]
    for row, step in zip(rows, journal.reads.steps(run.id), strict=True):
        assert (row["name"], json.loads(row["metadata before"])) == (step.before.name, step.before.metadata)
        assert row["name after"] == (step.after.name if step.after else "")
        assert (json.loads(row["metadata after"]) if step.after else row["metadata after"]) == (
            step.after.metadata if step.after else ""
        )
        assert (row["plan hash"], row["run"], row["undo of"]) == (run.plan_hash, run.id, "")
    assert rows[0]["updated after (UTC)"] == "2026-03-01T12:00:00Z"


def test_an_entrys_hash_can_be_computed_from_its_facts(journal):
    run = finished(journal)
    for entry in journal.log.entries(run.id):
        told = json.loads(json.dumps(entry_facts(entry)))
        assert Entry(**{**told, "at": entry.at}).computed() == told["hash"]
        assert replace(entry, who="somebody else").computed() != told["hash"]


def test_a_steps_facts_are_plain_json(journal):
    run = finished(journal)
    told = step_facts(journal.reads.steps(run.id)[0])
    assert json.loads(json.dumps(told)) == told
    assert told["state"] == "verified"
