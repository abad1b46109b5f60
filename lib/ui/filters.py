"""The filter row of the Customers page: widgets in, one `Filter` out. Owns the session keys of every filter.

Filters that hold no names and no free text are bound to the URL; the search text and metadata values are kept in the session
only, because URLs end up in histories and proxy logs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import streamlit as st

from lib.customers.facets import facet_keys, facet_values
from lib.customers.filters import Filter, chips
from lib.customers.frame import CustomerFrame
from lib.customers.once import once_a_frame
from lib.ui.text import md, number

_SEARCH, _STATUS, _USERS, _DAYS, _FROM, _TO, _BY = "search", "status", "users", "days", "from", "to", "by"
_KEYS = "metadata_keys"
_VALUES = "metadata_values"
_ABSENT = "metadata_absent"
_KEPT, _WRITTEN = "filter_kept", "filter_written"

_ANY = "any"
_USER_RANGES = {_ANY: "Any", "0-0": "None", "1-5": "1 to 5", "6-25": "6 to 25", "26-": "More than 25"}
_DAY_RANGES = {_ANY: "Any time", "30": "30 days", "90": "90 days", "180": "180 days", "365": "1 year", "730": "2 years"}
_MAKERS = {"user": "Dashboard user", "api_key": "API key", "unknown": "Unknown"}
#: Longer than any record has existed.
_MOST_DAYS = 100_000
#: No count of the API has more digits (2**53).
_MOST_DIGITS = 16
_MOST_CHOSEN = 1_000
#: So many values of one metadata key are offered; a longer list is searched through the text search.
_VALUES_OFFERED = 500


def show(frame: CustomerFrame, now: datetime) -> Filter:
    """Draw the filters and return what they say. `frame` gives the metadata keys, values and counts on offer."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="filter_row"):
        st.text_input(
            "Search",
            key=_SEARCH,
            type="search",
            live="300ms",
            placeholder="Name, id or metadata",
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
        _range_select("Users", _USERS, _USER_RANGES, _custom_users, width=130)
        _range_select("Not updated for", _DAYS, _DAY_RANGES, _custom_days, width=130)
        with st.popover("More filters", icon=":material/tune:", width="content"):
            _more(frame, now)
    st.session_state[_KEPT] = read()
    return kept()


def kept() -> Filter:
    """The filter last seen on the Customers page in this session."""
    flt: Filter = st.session_state.get(_KEPT, Filter())
    return flt


def show_chips(flt: Filter) -> None:
    """The active filters, each a button that removes it, and one that removes all."""
    active = chips(flt)
    for position, chip in enumerate(active):
        st.button(
            md(chip.label, limit=48),
            key=f"chip_{position}",
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
    users_min, users_max = _parse_range(state.get(_USERS))
    return Filter(
        text=(state.get(_SEARCH) or "").strip(),
        status=state.get(_STATUS) or "all",
        users_min=users_min,
        users_max=users_max,
        not_updated_days=_parse_days(state.get(_DAYS)),
        created_from=state.get(_FROM),
        created_to=state.get(_TO),
        created_by=tuple(state.get(_BY) or ()),
        metadata=tuple((key, tuple(state.get(f"{_VALUES}:{key}") or ())) for key in state.get(_KEYS) or ()),
        metadata_absent=tuple(state.get(_ABSENT) or ()),
    )


def write(flt: Filter) -> None:
    """Make the widgets say `flt`; a callback, since it must come before they are drawn."""
    state = st.session_state
    state[_WRITTEN] = state.get(_WRITTEN, 0) + 1
    state[_SEARCH] = flt.text
    state[_STATUS] = flt.status
    state[_USERS] = _range_value(flt.users_min, flt.users_max)
    state[_DAYS] = _days_value(flt.not_updated_days)
    state[_FROM], state[_TO] = flt.created_from, flt.created_to
    state[_BY] = list(flt.created_by)
    state[_KEYS] = [key for key, _ in flt.metadata]
    for key, values in flt.metadata:
        state[f"{_VALUES}:{key}"] = list(values)
    _forget_values()
    state[_ABSENT] = list(flt.metadata_absent)


def _more(frame: CustomerFrame, now: datetime) -> None:
    left, right = st.columns(2)
    left.number_input(
        "Users, at least", min_value=0, value=None, step=1, key="users_from", placeholder="0", on_change=_take_users
    )
    right.number_input(
        "Users, at most", min_value=0, value=None, step=1, key="users_to", placeholder="any", on_change=_take_users
    )
    st.number_input(
        "Not updated for (days)",
        min_value=1,
        max_value=_MOST_DAYS,
        value=None,
        step=30,
        key="days_exact",
        placeholder="any",
        on_change=_take_days,
    )
    left, right = st.columns(2)
    today = now.astimezone(UTC).date()
    left.date_input("Created from", value=None, max_value=today, key=_FROM, format="YYYY-MM-DD", bind="query-params")
    right.date_input("Created to", value=None, max_value=today, key=_TO, format="YYYY-MM-DD", bind="query-params")
    st.pills("Created by", list(_MAKERS), selection_mode="multi", key=_BY, format_func=_MAKERS.__getitem__, bind="query-params")
    _metadata(frame)


def _metadata(frame: CustomerFrame) -> None:
    having = _keys_on_offer(frame)
    chosen = st.multiselect(
        "Metadata",
        _with_chosen(having, st.session_state.get(_KEYS)),
        key=_KEYS,
        format_func=_labels(having),
        placeholder="Choose a key",
        persist_state="session",
        max_selections=_new_to_the_browser(),
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
            max_selections=_new_to_the_browser(),
        )
    st.multiselect(
        "Without metadata",
        _with_chosen(having, st.session_state.get(_ABSENT)),
        key=_ABSENT,
        placeholder="Choose a key",
        persist_state="session",
        max_selections=_new_to_the_browser(),
        help="Customers that lack the key.",
    )


def _new_to_the_browser() -> int:
    """A limit that nobody reaches, another one after each `write`: by it Streamlit 1.67 takes a list for a new one.

    A closed popover hears nothing of what `write` says: the browser would keep what was chosen before, and send it again with
    the next click anywhere, so that a filter that was taken away came back.
    """
    return _MOST_CHOSEN + int(st.session_state.get(_WRITTEN, 0))


def _forget_values() -> None:
    """A key that is chosen again later begins with no values: nobody would expect the ones of an hour ago."""
    state = st.session_state
    held = [str(name) for name in state if str(name).startswith(f"{_VALUES}:")]
    for name in held:
        if name.removeprefix(f"{_VALUES}:") not in (state.get(_KEYS) or ()):
            state[name] = []


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


def _range_select(label: str, key: str, ranges: dict[str, str], custom: Callable[[str], str | None], *, width: int) -> None:
    """A select of common ranges; a range typed under *More filters* or found in the URL joins its options.

    The URL holds the words of an option, so the words of a custom range are ones that `custom` can read back.
    """
    wanted = st.session_state.get(key) or custom(st.query_params.get(key, ""))
    st.selectbox(
        label,
        [*ranges, *([wanted] if wanted and wanted not in ranges else [])],
        key=key,
        format_func=lambda value: ranges.get(value, value),
        bind="query-params",
        width=width,
    )


def _parse_range(value: str | None) -> tuple[int | None, int | None]:
    """ "1-5" → (1, 5); "26-" → (26, None); anything else → no limits."""
    low, dash, high = (value or "").partition("-")
    first, last = _whole(low), _whole(high)
    if not dash or (low and first is None) or (high and last is None):
        return None, None
    return first, last


def _whole(digits: str) -> int | None:
    """A whole number; None for anything else and for what no count can be (it may stand in a URL that anyone wrote)."""
    return int(digits) if digits.isdecimal() and len(digits) <= _MOST_DIGITS else None


def _range_value(low: int | None, high: int | None) -> str:
    return _ANY if low is None and high is None else f"{'' if low is None else low}-{'' if high is None else high}"


def _custom_users(words: str) -> str | None:
    return words if _parse_range(words) != (None, None) else None


def _parse_days(value: str | None) -> int | None:
    """ "365" and "400 days" → a number of days; anything else → no limit."""
    days = _whole((value or "").removesuffix(" days"))
    return days if days and days <= _MOST_DAYS else None


def _days_value(days: int | None) -> str:
    """The option of the select: a common one by its number, another in the words that the URL will hold."""
    if days is None:
        return _ANY
    return str(days) if str(days) in _DAY_RANGES else f"{days} days"


def _custom_days(words: str) -> str | None:
    days = _parse_days(words)
    return None if days is None else _days_value(days)


def _take_users() -> None:
    state = st.session_state
    state[_USERS] = _range_value(state.get("users_from"), state.get("users_to"))


def _take_days() -> None:
    st.session_state[_DAYS] = _days_value(st.session_state.get("days_exact"))
