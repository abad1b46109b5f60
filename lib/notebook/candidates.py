"""Whom a rule set means, as a table in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lib.customers.frame import CustomerFrame
from lib.evidence.rule_set import RuleSet
from lib.evidence.rules import Answer, Facts, Finding
from lib.notebook.tables import customers_table


def candidates_table(frame: CustomerFrame, found: Sequence[tuple[Facts, Finding]]) -> pd.DataFrame:
    """One row a candidate, and each of whom nobody can tell: `candidate` (yes, unknown), `why`, and the customer's columns."""
    some = [(facts.record.id, finding) for facts, finding in found if finding.answer is not Answer.NO]
    table = customers_table(frame, frame.positions(customer_id for customer_id, _ in some))
    table.insert(2, "candidate", [str(finding.answer) for _, finding in some])
    table.insert(3, "why", [finding.words for _, finding in some])
    order = table["candidate"].map({"yes": 0, "unknown": 1})
    return table.assign(_order=order).sort_values(["_order", "updated_at"], ignore_index=True).drop(columns="_order")


def explained(rules: RuleSet, facts: Facts) -> pd.DataFrame:
    """One row a question of the rule set: what it asks, what it answers, what it saw."""
    rows = [(rule.about, str(finding.answer), finding.words) for rule, finding in rules.explain(facts)]
    return pd.DataFrame(rows, columns=["question", "answer", "seen"])
