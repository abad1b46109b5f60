"""Studies, made when they are asked for: a pure function of the customer's outline, never stored.

Both kinds carry the fields of the vendor's client. Patients are plainly invented. The order within a customer is not by
date, since the API promises none.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lib.sandbox import names
from lib.sandbox.data import Activity, Record, stamp
from lib.sandbox.store import Store
from lib.sandbox.wire import Answer, Call, RefusedError, cursor, customer_id, limit, ok, one_of, read_cursor

SEVERITIES = ("normal", "high", "stat")
VIEWER_STATUSES = ("incomplete", "complete")
REPORT_STATUSES = ("unassigned", "assigned", "in_progress", "completed", "addendum_active")
#: A page looks at no more studies than this: with a filter that hardly matches it comes back short, with a cursor.
STUDIES_SCANNED = 1000
_UID_ROOT = "1.2.826.0.1.3680043.10.1421"


@dataclass(frozen=True)
class _Site:
    """The customer whose studies are made."""

    position: int
    customer_id: str
    name: str
    activity: Activity


def list_viewer(store: Store, call: Call) -> Answer:
    """One page of Viewer studies."""
    status = one_of(call.query, "studyViewerStatus", VIEWER_STATUSES)
    wanted = _common_filters(call.query)
    if status:
        wanted["studyViewerStatus"] = {status}
    return _page(store, call, "viewer", viewer_study, wanted)


def list_autoscribe(store: Store, call: Call) -> Answer:
    """One page of AutoScribe studies; `studyReportStatus` may be several, separated by commas."""
    wanted = _common_filters(call.query)
    if "studyReportStatus" in call.query:
        chosen: set[object] = set(call.query["studyReportStatus"].split(","))
        if not chosen <= set(REPORT_STATUSES):
            raise RefusedError(400, "invalid_filter", f"studyReportStatus must be of {', '.join(REPORT_STATUSES)}.")
        wanted["studyReportStatus"] = chosen
    return _page(store, call, "autoScribe", autoscribe_study, wanted)


def viewer_study(rng: random.Random, site: _Site, number: int) -> Record:
    """One Viewer study of a customer."""
    study, created, _ = _study(rng, site, number)
    open_still = site.activity.last - created < timedelta(days=2) and rng.random() < 0.6
    return {**study, "studyViewerStatus": "incomplete" if open_still else "complete"}


def autoscribe_study(rng: random.Random, site: _Site, number: int) -> Record:
    """One AutoScribe study of a customer, with an invented patient."""
    study, created, modality = _study(rng, site, number)
    open_still = site.activity.last - created < timedelta(days=3)
    status = rng.choice(REPORT_STATUSES[:4]) if open_still else "completed" if rng.random() < 0.97 else "addendum_active"
    return {
        **study,
        "studyReportStatus": status,
        "modality": modality,
        "studyType": "standard",
        "isCritical": rng.random() < 0.02 if status == "completed" else None,
        "reportMetadata": _patient(rng, site, created, study["studyDescription"]),
    }


def _common_filters(query: Mapping[str, str]) -> dict[str, set[object]]:
    wanted: dict[str, set[object]] = {}
    if severity := one_of(query, "severity", SEVERITIES):
        wanted["severity"] = {severity}
    if cancelled := one_of(query, "isCancelled", ("true", "false")):
        wanted["isCancelled"] = {cancelled == "true"}
    return wanted


def _page(
    store: Store, call: Call, kind: str, make: Callable[[random.Random, _Site, int], Record], wanted: Mapping[str, set[object]]
) -> Answer:
    size = limit(call.query)
    start, number = read_cursor(call.query, kind, 2)
    end = len(store)
    if "expressCustomerId" in call.query:
        position = store.position(customer_id(call.query["expressCustomerId"]))
        if position is None:
            return ok({"studies": [], "hasMore": False})
        start, number, end = (position, number, position + 1) if position == start else (position, 0, position + 1)
    found: list[Record] = []
    following: tuple[int, int] | None = None
    for seen, (site, at) in enumerate(_outline(store, start, number, end)):
        if len(found) == size or seen == STUDIES_SCANNED:
            following = (site.position, at)
            break
        study = make(random.Random(f"{store.seed}/{site.position}/{kind}/{at}"), site, at)
        if all(study[name] in values for name, values in wanted.items()):
            found.append(study)
    more = {"hasMore": True, "cursor": cursor(kind, *following)} if following else {"hasMore": False}
    return ok({"studies": found, **more})


def _outline(store: Store, start: int, number: int, end: int) -> Iterator[tuple[_Site, int]]:
    """Every (customer, number of the study) from one place on."""
    for position in range(start, end):
        activity = store.activity(position)
        if activity is not None:
            record = store.read(position)
            site = _Site(position, record["expressCustomerId"], record["expressCustomerName"], activity)
            yield from ((site, at) for at in range(number if position == start else 0, activity.count))


def _study(rng: random.Random, site: _Site, number: int) -> tuple[Record, datetime, str]:
    """What both kinds have in common, when it was made, and its modality. One study is as late as the outline's last."""
    activity = site.activity
    share = 1.0 if number == activity.count // 2 else rng.random() ** 0.5
    created = activity.first + (activity.last - activity.first) * share
    updated = min(created + timedelta(minutes=rng.randrange(5, 2000)), max(activity.last, created))
    cancelled = rng.random() < 0.04
    description, modality = rng.choice(names.PROCEDURES)
    return (
        {
            "studyId": f"stu_{rng.getrandbits(128):032x}",
            "studyInstanceUid": f"{_UID_ROOT}.{site.position}.{number}.{rng.randrange(1, 10**9)}",
            "studyDescription": description,
            "severity": rng.choices(SEVERITIES, (88, 9, 3))[0],
            "isCancelled": cancelled,
            "cancelledAt": stamp(updated) if cancelled else None,
            "createdAt": stamp(created),
            "updatedAt": stamp(updated),
            "expressCustomer": {"expressCustomerId": site.customer_id, "expressCustomerName": site.name},
        },
        created,
        modality,
    )


def _patient(rng: random.Random, site: _Site, created: datetime, procedure: str) -> Record:
    age = rng.randrange(1, 95)
    number = f"{site.position:05d}-{rng.randrange(10_000):04d}"
    return {
        "patientName": f"Sandbox Patient {number}",
        "mrn": f"SANDBOX-{number}",
        "dateOfBirth": date(created.year - age, rng.randrange(1, 13), rng.randrange(1, 29)).isoformat(),
        "age": f"{age} years",
        "sex": rng.choice(("male", "female", "other")),
        "height": {"unit": "cm", "value": rng.randrange(80, 200)},
        "weight": {"unit": "kg", "value": rng.randrange(12, 140)},
        "procedure": procedure,
        "referringPhysicianName": "Dr. Invented Example",
        "studyDate": created.date().isoformat(),
        "studyTime": created.strftime("%H:%M"),
    }
