"""Receipts as files. That somebody took one is written in the log before the file is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lib.journal.journal import Journal
from lib.runs import receipt
from lib.runs.model import Person
from lib.runs.receipt_page import to_html


class Format(StrEnum):
    """The forms of a receipt, named as their files end."""

    CSV = "csv"  # for people: safe in spreadsheets
    JSONL = "jsonl"  # for machines: exact
    HTML = "html"  # to print

    @property
    def mime(self) -> str:
        return {Format.CSV: "text/csv", Format.JSONL: "application/x-ndjson", Format.HTML: "text/html"}[self]


@dataclass(frozen=True)
class ReceiptFile:
    """A receipt as made: its name for a download, its type and its bytes."""

    name: str
    mime: str
    body: bytes


def export(journal: Journal, run_id: str, form: Format, *, who: Person, now: datetime) -> ReceiptFile:
    """Log the export, then make the receipt, which tells of that entry too.

    Raises RunNotFound, JournalUnavailable when the export can't be logged, or PlanError when the plan in the journal is no
    longer what was confirmed: then there is no receipt.
    """
    journal.reads.run(run_id)
    journal.log.note(run_id, "export", now=now, who=who, format=form.value)
    run, plan = journal.reads.run(run_id), journal.reads.plan(run_id)
    match form:
        case Format.CSV:
            body = receipt.to_csv(run, plan, journal.reads.every_step(run_id))
        case Format.JSONL:
            body = receipt.to_jsonl(run, plan, journal.reads.every_step(run_id), journal.log.entries(run_id))
        case Format.HTML:
            entries, check = journal.log.entries(run_id), journal.log.verify_chain()
            body = to_html(run, plan, journal.reads.every_step(run_id), entries, check, made_at=now)
    return ReceiptFile(f"receipt-{run_id}.{form.value}", form.mime, body)
