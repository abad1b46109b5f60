"""The editor of rule sets: change one, ask it, save it, export it, import one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from lib.customers.facets import facet_keys, facet_values
from lib.customers.frame import CustomerFrame
from lib.errors import JournalError, PlanError
from lib.evidence import editing
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import HasMetadata, LikelyDuplicate, LooksLikeTest, NeverAStudy, Not, NoUsers, Rule
from lib.journal.rule_sets import SavedRules
from lib.people import Right
from lib.ui import account, notices
from lib.ui.resources import Resources, operator
from lib.ui.text import count, exact, md
from lib.ui.widgets import anew, dialogs, heard

Take = Callable[[RuleSet | None], None]

_DRAFT, _FAILED, _NAME, _IMPORTED, _ADDED = (f"rules_{name}" for name in ("draft", "failed", "name", "imported", "added"))
#: Of a metadata key so many values are offered; others can be typed.
_MOST_DAYS, _VALUES_OFFERED = 36_500, 500
#: Questions without parameters.
_NOTHING_TO_SAY = (NoUsers, NeverAStudy, LooksLikeTest)


def show_button(shown: RuleSet | None) -> None:
    """The way to the editor, with the rule set that is asked, or one to begin with."""
    st.button(
        "Rules",
        icon=":material/rule:",
        key="rules_change",
        help="Change the rules that say who is a candidate, save them for everybody here, export and import them.",
        on_click=open_with,
        args=(shown or PRESETS[1],),
    )


def open_with(rules: RuleSet) -> None:
    """Let the next run of Customers open the editor with these; nothing is asked of them yet."""
    _hold(rules)
    dialogs.open_dialog("rules")


def saved(resources: Resources) -> tuple[SavedRules, ...]:
    """What was saved on this account; nothing while the journal can't be asked: presets can be used all the same."""
    try:
        return resources.rule_sets.get()
    except JournalError:
        return ()


@notices.dialog("Rules", width=760, position="right", icon=":material/rule:", on_dismiss=dialogs.close)
def show_editor(resources: Resources, frame: CustomerFrame, take: Take) -> None:
    """Change a rule set, and ask, save, export or import it. Nothing is asked before a person says so."""
    if failed := notices.words(_FAILED):
        st.error(md(failed, limit=400), icon=":material/error:")
    draft = _draft()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{md(draft.name)}**" + (f" · by {md(draft.author)}" if draft.author else ""), width="stretch")
        ask = _ask, take
        st.button("Ask these rules", type="primary", key="rules_ask", icon=":material/check:", on_click=dialogs.act, args=ask)
    if draft.about:
        st.caption(md(draft.about, limit=300))
    _show_numbers(draft)
    _show_questions(draft, frame)
    st.divider()
    _show_keeping(resources, draft, take)


def _show_numbers(draft: RuleSet) -> None:
    """What is changed most: the days, the grace, and whether unknown counts."""
    rule = draft.rule
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if (days := editing.days(rule)) is not None:
            _days("Days without a study or update", "rules_days", days, lambda said: _draft().with_days(said).rule)
        if (grace := editing.grace(rule)) is not None:
            _days("Grace for new customers (days)", "rules_grace", grace, lambda said: editing.with_grace(_draft().rule, said))
    st.toggle(
        "Unknown counts as yes",
        help="Off: who has no certain answer is no candidate. On: is one, and each such pick says so.",
        **anew.says("rules_unknown", draft.unknown_counts, lambda said: _change(unknown_counts=said)),
    )
    if draft.unknown_counts:
        st.warning(
            "Customers of whom nobody can tell are candidates too. Each such pick says “taken for yes although unknown”.",
            icon=":material/help:",
        )


def _days(label: str, name: str, value: int, made: Callable[[int], Rule]) -> None:
    says = anew.says(name, value, lambda said: _change(rule=made(said)))
    st.number_input(label, min_value=1, max_value=_MOST_DAYS, step=1, width=230, **says)


