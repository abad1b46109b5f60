"""The API's operations as functions of (store, call): what each endpoint does when nothing goes wrong. No HTTP here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lib.sandbox import studies
from lib.sandbox.store import Store
from lib.sandbox.wire import (
    Answer,
    Call,
    RefusedError,
    body_object,
    checked_metadata,
    checked_name,
    checked_user_id,
    cursor,
    customer_id,
    limit,
    ok,
    read_cursor,
)

CURSOR = "customers"

Operation = Callable[[Store, Call], Answer]


def list_customers(store: Store, call: Call) -> Answer:
    """One page of customers in the order of their creation."""
    size = limit(call.query)
    (start,) = read_cursor(call.query, CURSOR, 1)
    if start and start >= len(store):
        raise RefusedError(400, "invalid_cursor", "cursor is not one that this list gave out.")
    end = b'],"hasMore":false}'
    if start + size < len(store):
        end = b'],"hasMore":true,"cursor":"' + customers_cursor(start + size).encode() + b'"}'
    return Answer(200, b'{"expressCustomers":[' + b",".join(store.page(start, size)) + end)


def customers_cursor(position: int) -> str:
    """The cursor of the page that begins at `position`."""
    return cursor(CURSOR, position)


def get_customer(store: Store, call: Call) -> Answer:
    return Answer(200, store.encoded(find(store, call)))


def create_customer(store: Store, call: Call) -> Answer:
    body = body_object(call.body)
    name = checked_name(body.get("expressCustomerName"))
    metadata = checked_metadata(body["metadata"]) if "metadata" in body else None
    return Answer(200, store.encoded(store.create(name, metadata)))


def update_customer(store: Store, call: Call) -> Answer:
    """Changes the fields given and no other; `metadata` replaces all pairs, null clears them."""
    position = find(store, call)
    body = body_object(call.body)
    fields: dict[str, object] = {}
    if "expressCustomerName" in body:
        fields["expressCustomerName"] = checked_name(body["expressCustomerName"])
    if "metadata" in body:
        fields["metadata"] = None if body["metadata"] is None else checked_metadata(body["metadata"])
    store.change(position, **fields)
    return Answer(200, store.encoded(position))


def deactivate(store: Store, call: Call) -> Answer:
    position = find(store, call)
    store.change(position, isActive=False)
    return Answer(200, store.encoded(position))


def reactivate(store: Store, call: Call) -> Answer:
    position = find(store, call)
    store.change(position, isActive=True)
    return Answer(200, store.encoded(position))


def add_user(store: Store, call: Call) -> Answer:
    """Every well-formed user id counts as an existing user: the API has no list of them to look one up in."""
    position = find(store, call)
    user = checked_user_id(body_object(call.body).get("userId"))
    if not store.read(position)["isActive"]:
        raise RefusedError(409, "customer_inactive", "This customer is deactivated: no user can be added.")
    users = store.users(position)
    if user in users:
        return ok({"success": True, "message": "The user was already in this customer."})
    store.set_users(position, [*users, user])
    return ok({"success": True, "message": "The user was added."})


def remove_user(store: Store, call: Call) -> Answer:
    position = find(store, call)
    user = checked_user_id(body_object(call.body).get("userId"))
    users = store.users(position)
    if user not in users:
        return ok({"success": False, "message": "The user is not in this customer."})
    store.set_users(position, [other for other in users if other != user])
    return ok({"success": True, "message": "The user was removed."})


def find(store: Store, call: Call) -> int:
    """The position of the customer in the call's path; refused (400) for an ill-formed id and (404) for an unknown one."""
    position = store.position(customer_id(call.customer_id))
    if position is None:
        raise RefusedError(404, "not_found", f"There is no Express customer {call.customer_id}.")
    return position


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    run: Operation
    query: frozenset[str] = frozenset()


_PAGING = frozenset({"limit", "cursor"})
_STUDIES = _PAGING | {"expressCustomerId", "assignedTo", "isCancelled", "severity", "studyDescription"}

ENDPOINTS: dict[str, Endpoint] = {
    "list": Endpoint("GET", "/v1/express", list_customers, _PAGING),
    "create": Endpoint("POST", "/v1/express", create_customer),
    "get": Endpoint("GET", "/v1/express/{id}", get_customer),
    "update": Endpoint("PATCH", "/v1/express/{id}", update_customer),
    "deactivate": Endpoint("POST", "/v1/express/{id}/deactivate", deactivate),
    "reactivate": Endpoint("POST", "/v1/express/{id}/reactivate", reactivate),
    "add-user": Endpoint("POST", "/v1/express/{id}/users", add_user),
    "remove-user": Endpoint("DELETE", "/v1/express/{id}/users", remove_user),
    "viewer-studies": Endpoint("GET", "/v1/viewer/studies", studies.list_viewer, _STUDIES | {"studyViewerStatus"}),
    "autoscribe-studies": Endpoint(
        "GET", "/v1/autoScribe/studies", studies.list_autoscribe, _STUDIES | {"studyReportStatus", "studyType"}
    ),
}


def run(store: Store, call: Call) -> Answer:
    """Carries out any call. A list refuses parameters it does not know: a filter that was misspelt would go unseen."""
    endpoint = ENDPOINTS[call.operation]
    unknown = call.query.keys() - endpoint.query
    if endpoint.query and unknown:
        raise RefusedError(400, "unknown_parameter", f"There is no parameter {min(unknown)!r} here.")
    return endpoint.run(store, call)
