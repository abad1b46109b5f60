"""What if: the candidates of a rule set along its number of days, and who comes or goes where it is moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import streamlit as st

from lib.charts import MOVED, curve
from lib.customers.frame import CustomerFrame
from lib.evidence import editing
from lib.evidence.rule_set import RuleSet
from lib.evidence.rules import Answer, Facts, Finding
from lib.evidence.what_if import WhatIf, days_of
from lib.spreadsheet import csv_bytes
from lib.ui import nav, notices
from lib.ui.customers.opening import look_at, look_at_answer
from lib.ui.evidence import editor
from lib.ui.resources import Resources, operator
from lib.ui.text import count, md, number
from lib.ui.widgets import anew, clicked, id_table
from lib.ui.widgets.id_table import MOST_ROWS, Column

#: The days that the curve has: as far as a quarter is from three years, in steps that people think in.
_DAYS = range(5, 1100, 5)
_HIGH = 340
_COLUMNS = (
    Column("Customer", 240, "long"),
    Column("Change", 150),
    Column("Users", 75, "number"),
    Column("Why", 420, "long"),
    Column("Id", 300, "id"),
)


def draw_what_if(session: Resources, rules: RuleSet, frame: CustomerFrame, key: str) -> int | None:
    """Draw the curve with the present number of days, which a slider moves, and who comes or goes by that.

    Returns the number of days that is chosen; None where the rule set asks for none. Nothing is read.
    """
    own = days_of(rules)
    if not own:
        st.caption(f"{md(rules.name)} asks for no number of days.")
        return None
    with st.spinner("Asking the rules of each active customer…"):
        found = session.evidence.what_if(rules, frame, (*_DAYS, *own))
    name = f"what_if_{key}_{rules.hash[:16]}"
    chosen = _choose(found, own[-1], name)
    st.markdown(_told(found, chosen))
    _changes(session, found, chosen, name)
    return chosen


def _choose(found: WhatIf, begin: int, name: str) -> int:
    """The curve, whose mark is dragged, and a slider below the plot for the keyboard; both say what either said last."""

    def take(days: int | None) -> None:
        if days is not None:
            st.session_state[name] = min(found.days, key=lambda one: abs(one - days))

    chosen: int = st.session_state.get(name, begin)
    with st.container(key="what_if_curve", gap="xsmall"):
        dropped = anew.says(
            f"{name}_mark", chosen, lambda event: take(_dropped(event)), reads=lambda said: _dropped(said) or chosen
        )
        st.altair_chart(
            curve(found.table, now=found.now, chosen=chosen, moves=True),
            alt="Candidates by the number of days; the sentence below says how many they are by the chosen one",
            height=_HIGH,
            key=dropped["key"],
            on_select=dropped["on_change"],
            selection_mode=MOVED,
        )
        says = anew.says(f"{name}_days", chosen, take)
        st.slider(
            "Number of days",
            found.days[0],
            found.days[-1],
            step=_DAYS.step,
            help="Drag the mark, or move this by the arrow keys.",
            **says,
        )
    return chosen


def _dropped(event: Any) -> int | None:  # noqa: ANN401 - a chart's state, or nothing yet
    """Where the mark of the curve was left; None where nobody has dragged it."""
    said = event["selection"].get(MOVED) if isinstance(event, Mapping) else None
    return int(said[0]["days"]) if said else None


def _told(found: WhatIf, days: int) -> str:
    yes, unknown = (len(found.having(answer, days)) for answer in (Answer.YES, Answer.UNKNOWN))
    now = int((found.present == Answer.YES).sum())
    as_now = "as now" if yes == now else f"now {number(now)}"
    return f"By **{count(days, 'day')}**: {count(yes, 'candidate')} ({as_now}), {number(unknown)} unknown."


def _changes(session: Resources, found: WhatIf, days: int, name: str) -> None:
    changed = [_row(*one) for one in found.changed(days)]
    if not changed:
        st.caption("Nobody comes or goes.")
        return
    changes = Counter(row[1] for row in changed)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{in_words(changes)}.", width="stretch")
        _looks(session, found, [row[-1] for row in changed], days, name)
        notices.download_button(
            "CSV",
            lambda: csv_bytes([column.label for column in _COLUMNS], changed),
            file_name=f"what-if-{days}-days.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key=f"{name}_csv",
        )
    if len(changed) > MOST_ROWS:
        st.caption(f"The first {number(MOST_ROWS)} of {number(len(changed))}; the file has all.")
    id_table.show(
        f"{name}_rows",
        _COLUMNS,
        [(row[-1], *map(str, row)) for row in islice(changed, MOST_ROWS)],
        label=f"Who comes or goes by {days} days",
        most=8,
    )


#: What becomes of customers, in the order in which it is told.
_CHANGES = {
    "comes": "would come",
    "goes": "would go",
    "becomes unknown": "become unknown: their studies are not known that far",
    "is no longer unknown": "would no longer be unknown",
}


def in_words(changes: Counter[str]) -> str:
    """How many of each change there are: "**3** would come, **1** would go"."""
    return ", ".join(f"**{number(changes[change])}** {words}" for change, words in _CHANGES.items() if changes[change])


def _row(facts: Facts, before: Answer, now: Finding) -> tuple[str, str, int, str, str]:
    """What the table and its file say of one."""
    if now.answer is Answer.YES:
        change = "comes"
    elif before is Answer.YES:
        change = "goes"
    else:
        change = "becomes unknown" if now.answer is Answer.UNKNOWN else "is no longer unknown"
    return facts.record.name, change, facts.record.user_count, now.words, facts.record.id


def _looks(session: Resources, found: WhatIf, ids: Sequence[str], days: int, name: str) -> None:
    """The ways to those who come or go, to all whom the rule set would mean, and to the rules with that number of days."""
    own, who = found.rules, operator().name
    rules = editing.changed(own, own.with_days(days).rule, unknown_counts=own.unknown_counts, who=who)
    if clicked.button("Look at them", key=f"{name}_look", help="Those whose answer changes"):
        look_at(session, ids, f"changed by {days:,} days in {own.name}", rules)
    candidates = found.having(Answer.YES, days)
    if candidates and clicked.button(f"Look at {count(len(candidates), 'candidate')}", key=f"{name}_look_all"):
        look_at_answer(session, rules, Answer.YES)
    opens = f"Opens the rules with {count(days, 'day')}, to ask, save or export them"
    if clicked.button("Rules", icon=":material/rule:", key=f"{name}_rules", help=opens):
        editor.open_with(rules)
        nav.go_to("customers")
