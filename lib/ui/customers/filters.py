"""The filter row of the Customers page: widgets in, one `Filter` out. Owns the session keys of every filter.

Filters that hold no names and no free text are bound to the URL; the search text and metadata values are kept in the session
only, because URLs end up in histories and proxy logs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import streamlit as st

from lib.customers.facets import facet_keys, facet_values
from lib.customers.filters import Filter, chips
from lib.customers.frame import CustomerFrame
from lib.customers.once import once_a_frame
from lib.ui import heard
from lib.ui.customers import ranges
from lib.ui.text import md, number

_SEARCH, _STATUS, _USERS, _DAYS, _FROM, _TO, _BY = "search", "status", "users", "days", "from", "to", "by"
_KEYS = "metadata_keys"
_VALUES = "metadata_values"
_ABSENT = "metadata_absent"
_USERS_FROM, _USERS_TO, _DAYS_EXACT = "users_from", "users_to", "days_exact"
_FILTERS, _KEPT, _SET = "filters", "filter_kept", "filter_set"

_MAKERS = {"user": "Dashboard user", "api_key": "API key", "unknown": "Unknown"}
#: So many values of one metadata key are offered; a longer list is searched through the text search.
_VALUES_OFFERED = 500


def show(frame: CustomerFrame, now: datetime) -> Filter:
    """Draw the filters and return what they say. `frame` gives the metadata keys, values and counts on offer."""
    _undo_echo()
    with st.container(horizontal=True, vertical_alignment="bottom", key="filter_row"):
        st.text_input(
            "Search",
            key=_SEARCH,
            type="search",
            live="300ms",
            placeholder="Name, id or metadata (Ctrl+K)",
            persist_state="session",
            width=270,
        )
        st.segmented_control(
            "Status",
            ["all", "active", "inactive"],
            key=_STATUS,
            default="all",
            required=True,
            format_func=str.capitalize,
            bind="query-params",
        )
        _range_select("Users", _USERS, ranges.USERS, ranges.custom_users, width=130)
        _range_select("Not updated for", _DAYS, ranges.DAYS, ranges.custom_days, width=130)
    # No popover: a closed one is not told what `write` says, so that the browser would keep what was chosen in it, and send it
    # again with one of the next clicks.
    with st.expander("More filters"):
        _more(frame, now)
    heard.listen(_FILTERS)
    st.session_state[_KEPT] = read()
    return kept()


def kept() -> Filter:
    """The filter last seen on the Customers page in this session."""
    flt: Filter = st.session_state.get(_KEPT, Filter())
    return flt


def show_chips(flt: Filter) -> None:
    """The active filters, each a button that removes it, and one that removes all."""
    active = chips(flt)
    for chip in active:
        st.button(
            md(chip.label, limit=48),
            key=f"chip_{hashlib.sha256(chip.field.encode()).hexdigest()[:16]}",
            icon=":material/close:",
            icon_position="right",
            help="Remove this filter",
            on_click=write,
            args=(chip.without,),
        )
    if active:
        st.button("Clear all", key="clear_filters", type="tertiary", on_click=write, args=(Filter(),))


def read() -> Filter:
    """The filter that the widgets say now; before they are drawn, what the session kept."""
    state = st.session_state
    users_min, users_max = ranges.users(state.get(_USERS))
    return Filter(
        text=(state.get(_SEARCH) or "").strip(),
        status=state.get(_STATUS) or "all",
        users_min=users_min,
        users_max=users_max,
        not_updated_days=ranges.days(state.get(_DAYS)),
        created_from=state.get(_FROM),
        created_to=state.get(_TO),
        created_by=tuple(state.get(_BY) or ()),
        metadata=tuple((key, tuple(state.get(f"{_VALUES}:{key}") or ())) for key in state.get(_KEYS) or ()),
        metadata_absent=tuple(state.get(_ABSENT) or ()),
    )


def write(flt: Filter) -> None:
    """Make the widgets say `flt`; a callback, since it must come before they are drawn."""
    state = st.session_state
    values = _values_of(flt)
    heard.setting(_FILTERS)
    state[_SET] = {key: (state.get(key), value) for key, value in values.items()}
    for key, value in values.items():
        state[key] = value


def _undo_echo() -> None:
    """A message that was sent before the browser had what `write` set counts only where it says something new."""
    if heard.echoed(_FILTERS):
        for key, (before, value) in st.session_state.get(_SET, {}).items():
            if st.session_state.get(key) == before:
                st.session_state[key] = value


def _values_of(flt: Filter) -> dict[str, object]:
    """What the widgets hold where they say `flt`, by their keys."""
    return {
        _SEARCH: flt.text,
        _STATUS: flt.status,
        _USERS: ranges.users_option(flt.users_min, flt.users_max),
        _DAYS: ranges.days_option(flt.not_updated_days),
        _FROM: flt.created_from,
        _TO: flt.created_to,
        _BY: list(flt.created_by),
        _KEYS: [key for key, _ in flt.metadata],
        **{name: [] for name in _values_without_key([key for key, _ in flt.metadata])},
        **{f"{_VALUES}:{key}": list(values) for key, values in flt.metadata},
        _ABSENT: list(flt.metadata_absent),
    }


def _more(frame: CustomerFrame, now: datetime) -> None:
    _show_exactly(read())
    least, most, days, first, last = st.columns(5)
    least.number_input(
        "Users, at least", min_value=0, value=None, step=1, key=_USERS_FROM, placeholder="0", on_change=_take_exactly
    )
    most.number_input(
        "Users, at most", min_value=0, value=None, step=1, key=_USERS_TO, placeholder="any", on_change=_take_exactly
    )
    days.number_input(
        "Not updated for (days)",
        min_value=1,
        max_value=ranges.MOST_DAYS,
        value=None,
        step=30,
        key=_DAYS_EXACT,
        placeholder="any",
        on_change=_take_exactly,
    )
    today = now.astimezone(UTC).date()
    first.date_input("Created from", value=None, max_value=today, key=_FROM, format="YYYY-MM-DD", bind="query-params")
    last.date_input("Created to", value=None, max_value=today, key=_TO, format="YYYY-MM-DD", bind="query-params")
    maker, having, lacking = st.columns(3)
    maker.pills(
        "Created by", list(_MAKERS), selection_mode="multi", key=_BY, format_func=_MAKERS.__getitem__, bind="query-params"
    )
    keys = _keys_on_offer(frame)
    with having:
        _having(frame, keys)
    lacking.multiselect(
        "Without metadata",
        _with_chosen(keys, st.session_state.get(_ABSENT)),
        key=_ABSENT,
        placeholder="Choose a key",
        persist_state="session",
        help="Customers that lack the key.",
    )


def _having(frame: CustomerFrame, keys: dict[str, str]) -> None:
    chosen = st.multiselect(
        "Metadata",
        _with_chosen(keys, st.session_state.get(_KEYS)),
        key=_KEYS,
        format_func=_labels(keys),
        placeholder="Choose a key",
        persist_state="session",
        on_change=_forget_values,
        help="Customers that have the key; choose values below to narrow further.",
    )
    for key in chosen:
        values = _values_on_offer(frame, key)
        state_key = f"{_VALUES}:{key}"
        st.multiselect(
            md(key),
            _with_chosen(values, st.session_state.get(state_key)),
            key=state_key,
            format_func=_labels(values),
            placeholder="Any value",
            persist_state="session",
        )


def _forget_values() -> None:
    """A key that is chosen again later begins with no values: nobody would expect the ones of an hour ago."""
    for name in _values_without_key(st.session_state.get(_KEYS) or ()):
        st.session_state[name] = []


def _values_without_key(keys: Sequence[str]) -> list[str]:
    """The lists of values in this session whose metadata key is not among these."""
    held = [str(name) for name in st.session_state if str(name).startswith(f"{_VALUES}:")]
    return [name for name in held if name.removeprefix(f"{_VALUES}:") not in keys]


@once_a_frame
def _keys_on_offer(frame: CustomerFrame) -> dict[str, str]:
    """The metadata keys, most common first, each with its label."""
    return {key: _counted(key, having) for key, having in facet_keys(frame)}


@once_a_frame
def _values_on_offer(frame: CustomerFrame, key: str) -> dict[str, str]:
    """The most common values of a metadata key, each with its label."""
    return {value: _counted(value, having) for value, having in facet_values(frame, key, limit=_VALUES_OFFERED)}


def _counted(word: str, having: int) -> str:
    return f"{word} ({number(having)})"


def _labels(offered: Mapping[str, str]) -> Callable[[str], str]:
    return lambda word: offered.get(word) or _counted(word, 0)


def _with_chosen(offered: Mapping[str, str], chosen: list[str] | None) -> list[str]:
    """What is on offer, and what is chosen already even where the present data no longer has it."""
    return [*offered, *(word for word in chosen or () if word not in offered)]


def _range_select(label: str, key: str, options: dict[str, str], custom: Callable[[str], str | None], *, width: int) -> None:
    """A select of common ranges; a range typed under *More filters* or found in the URL joins its options.

    The URL holds the words of an option, so the words of a custom range are ones that `custom` can read back.
    """
    wanted = st.session_state.get(key) or custom(st.query_params.get(key, ""))
    st.selectbox(
        label,
        [*options, *([wanted] if wanted and wanted not in options else [])],
        key=key,
        format_func=lambda value: options.get(value, value),
        bind="query-params",
        width=width,
    )


def _show_exactly(flt: Filter) -> None:
    """The number fields say what the selects say."""
    fields = {_USERS_FROM: flt.users_min, _USERS_TO: flt.users_max, _DAYS_EXACT: flt.not_updated_days}
    for key, value in fields.items():
        if st.session_state.get(key) != value:
            st.session_state[key] = value


def _take_exactly() -> None:
    """Callback: the selects say what the number fields say."""
    if heard.echoed(_FILTERS):
        return
    state = st.session_state
    exactly = {
        "users_min": state.get(_USERS_FROM),
        "users_max": state.get(_USERS_TO),
        "not_updated_days": state.get(_DAYS_EXACT),
    }
    write(read().model_copy(update=exactly))
