"""A receipt is made only once its export is in the log."""

import json

import pytest

from lib.errors import JournalUnavailable, RunNotFound
from lib.runs.export import Format, export
from lib.runs.journal import Journal
from tests.runs.fakes import NOW, customer, plan_of


@pytest.mark.parametrize("form", Format)
def test_an_export_is_logged_with_who_and_in_which_form(journal, form):
    run = journal.record(plan_of([customer(1)]), NOW)
    made = export(journal, run.id, form, who="Kim", now=NOW)
    entry = journal.entries(run.id)[-1]
    assert (entry.event, entry.who, json.loads(entry.payload)) == ("export", "Kim", {"format": form.value})
    assert (made.name, bool(made.mime)) == (f"receipt-{run.id}.{form.value}", True)
    assert run.id.encode() in made.body
    assert form is not Format.JSONL or b'"event":"export"' in made.body


def test_without_a_log_entry_there_is_no_receipt(journal, monkeypatch):
    run = journal.record(plan_of([customer(1)]), NOW)

    def full(*_, **__):
        raise JournalUnavailable

    monkeypatch.setattr(Journal, "note", full)
    with pytest.raises(JournalUnavailable):
        export(journal, run.id, Format.CSV, who="Kim", now=NOW)


def test_a_run_that_is_not_there_has_no_receipt_and_no_entry(journal):
    with pytest.raises(RunNotFound):
        export(journal, "run_none", Format.CSV, who="Kim", now=NOW)
    assert journal.verify_chain().entries == 0
