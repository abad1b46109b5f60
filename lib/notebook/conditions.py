"""The conditions of a filter as one types them in Python. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from pydantic import ValidationError

from lib.customers.filters import Filter
from lib.errors import ViewUnreadable


def filter_of(conditions: Mapping[str, object]) -> Filter:
    """The filter of these conditions, named as its fields. Raises ViewUnreadable, which says what can be written instead.

    Metadata may be a dict of a value or several; what there can be several of may be one; the status as the page writes it.
    """
    for name in conditions:
        if name not in Filter.model_fields:
            near = get_close_matches(name, Filter.model_fields, 2, 0.5)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            raise ViewUnreadable(f"There is no condition {name}.{meant} There are: {', '.join(Filter.model_fields)}.")
    plain = {name: _plain(name, value) for name, value in conditions.items()}
    try:
        return Filter.model_validate(plain)
    except ValidationError as exc:
        name = str(exc.errors()[0]["loc"][0])
        said = exc.errors()[0]["msg"].removeprefix("Input ").removeprefix("Value error, ")
        raise ViewUnreadable(f"These conditions can't be used: {name} {said}.{_HINTS.get(name, '')}") from None


_HINTS = {"metadata": ' Write it like metadata={"region": ["west", "dach"]}.'}


def _plain(name: str, value: object) -> object:
    if name == "status" and isinstance(value, str):
        return value.lower()
    if name == "metadata" and isinstance(value, Mapping):
        return tuple((key, _several(chosen)) for key, chosen in value.items())
    if "tuple" in str(Filter.model_fields[name].annotation) and isinstance(value, str | list | set):
        return _several(value)
    return value


def _several(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, Iterable) else value
