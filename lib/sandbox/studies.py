"""Studies, made when they are asked for: a pure function of the customer's outline, never stored.

Both kinds carry the fields of the vendor's client. Patients are plainly invented. The order within a customer is not by
date, since the API promises none.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from lib.sandbox.data import Record, stamp
from lib.sandbox.invented import names
from lib.sandbox.invented.cases import Activity
from lib.sandbox.store import Added, Store
from lib.sandbox.wire import Answer, Call, RefusedError, checked_user_id, cursor, customer_id, limit, ok, one_of, read_cursor

SEVERITIES = ("normal", "high", "stat")
VIEWER_STATUSES = ("incomplete", "complete")
STUDY_TYPES = ("standard", "external")
REPORT_STATUSES = ("unassigned", "assigned", "in_progress", "completed", "addendum_active")
#: A page looks at no more studies than this: with a filter that hardly matches it comes back short, with a cursor.
STUDIES_SCANNED = 1000
#: By the name of a field: whether its value is one that was asked for.
Filters = dict[str, Callable[[Any], object]]
_UID_ROOT = "1.2.826.0.1.3680043.10.1421"


@dataclass(frozen=True)
class _Site:
    """The customer whose studies are made."""

    position: int
    customer_id: str
    name: str
    activity: Activity
    added: tuple[Added, ...] = ()


def list_viewer(store: Store, call: Call) -> Answer:
    """One page of Viewer studies."""
    wanted = _common_filters(call.query)
    if status := one_of(call.query, "studyViewerStatus", VIEWER_STATUSES):
        wanted["studyViewerStatus"] = status.__eq__
    return _page(store, call, "viewer", viewer_study, wanted)


def list_autoscribe(store: Store, call: Call) -> Answer:
    """One page of AutoScribe studies; `studyReportStatus` may be several, separated by commas."""
    wanted = _common_filters(call.query)
    if "studyReportStatus" in call.query:
        chosen: set[object] = set(call.query["studyReportStatus"].split(","))
        if not chosen <= set(REPORT_STATUSES):
            raise RefusedError(400, "invalid_filter", f"studyReportStatus must be of {', '.join(REPORT_STATUSES)}.")
        wanted["studyReportStatus"] = chosen.__contains__
    if kind := one_of(call.query, "studyType", STUDY_TYPES):
        wanted["studyType"] = kind.__eq__
    return _page(store, call, "autoScribe", autoscribe_study, wanted)


def viewer_study(rng: random.Random, site: _Site, number: int) -> Record:
    """One Viewer study of a customer."""
    study, created, _ = _study(rng, site, number)
    open_still = site.activity.last - created < timedelta(days=2) and rng.random() < 0.6
    status = "incomplete" if open_still else "complete"
    return {**study, "studyViewerStatus": status, "assignedTo": None if open_still else _reader(site)}


def autoscribe_study(rng: random.Random, site: _Site, number: int) -> Record:
    """One AutoScribe study of a customer, with an invented patient."""
    study, created, modality = _study(rng, site, number)
    open_still = site.activity.last - created < timedelta(days=3)
    status = rng.choice(REPORT_STATUSES[:4]) if open_still else "completed" if rng.random() < 0.97 else "addendum_active"
    return {
        **study,
        "studyReportStatus": status,
        "assignedTo": None if status == "unassigned" else _reader(site),
        "modality": modality,
        "studyType": "standard",
        "isCritical": rng.random() < 0.02 if status == "completed" else None,
        "reportMetadata": _patient(rng, site, created, study["studyDescription"]),
    }


def _common_filters(query: Mapping[str, str]) -> Filters:
    """The official client sends None as an empty value. Of `isCancelled` that is no filter; of `assignedTo` and
    `expressCustomerId` it asks for the studies that have none.
    """
    wanted: Filters = {}
    if severity := one_of(query, "severity", SEVERITIES):
        wanted["severity"] = severity.__eq__
    if cancelled := one_of(query, "isCancelled", ("true", "false", "")):
        wanted["isCancelled"] = (cancelled == "true").__eq__
    if "assignedTo" in query:
        user = checked_user_id(query["assignedTo"]) if query["assignedTo"] else None
        wanted["assignedTo"] = lambda assigned: (assigned and assigned["userId"]) == user
    if text := query.get("studyDescription", "").casefold():
        wanted["studyDescription"] = lambda description: text in description.casefold()
    return wanted


def _page(store: Store, call: Call, kind: str, make: Callable[[random.Random, _Site, int], Record], wanted: Filters) -> Answer:
    size = limit(call.query)
    start, number = read_cursor(call.query, kind, 2)
    end = len(store)
    if "expressCustomerId" in call.query:
        asked = call.query["expressCustomerId"]
        position = store.position(customer_id(asked)) if asked else None  # every study here has a customer
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
        if all(fits(study[name]) for name, fits in wanted.items()):
            found.append(study)
    more = {"hasMore": True, "cursor": cursor(kind, *following)} if following else {"hasMore": False}
    return ok({"studies": found, **more})


def _outline(store: Store, start: int, number: int, end: int) -> Iterator[tuple[_Site, int]]:
    """Every (customer, number of the study) from one place on."""
    for position in range(start, end):
        activity, added = store.activity(position), store.added(position)
        if activity is None and not added:
            continue
        record = store.read(position)
        outline = activity or Activity(added[0].at, added[0].at, 0)
        site = _Site(position, record["expressCustomerId"], record["expressCustomerName"], outline, added)
        yield from ((site, at) for at in range(number if position == start else 0, outline.count + len(added)))


def _study(rng: random.Random, site: _Site, number: int) -> tuple[Record, datetime, str]:
    """What both kinds have in common, when it was made, and its modality. One study is as late as the outline's last; those
    added later come after all of the outline's.
    """
    activity = site.activity
    share = 1.0 if number == activity.count // 2 else rng.random() ** 0.5
    created = activity.first + (activity.last - activity.first) * share
    updated = min(created + timedelta(minutes=rng.randrange(5, 2000)), max(activity.last, created))
    cancelled = rng.random() < 0.04 or (activity.cancelled_from is not None and created > activity.cancelled_from)
    if number >= activity.count:
        created, cancelled = site.added[number - activity.count]
        updated = created
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


def _reader(site: _Site) -> Record:
    """Each customer has one person who reads its studies."""
    number = random.Random(f"reader of {site.customer_id}").getrandbits(128)
    return {"userId": f"usr_{number:032x}", "email": f"reader-{site.position}@sandbox.example"}


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
