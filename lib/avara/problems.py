"""Record by record: the sound ones as typed values, the others as problems in words.

Only fields that the models know are looked at, so nothing else of a record can end up in a message.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar, cast

from pydantic import ValidationError

from lib.avara.models import Customer, RecordProblem, Study
from lib.avara.text import kind, one_line, shown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

R = TypeVar("R", Customer, Study)

#: pydantic's error type -> our words, filled with the limit that was broken.
_RULES = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "datetime_type": "must be a date-time as text",
    "uuid_type": "must be a UUID",
    "uuid_parsing": "must be a UUID",
    "dict_type": "must be an object of text to text",
    "model_type": "must be an object",
    "too_long": "must have at most {max_length} pairs",
    "value_error": "{error}",  # raised by our own validators, in words
}
_UNREADABLE = "can't be read: it is not Unicode text, or nested too deeply"
_MISSING = object()
_ID_PREFIXES = {"expressCustomerId": "cus_", "createdByUserId": "usr_", "studyId": "stu_"}


def read_record(model: type[R], value: object, where: str) -> R | tuple[RecordProblem, ...]:
    """The record, or one problem for each field that breaks a rule. `where` names a value that is no object at all.

    What was seen is quoted for a customer. For a study only its kind is told: a field gone astray could hold patient data.
    """
    if not isinstance(value, dict):
        return (RecordProblem("", where, shown(value) if model is Customer else kind(value), "must be an object"),)
    known = {name: value[name] for name in _api_names(model) if name in value}
    broken = {name: (_UNREADABLE, known[name]) for name in known if not readable(known[name])}
    if not broken:
        try:
            return model.model_validate_json(json.dumps(known), by_alias=True, by_name=False)
        except ValidationError as exc:
            for error in exc.errors(include_url=False):
                if not error["loc"]:  # deeper than pydantic reads
                    return (_problem(model, known, where, _UNREADABLE, known),)
                seen = _MISSING if error["type"] == "missing" else error["input"]
                broken.setdefault(str(error["loc"][0]), (_rule(error), seen))
    return tuple(_problem(model, known, field, rule, seen) for field, (rule, seen) in broken.items())


def _api_names(model: type[Customer] | type[Study]) -> tuple[str, ...]:
    return tuple(cast("str", field.alias) for field in model.model_fields.values())


def readable(value: object) -> bool:
    """False for lone surrogates, which JSON can spell but no UTF-8 text can hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def _rule(error: ErrorDetails) -> str:
    field, *inside = map(str, error["loc"])
    if error["type"] == "string_pattern_mismatch":
        name = inside[-1] if inside else field
        return f"must be {_ID_PREFIXES[name]} followed by 32 hexadecimal characters"
    words = _RULES.get(error["type"], "is not as documented").format_map(error.get("ctx", {}))
    if not inside:
        return words
    part = "key" if inside[-1] == "[key]" else "value"
    return f"{words} (the {part} at {shown(inside[0])})"


def _problem(
    model: type[Customer] | type[Study], known: dict[str, object], field: str, rule: str, seen: object
) -> RecordProblem:
    if model is Customer:
        return RecordProblem(_name(known.get("expressCustomerId")), field, "nothing" if seen is _MISSING else shown(seen), rule)
    owner = known.get("expressCustomer")
    customer = owner.get("expressCustomerId") if isinstance(owner, dict) else None
    told = "nothing" if seen is _MISSING else kind(seen)
    return RecordProblem(_name(customer), field, told, rule, study_id=_name(known.get("studyId")))


def _name(identifier: object) -> str:
    return one_line(identifier, 40) if isinstance(identifier, str) else ""
