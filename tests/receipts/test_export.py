"""A receipt is made only once its export is in the log."""

import csv
import html
import io
import json
import re

import pytest

from lib.errors import JournalDamaged, JournalUnavailable, RunNotFound
from lib.plans.model import RunState, StepState
from lib.plans.words import said
from lib.receipts.export import Format, export
from tests.runs.fakes import KIM, NOW, ROBIN, customer, id_of, plan_of


@pytest.mark.parametrize("form", Format)
def test_an_export_is_logged_with_who_and_in_which_form(journal, form):
    run = journal.record(plan_of([customer(1)]), NOW, who=ROBIN)
    made = export(journal, run.id, form, who=KIM, now=NOW)
    entry = journal.log.entries(run.id)[-1]
    assert (entry.event, entry.who, json.loads(entry.payload)) == ("export", "Kim", {"format": form.value})
    assert (made.name, bool(made.mime)) == (f"receipt-{run.id}.{form.value}", True)
    assert run.id.encode() in made.body
    assert form is not Format.JSONL or b'"event":"export"' in made.body


def finished(journal):
    """The id of a run that Kim carried out and Robin had planned; its only customer is verified."""
    run = journal.record(plan_of([customer(1)]), NOW, who=KIM)
    journal.claim(run.id, owner="host:1:a", now=NOW, who=KIM)
    step = journal.steps.begin(journal.reads.steps(run.id)[0], owner="host:1:a", now=NOW, who=KIM)
    journal.steps.settle(step, StepState.VERIFIED, now=NOW, who=KIM, after=customer(1, is_active=False), status=200, seconds=1)
    journal.end(run.id, RunState.FINISHED, words=said("Done."), now=NOW, who=KIM)
    return run.id


def told_in(form, body):
    """What a receipt says of who planned, who carried it out, and what it was checked by."""
    if form is Format.HTML:
        page = re.sub("<[^>]+>", "\n", html.unescape(body.decode()))
        lines = [line for line in page.split("\n") if line]
        return lines[lines.index("Planned by") + 1], lines[lines.index("Carried out by") + 1], " ".join(lines)
    if form is Format.CSV:
        (row,) = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))
        return row["planned by"], row["carried out by"], row["checked"]
    run, _, check, *_ = map(json.loads, body.splitlines())
    found = " ".join(f"{one['customer_id']}: {one['words']}" for one in check["tables"]["findings"])
    return run["planned_by"], run["carried_by"][0], found or "all as they say"


@pytest.mark.parametrize("form", Format)
def test_a_receipt_tells_who_planned_who_carried_it_out_and_that_the_log_says_the_same(journal, form):
    made = export(journal, finished(journal), form, who=ROBIN, now=NOW)
    planned_by, carried_by, checked = told_in(form, made.body)
    assert (planned_by, carried_by, "all as they say" in checked) == ("Robin", "Kim", True)


@pytest.mark.parametrize("form", Format)
def test_a_receipt_of_what_was_altered_since_says_so(journal, place, form):
    run_id = finished(journal)
    place.run("UPDATE steps SET attempts = 0")
    checked = told_in(form, export(journal, run_id, form, who=ROBIN, now=NOW).body)[2]
    assert f"{id_of(1)}: attempts says “0”, the log “1”." in checked


@pytest.mark.parametrize(
    "alter",
    [
        f"UPDATE steps SET customer_id = '{id_of(2)}'",
        "DELETE FROM steps",
        "DELETE FROM plans",
        "UPDATE runs SET reason = 'Fraud'",
        "UPDATE steps SET after = '['",
        "UPDATE runs SET finished_at = 'yesterday'",
    ],
)
@pytest.mark.parametrize("form", Format)
def test_there_is_no_receipt_of_a_run_that_is_not_its_plan_or_can_not_be_read(journal, place, form, alter):
    run_id = finished(journal)
    place.run(alter)
    with pytest.raises(JournalDamaged, match=run_id):
        export(journal, run_id, form, who=ROBIN, now=NOW)


def test_without_a_log_entry_there_is_no_receipt(journal, monkeypatch):
    run = journal.record(plan_of([customer(1)]), NOW, who=ROBIN)

    def full(*_, **__):
        raise JournalUnavailable

    monkeypatch.setattr(journal.log, "note", full)
    with pytest.raises(JournalUnavailable):
        export(journal, run.id, Format.CSV, who=KIM, now=NOW)


def test_a_run_that_is_not_there_has_no_receipt_and_no_entry(journal):
    with pytest.raises(RunNotFound):
        export(journal, "run_none", Format.CSV, who=KIM, now=NOW)
    assert journal.log.verify_chain().entries == 0
