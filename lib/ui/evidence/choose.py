"""Which rule set is asked: a preset, a saved one, or one that somebody has changed (`show_editor` in editor.py)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import streamlit as st

from lib.evidence.rule_set import PRESETS, RuleSet
from lib.journal.rule_sets import SavedRules
from lib.ui.evidence import editor
from lib.ui.resources import Resources
from lib.ui.widgets import anew

Take = Callable[[RuleSet | None], None]

_NONE = ""


def choose_rules(resources: Resources, key: str, shown: RuleSet | None, take: Take) -> RuleSet | None:
    """Draw the choice of a rule set; `shown` is the one that is asked, and returned.

    `take` gets the one that a person chooses (None for none), in a callback.
    """
    offered = {rules.label: rules for rules in (*PRESETS, *newest(editor.saved(resources)), *([shown] if shown else []))}
    options = [_NONE, *offered]
    names = {
        rules.label: rules.name if rules in PRESETS else f"{rules.name}, version {rules.version}" for rules in offered.values()
    }
    # Another list of options is another widget: Streamlit 1.67 would go to the first of them without a word.
    digest, said = hashlib.sha256("\n".join(options).encode()).hexdigest()[:8], shown.label if shown else _NONE
    st.selectbox(
        "Rules",
        options,
        format_func=lambda label: names.get(label, "None"),
        width=224,
        help="Says of each active customer whether it is a candidate: yes, no, or unknown where nobody can tell.",
        **anew.says(f"{key}_rules:{digest}", said, lambda label: take(offered.get(label)), among=options),
    )
    return shown


def newest(saved: Sequence[SavedRules]) -> list[RuleSet]:
    """The newest version of each name that can be read."""
    newest: dict[str, RuleSet] = {}
    for one in saved:
        if one.rules is not None:
            newest.setdefault(one.name, one.rules)
    return list(newest.values())
