"""The address of Customers: how it says a view that holds no names, and what it is read as."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Literal

from lib.customers.views import Sort
from lib.evidence.rule_set import RuleSet, preset
from lib.evidence.views import View
from lib.ui.address import Address, unreadable
from lib.ui.customers import ranges

#: So much of a preset's hash tells whether it still asks what it did when the link was made.
_HASH = 8


def spelled(view: View) -> dict[str, str]:
    """The parameters that say a view which holds no names."""
    flt, rules, seen = view.filter, view.rules, view.seen
    said = {
        "status": "" if flt.status == "all" else flt.status,
        "users": "" if flt.users_min is flt.users_max is None else ranges.users_option(flt.users_min, flt.users_max),
        "days": str(flt.not_updated_days or ""),
        "ours": "ignored" if flt.ignore_our_runs else "",
        "from": str(flt.created_from or ""),
        "to": str(flt.created_to or ""),
        "dates": "unknown" if flt.time_unknown else "",
        "by": ",".join(flt.created_by),
        "rules": "" if rules is None else f"{rules.name}-{rules.hash[:_HASH]}",
        "candidate": "" if rules is None else ",".join(seen.candidate),
        "study_from": str(seen.study_from or ""),
        "no_study_from": str(seen.no_study_from or ""),
        "studies": "unknown" if seen.studies_unknown else "",
        "sort": "" if view.sort == Sort() else f"{'-' * view.sort.descending}{view.sort.column}",
        "rows": "" if view.rows == View().rows else str(view.rows),
        "page": "" if view.page == 1 else str(view.page),
    }
    return {name: value for name, value in said.items() if value}


def read(query: Mapping[str, Sequence[str]]) -> View:
    """The view that such parameters say. Raises ViewUnreadable for all that `spelled` would not have written."""
    view = View()
    for name, values in query.items():
        try:
            (value,) = values
            part, fields = _READERS[name](value)
            whole = {"filter": view.filter, "seen": view.seen}.get(part)
            fields = fields if whole is None else {part: type(whole).model_validate(whole.model_dump() | fields)}
            view = View.model_validate(dict(view) | fields)
        except (KeyError, ValueError):
            raise unreadable(f"{name}={', '.join(values)}") from None
    said = spelled(view)
    strange = [name for name, values in query.items() if said.get(name) != values[0] or (view.names_data and name == "sort")]
    if strange:
        raise unreadable(" and ".join(f"{name}={query[name][0]}" for name in strange))
    return view


def _preset(value: str) -> RuleSet:
    name, _, hash_ = value.rpartition("-")
    found = preset(name, hash_)
    if found is None:
        raise ValueError(value)
    return found


_Read = tuple[Literal["filter", "seen", "view"], dict[str, Any]]
_READERS: dict[str, Callable[[str], _Read]] = {
    "status": lambda value: ("filter", {"status": value}),
    "users": lambda value: ("filter", dict(zip(("users_min", "users_max"), ranges.users(value), strict=True))),
    "days": lambda value: ("filter", {"not_updated_days": ranges.days(value)}),
    "ours": lambda value: ("filter", {"ignore_our_runs": {"ignored": True}[value]}),
    "from": lambda value: ("filter", {"created_from": date.fromisoformat(value)}),
    "to": lambda value: ("filter", {"created_to": date.fromisoformat(value)}),
    "dates": lambda value: ("filter", {"time_unknown": {"unknown": True}[value]}),
    "by": lambda value: ("filter", {"created_by": tuple(value.split(","))}),
    "rules": lambda value: ("view", {"rules": _preset(value)}),
    "candidate": lambda value: ("seen", {"candidate": tuple(value.split(","))}),
    "study_from": lambda value: ("seen", {"study_from": date.fromisoformat(value)}),
    "no_study_from": lambda value: ("seen", {"no_study_from": date.fromisoformat(value)}),
    "studies": lambda value: ("seen", {"studies_unknown": {"unknown": True}[value]}),
    "sort": lambda value: ("view", {"sort": Sort(column=value.removeprefix("-"), descending=value.startswith("-"))}),
    "rows": lambda value: ("view", {"rows": int(value)}),
    "page": lambda value: ("view", {"page": int(value)}),
}

ADDRESS = Address("customers", View, lambda view: None if view.names_data else spelled(view), read)
shown, show, show_kept, opened, go = ADDRESS.shown, ADDRESS.show, ADDRESS.show_kept, ADDRESS.opened, ADDRESS.go


def change(**fields: object) -> None:
    """Let the page show a view with these fields, from its first page if they do not say another; a callback, as `show`."""
    show(shown().model_copy(update={"page": 1} | fields))