def _show_questions(draft: RuleSet, frame: CustomerFrame) -> None:
    """The questions, a row each, and a way to add one."""
    parts = editing.questions(draft.rule)
    if parts is None:
        st.caption(
            "These rules stand within each other, so only the numbers above can be changed here. Export, change, import."
        )
        return
    how, asked = parts
    says = anew.says("rules_how", how, lambda said: _change(rule=editing.combined(said or how, asked)), begins="default")
    st.segmented_control(
        "A candidate is who answers yes to", ["all", "any"], required=True, format_func=lambda one: f"{one} of these", **says
    )
    for place, question in enumerate(asked):

        def put(*instead: Rule, place: int = place) -> None:
            left = [*asked[:place], *instead, *asked[place + 1 :]]
            _change(rule=editing.combined(how, left))

        _show_question(place, question, put, frame, only=len(asked) == 1)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Another question", list(editing.QUESTIONS), key=_ADDED, width=280)
        add = partial(_add, how, asked, next((key for key, _ in facet_keys(frame)), ""))
        st.button("Add", key="rules_add", icon=":material/add:", on_click=add)


def _add(how: editing.How, asked: Sequence[Rule], key: str) -> None:
    _change(rule=editing.combined(how, [*asked, editing.QUESTIONS[st.session_state[_ADDED]](key)]))


def _show_question(place: int, question: Rule, put: Callable[..., None], frame: CustomerFrame, *, only: bool) -> None:
    leaf, is_turned = editing.turned(question)

    def turn(said: bool) -> None:  # noqa: FBT001 - a toggle's value
        put(Not(rule=leaf) if said else leaf)

    def change(**fields: object) -> None:
        made = _checked(lambda: type(leaf).model_validate(leaf.model_dump() | fields))
        if made is not None:
            put(Not(rule=made) if is_turned else made)

    named = f"rules_question:{place}"
    with (
        st.container(border=True, key=f"rules_row_{place}"),
        st.container(horizontal=True, vertical_alignment="center"),
    ):
        st.markdown(md(f"{'not: ' if is_turned else ''}{leaf.about}", limit=200), width=210)
        with st.container(horizontal=True, vertical_alignment="center", width="stretch"):
            _show_parameters(named, leaf, change, frame)
        st.toggle("Opposite", **anew.says(f"{named}:not", is_turned, turn))
        about = "A rule set asks at least one question." if only else None
        st.button("Remove", key=f"rules_remove_{place}", on_click=put, disabled=only, help=about)


def _show_parameters(named: str, leaf: Any, change: Callable[..., None], frame: CustomerFrame) -> None:  # noqa: ANN401 - any rule
    def says(field: str, read: Callable[[Any], object] = lambda said: said, **how: Any) -> dict[str, Any]:  # noqa: ANN401 - of anew
        value = getattr(leaf, field)
        told = list(value) if isinstance(value, tuple) else value
        return anew.says(f"{named}:{field}", told, lambda said: change(**{field: read(said)}), **how)

    keys = [key for key, _ in facet_keys(frame)]
    match leaf:
        case HasMetadata():
            options = list(dict.fromkeys([*keys, leaf.key]))
            chosen = says("key", lambda said: said or leaf.key, among=options)
            st.selectbox("Key", options, accept_new_options=True, width=170, **chosen)
            values = [value for value, _ in facet_values(frame, leaf.key, limit=_VALUES_OFFERED)]
            options = list(dict.fromkeys([*values, *leaf.one_of]))
            chosen = says("one_of", tuple, begins="default")
            st.multiselect(
                "One of", options, accept_new_options=True, select_all=False, placeholder="Any value", width=250, **chosen
            )
            pattern = "A regular expression that is found anywhere in the value: ^us- for those that begin with us-"
            said = says("matches", lambda said: said or "")
            st.text_input("Or what a pattern finds", width=250, max_chars=500, placeholder="such as ^us-", help=pattern, **said)
        case LikelyDuplicate():
            st.number_input("Likeness, % at least", min_value=50, max_value=100, step=1, width=170, **says("likeness"))
            options = list(dict.fromkeys([*keys, *leaf.same]))
            chosen = says("same", tuple, begins="default")
            st.multiselect("And the same", options, select_all=False, placeholder="No key", width=280, **chosen)
        case _ if not isinstance(leaf, _NOTHING_TO_SAY):
            hidden: dict[str, Any] = {"label_visibility": "collapsed", "width": 150}
            st.number_input("Days", min_value=1, max_value=_MOST_DAYS, step=1, **hidden, **says("days"))


