"""Which setting somebody meant who wrote one that there is not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails


def no_setting(error: ErrorDetails, kinds: Iterable[type[BaseModel]]) -> str:
    """That there is no such setting, and which one of these models may be meant; empty where the error is another one."""
    if error["type"] != "extra_forbidden":
        return ""
    *tables, name = map(str, error["loc"])
    known = {field for kind in kinds for field in _table_of(kind, tables).model_fields}
    meant = get_close_matches(name, sorted(known), n=1)
    return " is no setting" + (f"; did you mean {meant[0]}?" if meant else "")


def _table_of(kind: type[BaseModel], path: Iterable[str]) -> type[BaseModel]:
    """The model of the table at this path; a name that a person chose, as an account's, leads no deeper."""
    for name in path:
        field = kind.model_fields.get(name)
        kind = kind if field is None else next(_models(field.annotation), kind)
    return kind


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
