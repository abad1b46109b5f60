"""Whom a rule set means, told in a line and as a file. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lib.avara.text import count
from lib.evidence.rule_set import RuleSet
from lib.evidence.rules import Answer, Facts, Finding
from lib.spreadsheet import csv_bytes

_HEADER = ("expressCustomerId", "expressCustomerName", "candidate", "why", "userCount", "updatedAt")


def to_csv(found: Iterable[tuple[Facts, Finding]]) -> bytes:
    """One row a customer: see lib/spreadsheet.py for the form. It is a list that can be planned from."""
    rows = ((one.record, str(finding.answer), finding.words) for one, finding in found)
    return csv_bytes(
        _HEADER,
        ((record.id, record.name, answer, why, record.user_count, record.updated_at) for record, answer, why in rows),
    )


def summary(rules: RuleSet, found: Sequence[tuple[Facts, Finding]]) -> str:
    """In one line: "dormant, version 1, 3f2a90c1: 41 candidates, 2 unknown, of 8,012 active customers"."""
    answers = [finding.answer for _, finding in found]
    yes, unknown = answers.count(Answer.YES), answers.count(Answer.UNKNOWN)
    return f"{rules.label}: {count(yes, 'candidate')}, {unknown:,} unknown, of {count(len(found), 'active customer')}"
