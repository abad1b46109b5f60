"""A receipt is made only once its export is in the log."""

import json

import pytest

from lib.errors import JournalUnavailable, RunNotFound
from lib.runs.export import Format, export
from tests.runs.fakes import KIM, NOW, ROBIN, customer, plan_of


@pytest.mark.parametrize("form", Format)
def test_an_export_is_logged_with_who_and_in_which_form(journal, form):
    run = journal.record(plan_of([customer(1)]), NOW, who=ROBIN)
    made = export(journal, run.id, form, who=KIM, now=NOW)
    entry = journal.log.entries(run.id)[-1]
    assert (entry.event, entry.who, json.loads(entry.payload)) == ("export", "Kim", {"format": form.value})
    assert (made.name, bool(made.mime)) == (f"receipt-{run.id}.{form.value}", True)
    assert run.id.encode() in made.body
    assert form is not Format.JSONL or b'"event":"export"' in made.body


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
