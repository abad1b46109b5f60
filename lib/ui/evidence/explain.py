"""Why a customer is a candidate of a rule set, or what stands in the way: each question, its answer and what it saw."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib.evidence.judgement import without_hash
from lib.evidence.rule_set import RuleSet, proof_within
from lib.evidence.rules import Answer, Facts
from lib.ui.text import md
from lib.ui.widgets import dialogs, id_table
from lib.ui.widgets.id_table import Column

_SIGNS = {Answer.YES: "✓ yes", Answer.UNKNOWN: "? unknown", Answer.NO: "✗ no"}
_COLUMNS = (Column("Question", 170, "long"), Column("Answer", 100, "state"), Column("What it saw", 260, "long"))
_VERDICT = {Answer.YES: "A candidate", Answer.UNKNOWN: "Nobody can tell", Answer.NO: "No candidate"}


def draw_explained(rules: RuleSet, facts: Facts, read: Callable[[], None] | None = None) -> None:
    """Draw what the rule set says of this customer. `read` reads its studies; offered where they are asked for, and were not
    read or could not be.
    """
    found = rules.judge(facts)
    between = "" if found.answer is Answer.YES else "What stands in the way: "
    st.markdown(
        f"**{_VERDICT[found.answer]}** by {md(without_hash(rules.label))}. {md(between + found.words, limit=600)}".strip()
    )
    rows = [
        (str(place), rule.about, _SIGNS[finding.answer], finding.words)
        for place, (rule, finding) in enumerate(rules.explain(facts))
    ]
    id_table.show("explained", _COLUMNS, rows, label="What each question answers", view=f"{facts.record.id} {rules.hash}")
    if proof_within(rules.rule) is not None:
        draw_read(facts, read)


def draw_read(facts: Facts, read: Callable[[], None] | None) -> None:
    """A button that has this one customer's studies read, where they were not, could not be, or not all of them."""
    seen = facts.activity
    if read is None or (seen is not None and not seen.why and (seen.whole or seen.newest is not None)):
        return
    label = "Read its studies" if seen is None else "Read its studies again"
    st.button(label, key="read_studies", icon=":material/search:", on_click=dialogs.act, args=(read,))
