"""The filter row of the Customers page. It says what the page's view says, and what a person says in it becomes the view's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from typing import Any

import streamlit as st

from lib.customers.facets import Counts, facet_keys, facet_values
from lib.customers.filters import Filter, chips
from lib.customers.frame import CustomerFrame
from lib.evidence.views import SeenFilter, View
from lib.ui import nav
from lib.ui.customers import address, asked, ranges
from lib.ui.customers.table import MAKERS
from lib.ui.evidence.choose import choose_rules
from lib.ui.resources import Resources
from lib.ui.text import md, number
from lib.ui.widgets import anew

#: So many values of one metadata key are offered; a longer list is searched through the text search.
_VALUES_OFFERED = 500
#: So many of the most common ones are told with their counts.
_COUNTED = 6
_LONGEST_SEARCH = 1_000
#: Pixels that the further filters take: nothing of their words and values is cut.
_NUMBER, _DAYS, _DAY, _KEYS = 125, 180, 145, 225
_USERS = "users_min", "users_max"


def show(resources: Resources, frame: CustomerFrame) -> None:
    """Draw the filters. `frame` gives the metadata keys, values and counts on offer."""
    flt = address.shown().filter
    with st.container(horizontal=True, vertical_alignment="bottom", key="filter_row"):
        st.text_input(
            "Search",
            **anew.says("search", flt.text, _into(lambda said: {"text": said.strip()}), reads=str.strip),
            type="search",
            live="300ms",
            max_chars=_LONGEST_SEARCH,
            placeholder="Name, id or metadata (Ctrl+K)",
            width=240,
        )
        st.segmented_control(
            "Status",
            ["all", "active", "inactive"],
            # A browser that is busy may answer before it has got the value: nobody can choose none.
            **anew.says("status", flt.status, _into(lambda said: {"status": said} if said else {}), begins="default"),
            required=True,
            format_func=str.capitalize,
        )
        users, days = ranges.users_option(flt.users_min, flt.users_max), ranges.days_option(flt.not_updated_days)
        _range("Users", "users", ranges.USERS, users, lambda said: dict(zip(_USERS, ranges.users(said), strict=True)))
        _range("Not updated for", "days", ranges.DAYS, days, lambda said: {"not_updated_days": ranges.days(said)})
        choose_rules(resources, "customers", address.shown().rules, asked.take)
    # Not an expander: Streamlit 1.67 can leave one shut, and its content inert, that was opened while another run was drawn.
    if st.toggle("More filters", key="more_filters"):
        with st.container(border=True, horizontal=True, key="more"):
            _more(frame, flt)


def _more(frame: CustomerFrame, flt: Filter) -> None:
    """One beside the other, as many as a line has room for: what they take in height is the table's."""
    _exactly(flt)
    asked.show_studies(_DAY)
    with st.container(width="content", gap="xsmall"):
        st.pills(
            "Created by",
            list(MAKERS),
            **anew.says("by", list(flt.created_by), _into(lambda said: {"created_by": tuple(said)})),
            selection_mode="multi",
            format_func=MAKERS.__getitem__,
            width="content",
        )
        says = anew.says("ignore_our_runs", flt.ignore_our_runs, _into(lambda said: {"ignore_our_runs": said}))
        st.toggle("Ignore our own runs", **says, help="What one of our runs changed counts by the update before it.")
    _having(frame, flt)
    lacked, lacking = list(flt.metadata_absent), [(key, len(frame) - having) for key, having in facet_keys(frame)]
    says = anew.says("metadata_absent", lacked, _into(lambda said: {"metadata_absent": tuple(said)}))
    _choice("Without metadata", lacking, lacked, says, "Customers that lack the key.", counted=0)


def show_chips(unknown_times: int, unknown_studies: int) -> None:
    """The active filters, each a button that removes it, one that removes all, and those that show who is left out only because
    a time is unknown (`unknown_times` of them), or the studies (`unknown_studies`).
    """
    active = _active()
    for field, label, _ in active:
        st.button(
            md(label, limit=48),
            key=f"chip_{hashlib.sha256(field.encode()).hexdigest()[:16]}",
            icon=":material/close:",
            icon_position="right",
            help="Remove this filter",
            on_click=_remove,
            args=(field,),
        )
    if active:
        bare = {"filter": Filter(), "seen": SeenFilter()}
        st.button("Clear all", key="clear_filters", type="tertiary", on_click=address.change, kwargs=bare)
    elif address.shown().rules is None:
        nav.link("overview", label="Whom to look at first", icon=":material/monitoring:")
    asked.offer_unknown(unknown_studies)
    if unknown_times:
        st.button(
            f"{number(unknown_times)} more would match, but a date is unknown",
            key="time_unknown",
            type="tertiary",
            help="Shows these instead. A date is unknown where the record has none, or one that can't be a fact.",
            on_click=_into(lambda said: {"time_unknown": said}),
            args=(True,),
        )


