"""Rule sets in a notebook: which one is meant, and whom it means as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lib.avara.text import count
from lib.customers.frame import CustomerFrame
from lib.errors import UploadUnreadable
from lib.evidence.rule_set import LARGEST, PRESETS, RuleSet
from lib.evidence.rules import Answer, Facts, Finding
from lib.files import read_at_most, shown, typed_path
from lib.notebook.tables import customers_table


def rule_set(meant: object) -> RuleSet:
    """The rule set itself, a preset by its name, or one that a file holds. Raises UploadUnreadable."""
    if isinstance(meant, RuleSet):
        return meant
    for preset in PRESETS:
        if preset.name == str(meant).strip().lower():
            return preset
    names = ", ".join(f"'{preset.name}'" for preset in PRESETS)
    if isinstance(meant, str | Path) and Path(meant).suffix == ".json":
        path = typed_path(meant)
        try:
            return RuleSet.from_json(read_at_most(path, LARGEST + 1))
        except OSError as exc:
            raise UploadUnreadable(f"{shown(path)} can't be read ({exc.strerror}).") from exc
    raise UploadUnreadable(f"There are these rule sets: {names}; or name a file of rules that ends in .json.")


def candidates_table(frame: CustomerFrame, found: Sequence[tuple[Facts, Finding]]) -> pd.DataFrame:
    """One row a candidate, and each of whom nobody can tell: `candidate` (yes, unknown), `why`, and the customer's columns."""
    some = [(facts.record.id, finding) for facts, finding in found if finding.answer is not Answer.NO]
    table = customers_table(frame, frame.positions(customer_id for customer_id, _ in some))
    table.insert(2, "candidate", [str(finding.answer) for _, finding in some])
    table.insert(3, "why", [finding.words for _, finding in some])
    order = table["candidate"].map({"yes": 0, "unknown": 1})
    return table.assign(_order=order).sort_values(["_order", "updated_at"], ignore_index=True).drop(columns="_order")


def summary(rules: RuleSet, found: Sequence[tuple[Facts, Finding]]) -> str:
    """In one line: "dormant, version 1, 3f2a90c1: 41 candidates, 2 unknown, of 8,012 active customers"."""
    answers = [finding.answer for _, finding in found]
    yes, unknown = answers.count(Answer.YES), answers.count(Answer.UNKNOWN)
    return f"{rules.label}: {count(yes, 'candidate')}, {unknown:,} unknown, of {count(len(found), 'active customer')}"
