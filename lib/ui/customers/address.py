"""The address of Customers: how it says a view that holds no names, and what it is read as."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from lib.customers.filters import Filter
from lib.customers.views import Sort, View
from lib.ui.address import Address, unreadable
from lib.ui.customers import ranges


def spelled(view: View) -> dict[str, str]:
    """The parameters that say a view which holds no names."""
    flt = view.filter
    said = {
        "status": "" if flt.status == "all" else flt.status,
        "users": "" if flt.users_min is flt.users_max is None else ranges.users_option(flt.users_min, flt.users_max),
        "days": str(flt.not_updated_days or ""),
        "ours": "ignored" if flt.ignore_our_runs else "",
        "from": str(flt.created_from or ""),
        "to": str(flt.created_to or ""),
        "dates": "unknown" if flt.time_unknown else "",
        "by": ",".join(flt.created_by),
        "sort": "" if view.sort == Sort() else f"{'-' * view.sort.descending}{view.sort.column}",
        "rows": "" if view.rows == View().rows else str(view.rows),
    }
    return {name: value for name, value in said.items() if value}


def read(query: Mapping[str, Sequence[str]]) -> View:
    """The view that such parameters say. Raises ViewUnreadable for all that `spelled` would not have written."""
    view = View()
    for name, values in query.items():
        try:
            (value,) = values
            fields = _READERS[name](value)
            sort, rows = fields.pop("sort", view.sort), fields.pop("rows", view.rows)
            view = View(filter=Filter.model_validate(view.filter.model_dump() | fields), sort=sort, rows=rows)
        except (KeyError, ValueError):
            raise unreadable(f"{name}={', '.join(values)}") from None
    said = spelled(view)
    strange = [name for name, values in query.items() if said.get(name) != values[0] or (view.names_data and name == "sort")]
    if strange:
        raise unreadable(" and ".join(f"{name}={query[name][0]}" for name in strange))
    return view


_READERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "status": lambda value: {"status": value},
    "users": lambda value: dict(zip(("users_min", "users_max"), ranges.users(value), strict=True)),
    "days": lambda value: {"not_updated_days": ranges.days(value)},
    "ours": lambda value: {"ignore_our_runs": {"ignored": True}[value]},
    "from": lambda value: {"created_from": date.fromisoformat(value)},
    "to": lambda value: {"created_to": date.fromisoformat(value)},
    "dates": lambda value: {"time_unknown": {"unknown": True}[value]},
    "by": lambda value: {"created_by": tuple(value.split(","))},
    "sort": lambda value: {"sort": Sort(column=value.removeprefix("-"), descending=value.startswith("-"))},
    "rows": lambda value: {"rows": int(value)},
}

ADDRESS = Address("customers", View, lambda view: None if view.names_data else spelled(view), read)
shown, show, show_kept, opened = ADDRESS.shown, ADDRESS.show, ADDRESS.show_kept, ADDRESS.opened