def _active() -> list[tuple[str, str, View]]:
    """The active filters of the view as it is now: field, words, and the view without it."""
    view = address.shown().model_copy(update={"page": 1})
    active = [(chip.field, chip.label, view.model_copy(update={"filter": chip.without})) for chip in chips(view.filter)]
    return active + asked.view_chips(view)


def _remove(field: str) -> None:
    """What was typed right before the click, and is not drawn yet, stays."""
    for one, _, without in _active():
        if one == field:
            address.show(without)


def _filter_by(flt: Filter) -> None:
    address.change(filter=flt)


def _into(fields: Callable[[Any], dict[str, Any]]) -> Callable[[Any], None]:
    """Takes what a person says in a widget; `fields` turns it into those of the filter."""
    return lambda said: _filter_by(address.shown().filter.model_copy(update=fields(said)))


def _range(label: str, name: str, options: dict[str, str], value: str, takes: Callable[[str], dict[str, Any]]) -> None:
    """A select of common ranges; another one, typed under *More filters* or found in the address, joins its options."""
    among = list(dict.fromkeys([*options, value]))
    st.selectbox(
        label,
        among,
        **anew.says(name, value, _into(takes), among=among),
        format_func=lambda option: options.get(option) or ranges.in_words(option),
        width=130,
    )


def _exactly(flt: Filter) -> None:
    _number("Users, at least", "users_min", flt.users_min, placeholder="0")
    _number("Users, at most", "users_max", flt.users_max)
    _number("Not updated for (days)", "not_updated_days", flt.not_updated_days, least=1, most=ranges.MOST_DAYS)
    _day("Created from (UTC)", "created_from", flt.created_from)
    _day("Created to (UTC)", "created_to", flt.created_to)


def _number(
    label: str, field: str, value: int | None, *, least: int = 0, most: int | None = None, placeholder: str = "any"
) -> None:
    says = anew.says(field, value, _into(lambda said: {field: said}))
    width = _NUMBER if most is None else _DAYS
    st.number_input(label, min_value=least, max_value=most, step=1, placeholder=placeholder, width=width, **says)


def _day(label: str, field: str, value: date | None) -> None:
    says = anew.says(field, value, _into(lambda said: {field: said}))
    st.date_input(label, min_value=date.min, max_value=date.max, format="YYYY-MM-DD", width=_DAY, **says)


def _having(frame: CustomerFrame, flt: Filter) -> None:
    def take_keys(said: list[str]) -> dict[str, Any]:
        return {"metadata": tuple((key, _chosen().get(key, ())) for key in said)}

    keys = [key for key, _ in flt.metadata]
    about = "Customers that have the key; choose values beside it to narrow further."
    _choice("Metadata", facet_keys(frame), keys, anew.says("metadata_keys", keys, _into(take_keys)), about)
    for key, chosen in flt.metadata:

        def take_values(said: list[str], key: str = key) -> dict[str, Any]:
            return {"metadata": tuple((_chosen() | {key: tuple(said)}).items())}

        values = list(chosen)
        _choice(
            md(key) or "The key without a name",
            facet_values(frame, key, limit=_VALUES_OFFERED),
            values,
            anew.says(f"metadata_values:{key}", values, _into(take_values)),
        )


def _chosen() -> dict[str, tuple[str, ...]]:
    return dict(address.shown().filter.metadata)


def _choice(
    label: str, offered: Counts, chosen: list[str], says: dict[str, Any], about: str = "", *, counted: int = _COUNTED
) -> None:
    """Some of what is on offer, and of what is chosen already even where the present data no longer has it. So many are told
    with their counts, or only those chosen.

    Options are the bare words: Streamlit tells them apart by what they say, and counts change with each reload.
    """
    counts = dict(offered)
    options = list(dict.fromkeys([*counts, *chosen]))
    placeholder = "Choose a key" if about else "Any value"
    with st.container(width=_KEYS, gap="xsmall"):
        st.multiselect(label, options, placeholder=placeholder, help=about or None, select_all=False, **says)
        if told := [*chosen, *(word for word in counts if word not in chosen)][: counted or len(chosen)]:
            st.caption(md(" · ".join(f"{word} {number(counts.get(word, 0))}" for word in told), limit=200))
