"""Reading the API's answers: a reply of plain values becomes a typed record or one of our errors. Pure."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lib.avara import quick
from lib.avara.models import Customer, CustomerPage, RecordProblem, Study, StudyPage, id_key
from lib.avara.problems import R, read_record, readable
from lib.avara.reply import Reply, bad_answer, raise_unless_ok
from lib.avara.requests import Request
from lib.avara.text import kind
from lib.errors import BadAnswer


def _sendable(cursor: str | None) -> str | None:
    if not readable(cursor):
        raise ValueError("is not Unicode text")
    return cursor


class _List(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    has_more: bool | None = Field(default=None, alias="hasMore")
    cursor: Annotated[str | None, AfterValidator(_sendable)] = None


class _CustomerList(_List):
    records: tuple[Customer, ...] = Field(alias="expressCustomers")


class _StudyList(_List):
    records: tuple[Study, ...] = Field(alias="studies")


def parse_customer_page(body: bytes) -> CustomerPage:
    """One page of the list of customers. Ill-typed records become problems; a page that is none raises BadAnswer."""
    page = quick.decoded(body)
    batch = None if page is None else quick.checked(page)
    if page is None or batch is None:
        return read_by_the_model(body)
    return CustomerPage(batch, (), _next_cursor(page))


def read_by_the_model(body: bytes) -> CustomerPage:
    """As parse_customer_page, by pydantic alone: what decides about every page that is not ordinary."""
    with suppress(ValidationError):
        page = _CustomerList.model_validate_json(body, by_alias=True, by_name=False)
        return CustomerPage(page.records, (), _next_cursor(page))
    # Slower and forgiving, only for a page that holds something wrong. Outside any handler: pydantic's error keeps the body.
    records, problems, end = _record_by_record(Customer, "expressCustomers", body)
    return CustomerPage(records, problems, _next_cursor(end))


def parse_study_page(body: bytes) -> StudyPage:
    """One page of a list of studies: ids and times only, everything else of a study is dropped unread."""
    with suppress(ValidationError):
        page = _StudyList.model_validate_json(body, by_alias=True, by_name=False)
        return StudyPage(page.records, (), _next_cursor(page), _is_cut_off(page))
    records, problems, end = _record_by_record(Study, "studies", body)
    return StudyPage(records, problems, _next_cursor(end), _is_cut_off(end))


def read_customer_page(request: Request, reply: Reply) -> CustomerPage:
    """Raises ApiError where the reply is no page of customers."""
    raise_unless_ok(request, reply)
    try:
        return parse_customer_page(reply.body)
    except BadAnswer as exc:
        raise bad_answer(request, reply, exc.message) from None


def read_study_page(request: Request, reply: Reply) -> StudyPage:
    """Raises ApiError where the reply is no page of studies.

    A study that is not of the one customer asked for is a problem: it is no evidence, and whose it is nobody can tell.
    """
    raise_unless_ok(request, reply)
    try:
        page = parse_study_page(reply.body)
    except BadAnswer as exc:
        raise bad_answer(request, reply, exc.message) from None
    if request.customer_id is None:
        return page
    asked = id_key(request.customer_id)
    own = tuple(one for one in page.studies if one.customer_id is not None and id_key(one.customer_id) == asked)
    strange = tuple(_strange(one) for one in page.studies if one not in own) if len(own) < len(page.studies) else ()
    return replace(page, studies=own, problems=(*page.problems, *strange))


def _strange(study: Study) -> RecordProblem:
    seen, rule = "nothing" if study.customer_id is None else "another customer", "must be the customer that was asked for"
    return RecordProblem(study.customer_id or "", "expressCustomer", seen, rule, study_id=study.id)


def read_customer(request: Request, reply: Reply) -> Customer:
    """The customer in the reply, whichever it is about. Raises ApiError where it holds none."""
    raise_unless_ok(request, reply)
    try:
        record = read_record(Customer, _decoded(reply.body), "The record")
    except BadAnswer as exc:
        raise bad_answer(request, reply, exc.message) from None
    if isinstance(record, tuple):
        raise bad_answer(request, reply, f"The customer in the API's answer breaks a rule. {'; '.join(map(str, record))}.")
    return record


def read_same_customer(request: Request, reply: Reply) -> Customer:
    """As read_customer, and BadAnswer where the record is about another customer than the one asked for."""
    customer = read_customer(request, reply)
    if id_key(customer.id) != id_key(request.customer_id or ""):
        raise bad_answer(request, reply, f"The API answered about another customer ({customer.id}).")
    return customer


def _next_cursor(page: _List | quick.QuickPage) -> str | None:
    """`hasMore: false` ends a list even where a cursor is given, and an absent, null or empty cursor ends it too.

    Where `hasMore` is absent or null (the official clients type it as optional), the cursor alone decides.
    """
    return page.cursor if page.has_more is not False and page.cursor else None


def _is_cut_off(page: _List) -> bool:
    """The list says that it goes on, and not where: what is missing could be the newest study."""
    return page.has_more is True and not page.cursor


def _record_by_record(model: type[R], name: str, body: bytes) -> tuple[tuple[R, ...], tuple[RecordProblem, ...], _List]:
    page = _decoded(body)
    if not isinstance(page, dict) or not isinstance(page.get(name), list):
        raise BadAnswer(f"The API's answer is no page of a list: {name} should be an array, it is {_seen(page, name)}.")
    try:
        end = _List.model_validate({key: page[key] for key in ("hasMore", "cursor") if key in page})
    except ValidationError:
        raise BadAnswer(
            "The API's answer does not say whether the list goes on: "
            f"hasMore is {_seen(page, 'hasMore')}, cursor is {_seen(page, 'cursor')}."
        ) from None
    records: list[R] = []
    problems: list[RecordProblem] = []
    for position, value in enumerate(page[name]):
        read = read_record(model, value, f"{name}[{position}]")
        if isinstance(read, tuple):
            problems.extend(read)
        else:
            records.append(read)
    return tuple(records), tuple(problems), end


def _decoded(body: bytes) -> object:
    if not body:
        raise BadAnswer("The API's answer is empty.")
    with suppress(ValueError, RecursionError):
        decoded: object = json.loads(body)
        return decoded
    raise BadAnswer("The API's answer is not JSON, or it is cut short.")


def _seen(page: object, name: str) -> str:
    if not isinstance(page, dict):
        return f"missing in {kind(page)}"
    if name not in page:
        return "missing"
    return kind(page[name]) if readable(page[name]) else f"{kind(page[name])} that can't be read"
