"""What is known of the customers on show besides their records: the rule set of the view, its columns, and filters on them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from lib.customers.filters import Matching, describe, matching
from lib.customers.frame import CustomerFrame
from lib.customers.views import Sort
from lib.evidence.columns import EvidenceColumns
from lib.evidence.evidence import Evidence
from lib.evidence.facts import facts_of
from lib.evidence.rule_set import RuleSet, proof_within
from lib.evidence.rules import Answer, Facts, NeverAStudy
from lib.evidence.views import View, chips
from lib.ui.customers import address
from lib.ui.evidence import explain, studies
from lib.ui.notices import attempt
from lib.ui.resources import Resources
from lib.ui.text import count, exact, md, number
from lib.ui.widgets import anew

_ANSWERS = ("yes", "unknown", "no")


def columns(resources: Resources, frame: CustomerFrame) -> EvidenceColumns:
    """By what is known now; the first time that a rule set is asked takes a moment."""
    rules = address.shown().rules
    with st.spinner("Asking the rule set of every customer…") if rules else nullcontext():
        return resources.evidence.columns(rules, frame)


def found(frame: CustomerFrame, view: View, seen: EvidenceColumns, now: datetime) -> tuple[Matching, int]:
    """Who matches the view's filters, and how many are left out only because nobody can tell of their studies."""
    by_record = matching(frame, view.filter, now)
    positions, unknown = seen.matching(view.seen, by_record.positions)
    return replace(by_record, positions=positions), unknown


def anew_found(evidence: Evidence, frame: CustomerFrame, view: View) -> Matching:
    """The same for another list, by what is known by then."""
    return found(frame, view, evidence.columns(view.rules, frame), datetime.now(UTC))[0]


def described(view: View) -> str:
    """What narrows the table, in one line, for a plan."""
    told = [describe(view.filter), view.described]
    return " · ".join(words for words in told if words and not (words == "all customers" and view.described))


def take(rules: RuleSet | None) -> None:
    """Let the view ask these; without any, nothing narrows or orders it by their answers."""
    view = address.shown()
    if rules is None:
        sort = Sort() if view.sort.column == "candidate" else view.sort
        address.change(rules=None, sort=sort, seen=view.seen.model_copy(update={"candidate": ()}))
    else:
        address.change(rules=rules)


def show_studies(width: int) -> None:
    """When studies came in, among the further filters."""
    seen, since = address.shown().seen, "Of customers with {} from this day on, in UTC."
    _day("Study since", "study_from", seen.study_from, width, since.format("a study"))
    _day("No study since", "no_study_from", seen.no_study_from, width, since.format("no study"))


def show_answers(seen: EvidenceColumns) -> None:
    """How many the rule set means in all, and which of its answers are on show, in the line above the table."""
    view = address.shown()
    if (rules := view.rules) is not None:
        counts = np.bincount(seen.answers[seen.answers >= 0], minlength=len(Answer))
        unknown = ", unknown counts as yes" if rules.unknown_counts else ""
        told = f"{number(counts[Answer.YES])} yes, {number(counts[Answer.UNKNOWN])} unknown"
        st.markdown(f"{md(rules.name)}{unknown}: {told}", width="content")
        says = _says("candidate", list(view.seen.candidate), tuple, begins="default")
        st.pills("Candidate", _ANSWERS, selection_mode="multi", label_visibility="collapsed", width="content", **says)


def show_read(resources: Resources, frame: CustomerFrame, seen: EvidenceColumns, *, busy: bool) -> None:
    """What came of the studies that were read from here, until something else is on show. `busy` as in `studies`."""
    view = address.shown().model_copy(update={"page": 1})
    if not (ids := studies.just_read(resources.evidence.reading, view, busy=busy)):
        return
    told = studies.came_of_it(resources.evidence.reading, ids)
    if view.rules is not None:
        answers = seen.answers[frame.positions(ids)].tolist()
        told += f"; {count(answers.count(Answer.YES), 'candidate')} among them, {number(answers.count(Answer.UNKNOWN))} unknown"
    st.markdown(f":material/check: {md(told, limit=400)}", width="content")


def view_chips(view: View) -> list[tuple[str, str, View]]:
    """The active conditions of studies: field, words, and this view without it. Answers have their pills beside them."""
    active = [one for one in chips(view.seen) if one.field != "candidate"]
    return [(one.field, one.label, view.model_copy(update={"seen": one.without})) for one in active]


def offer_unknown(unknown: int) -> None:
    """Who is left out only because their studies are unknown can be shown instead."""
    if unknown:
        st.button(
            f"{number(unknown)} more would match, but their studies are unknown",
            key="studies_unknown",
            type="tertiary",
            help="Shows these instead. Studies are unknown where they were not read, could not be, or not far enough.",
            on_click=_show_unknown,
        )


def _show_unknown() -> None:
    address.change(seen=address.shown().seen.model_copy(update={"studies_unknown": True}))


def draw_known(resources: Resources, frame: CustomerFrame, customer_id: str) -> None:
    """In a customer's record: its studies, and what the rule set of the view says of it, question by question."""
    rules = address.shown().rules
    rule = NeverAStudy() if rules is None else rules.rule
    (facts,) = facts_of(frame, [customer_id], rule, resources.evidence.reading.known, resources.now()) or (None,)
    if facts is None:
        return
    read = partial(_read, resources, facts, proof_within(rule) if rules else None)
    st.subheader("Studies", anchor=False)
    seen = facts.activity
    st.caption(md(f"{seen.words}, as read {exact(seen.read_at)}" if seen else "Its studies were not read.", limit=400))
    if rules is None:
        explain.draw_read(facts, read)
    else:
        explain.draw_explained(rules, facts, read)


def _read(resources: Resources, facts: Facts, within: int | None) -> None:
    attempt(resources.evidence.reading.read, [facts.record.id], within=within)


def _says(name: str, value: object, read: Callable[[Any], object], **how: Any) -> dict[str, Any]:  # noqa: ANN401 - of anew
    def taken(said: object) -> None:
        address.change(seen=address.shown().seen.model_copy(update={name: read(said)}))

    return anew.says(name, value, taken, **how)


def _day(label: str, field: str, value: date | None, width: int, about: str) -> None:
    says = _says(field, value, lambda said: said)
    st.date_input(label, min_value=date.min, max_value=date.max, format="YYYY-MM-DD", width=width, help=about, **says)