def _show_saving(resources: Resources, draft: RuleSet, take: Take) -> None:
    base = _base(draft)
    key = f"{_NAME}:{base}"  # the field stays, with what is typed in it, where only the rules change
    with st.form("rules_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Save as", base, max_chars=80, key=key, width=280)
        st.form_submit_button(
            "Save and ask", key="rules_save", icon=":material/save:", on_click=dialogs.act, args=(_save, resources, key, take)
        )
    st.caption(
        "A name that is there gets its next version; plans name the version, and older ones stay. Everybody here can use it."
    )


def _show_keeping(resources: Resources, draft: RuleSet, take: Take) -> None:
    if resources.may(Right.PLAN):
        _show_saving(resources, draft, take)
    kept = saved(resources)
    if damaged := [f"{one.name}, version {one.version}" for one in kept if one.rules is None]:
        st.warning(f"The journal is damaged: of these rules nothing can be read: {md('; '.join(damaged), limit=300)}.")
    versions = {one.rules.label: one for one in kept if one.rules}
    if versions:
        told = {label: f"{label} · {one.author}, {exact(one.saved_at)}" for label, one in versions.items()}
        # Another list of options is another widget: Streamlit 1.67 would go to the first of them without a word.
        name = f"rules_older:{len(versions)}"
        st.selectbox(
            f"Open one of {count(len(versions), 'saved version')}",
            list(versions),
            format_func=lambda label: told[label],
            placeholder="Name and version",
            **anew.says(name, None, lambda label: _hold(versions[label].rules), among=list(versions)),
        )
    key = account.own("rules_file")
    label, hear = "Import a file of rules (JSON)", heard.by(key, partial(_import, key))
    st.file_uploader(label, type=["json"], key=key, max_upload_size=1, on_change=hear)
    name = "-".join("".join(letter if letter.isalnum() else " " for letter in draft.name).split()) or "rules"
    notices.download_button(
        "Export",
        draft.to_json(),
        file_name=f"{name}-version-{draft.version}.json",
        mime="application/json",
        icon=":material/download:",
        on_click="ignore",
        key="rules_export",
    )


def _base(draft: RuleSet) -> str:
    name = draft.name.removesuffix(editing.CHANGED)
    return "" if name in (preset.name for preset in PRESETS) else name


def _save(resources: Resources, key: str, take: Take) -> None:
    heard.begin()  # what was typed right before the click
    draft, named, who = _draft(), st.session_state[key], operator()

    def save() -> RuleSet:
        if not named.strip():
            raise PlanError("Give these rules a name, under “Save as”; then they can be saved.")
        return resources.workspace.save_rule_set(RuleSet.model_validate(draft.model_dump() | {"name": named}), who=who)

    if (kept := _checked(save)) is not None:
        resources.rule_sets.forget()
        _ask(take, kept)


def _import(key: str) -> None:
    """Each file once: it stays in its field."""
    upload = st.session_state[key]
    if upload is None or upload.file_id == st.session_state.get(_IMPORTED):
        return
    if (rules := _checked(lambda: RuleSet.from_json(upload.getvalue()))) is not None:
        _hold(rules)
    st.session_state[_IMPORTED] = upload.file_id


def _ask(take: Take, rules: RuleSet | None = None) -> None:
    heard.begin()  # what was typed right before the click
    take(rules or _draft())
    dialogs.close()


def _draft() -> RuleSet:
    """As it is now, drawn or not."""
    draft: RuleSet = st.session_state.get(_DRAFT) or PRESETS[1]
    return draft


def _change(**fields: Any) -> None:  # noqa: ANN401 - of a rule set
    draft = _draft()
    told = {"rule": draft.rule, "unknown_counts": draft.unknown_counts} | fields
    made = _checked(
        lambda: editing.changed(draft, told["rule"], unknown_counts=told["unknown_counts"], who=operator().name[:100])
    )
    if made is not None:
        _hold(made)


def _hold(rules: RuleSet | None) -> None:
    st.session_state.pop(_FAILED, None)
    if rules is not None:
        st.session_state[_DRAFT] = rules


def _checked(make: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it makes
    """What was made, or None, and the dialog says why not."""
    made: list[Any] = []
    notices.attempting(_FAILED)(lambda: made.append(editing.valid(make)))
    return made[0] if made else None
