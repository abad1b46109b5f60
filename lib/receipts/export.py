"""Receipts as files. That somebody took one is written in the log before the file is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from lib.avara.text import one_line
from lib.errors import ExportRefused, JournalDamaged
from lib.journal.journal import Journal
from lib.people import Person
from lib.receipts.page import to_html
from lib.receipts.rows import Proof, to_csv, to_jsonl


class Format(StrEnum):
    """The forms of a receipt, named as their files end."""

    CSV = "csv"  # for people: safe in spreadsheets
    JSONL = "jsonl"  # for machines: exact
    HTML = "html"  # to print

    @classmethod
    def of(cls, path: Path) -> Format:
        """The form that the file's name ends in. Raises ExportRefused where that stands for none."""
        forms = {f".{form}": form for form in cls}
        if path.suffix.lower() not in forms:
            raise ExportRefused(f"A receipt is {', '.join(forms)}, not {one_line(path.name, 60)}. Name the file so.")
        return forms[path.suffix.lower()]

    @property
    def mime(self) -> str:
        return {Format.CSV: "text/csv", Format.JSONL: "application/x-ndjson", Format.HTML: "text/html"}[self]


@dataclass(frozen=True)
class ReceiptFile:
    """A receipt as made: its name for a download, its type, its bytes, and what it says to be wrong with the run or the log."""

    name: str
    mime: str
    body: bytes
    wrong: tuple[str, ...]


def export(journal: Journal, run_id: str, form: Format, *, who: Person, now: datetime) -> ReceiptFile:
    """Log the export, then make the receipt, which tells of that entry too and of what it was checked by.

    Raises RunNotFound, JournalUnavailable when the export can't be logged, or JournalDamaged when the run, its steps and its
    plan are no longer what was confirmed, or can't be read: then there is no receipt. Where only what became of them is not
    what the log says, the receipt says so.
    """
    journal.audit.check_plan(run_id)
    journal.log.note(run_id, "export", now=now, who=who, format=form.value)
    run, plan, steps = journal.reads.run(run_id), journal.reads.plan(run_id), journal.reads.every_step(run_id)
    if run.damage:
        raise JournalDamaged(f"{run_id}: {run.damage} There is no receipt of it.", run_id=run_id)
    entries = journal.log.entries(run_id)
    proof = prove(journal, run_id)
    match form:
        case Format.CSV:
            body = to_csv(run, plan, steps, proof)
        case Format.JSONL:
            body = to_jsonl(run, plan, steps, entries, proof)
        case Format.HTML:
            body = to_html(run, plan, steps, entries, proof, made_at=now)
    return ReceiptFile(f"receipt-{run_id}.{form.value}", form.mime, body, proof.wrong)


def prove(journal: Journal, run_id: str) -> Proof:
    """Check the whole log, and the run against it and its plan."""
    return Proof(journal.log.verify_chain(), journal.audit.run(run_id), journal.log.carriers(run_id))
