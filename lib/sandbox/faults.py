"""What can go wrong on request: the table of faults, how they are written, and when each strikes. All pure.

A fault is written NAME[@OPERATION][=RATE]. RATE is the share of requests that it strikes, 0 to 1, and 1 where it is left
out. Without an OPERATION it strikes the operations of the table, so that a page can still load while changes fail.

Whether it strikes is a pure function of the seed, the fault, what the request is about (a customer or a page), and how
many requests about that came before: the same customers are struck whatever the order and the number of threads. A fault
of studies strikes a customer always or never.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field

from lib.sandbox.wire import Answer, Call, encode

SLOW_SECONDS = 2.0
#: A request that is never answered is let go after this long, if the client did not give up before.
HANG_SECONDS = 120.0

CHANGES = ("deactivate", "reactivate")
WRITES = (*CHANGES, "create", "update", "add-user", "remove-user")
STUDIES = ("viewer-studies", "autoscribe-studies")
READS = ("list", "get", *STUDIES)
ALL = (*READS, *WRITES)


@dataclass(frozen=True)
class Fault:
    """One thing that can go wrong. `usual` are the operations it strikes, `possible` those that @OPERATION may name."""

    what: str
    usual: tuple[str, ...]
    possible: tuple[str, ...]


FAULTS = {
    "timeout-before": Fault("no answer ever comes; the change is not applied", CHANGES, ALL),
    "timeout-after": Fault("the change is applied; no answer ever comes", CHANGES, ALL),
    "reset-after": Fault("the change is applied; the connection is cut instead of an answer", CHANGES, ALL),
    "http-500": Fault("500 with a JSON error; not applied", CHANGES, ALL),
    "http-503": Fault("503 with Retry-After: 1; not applied", CHANGES, ALL),
    "html-error": Fault("502 with a gateway's HTML page; not applied", CHANGES, ALL),
    "still-active": Fault("200, but not applied: the record comes back as it was", CHANGES, CHANGES),
    "wrong-id": Fault("applied; the answer is another customer's record", CHANGES, (*CHANGES, "get", "update")),
    "bad-json": Fault("applied; 200 with a body that is not JSON", CHANGES, ALL),
    "truncated": Fault("applied; the body stops half way and the connection closes", CHANGES, ALL),
    "slow": Fault(f"the answer takes {SLOW_SECONDS:g} s longer", ALL, ALL),
    "bad-record": Fault("one record of a page has a field of the wrong type", ("list",), ("list",)),
    "repeat-cursor": Fault("a page after the first gives its own cursor again", ("list",), ("list",)),
    "duplicate-row": Fault(
        "a page after the first begins with the last row of the page before, updated since", ("list",), ("list",)
    ),
    "unauthorized-midway": Fault(
        "401 from some later page of the list or second change on, for everything, until faults are set anew",
        ("list", *WRITES),
        ALL,
    ),
    "studies-403": Fault("403 for the studies of a customer, each time", STUDIES, STUDIES),
    "studies-cut": Fault("the studies of a customer stop half way and the connection closes, each time", STUDIES, STUDIES),
    "studies-slow": Fault(f"each page of a customer's studies takes {SLOW_SECONDS:g} s longer", STUDIES, STUDIES),
    "drift": Fault(
        "just before a record is read or changed, somebody else changes it (a user, the name or a metadata value), once each",
        ("get", *CHANGES),
        ("get", *CHANGES),
    ),
}

#: These make an answer late.
SLOW = frozenset({"slow", "studies-slow"})
#: These end the request; at most one of them strikes it. The others change what an ordinary answer is about.
ENDINGS = frozenset(FAULTS) - SLOW - {"drift"}


class FaultError(ValueError):
    """A fault that can't be: the message names it and says what is allowed."""


@dataclass(frozen=True)
class Setting:
    """One fault switched on."""

    name: str
    rate: float
    operations: tuple[str, ...]

    def __str__(self) -> str:
        only = "" if self.operations == FAULTS[self.name].usual else f"@{self.operations[0]}"
        return f"{self.name}{only}={self.rate:g}"


def parse(text: str) -> Setting:
    """Reads NAME[@OPERATION][=RATE]. Raises FaultError."""
    target, equals, rate_text = text.strip().partition("=")
    name, at, operation = target.partition("@")
    fault = FAULTS.get(name)
    if fault is None:
        raise FaultError(f"There is no fault {name!r}. There are: {', '.join(FAULTS)}.")
    if at and operation not in fault.possible:
        raise FaultError(f"{name} can't strike {operation!r}; it can strike {', '.join(fault.possible)}.")
    try:
        rate = float(rate_text) if equals else 1.0
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise FaultError(f"The rate of {name} must be a number from 0 to 1, not {rate_text!r}.")
    return Setting(name, rate, (operation,) if at else fault.usual)


@dataclass
class Faults:
    """The faults switched on, and what they have to remember: how often each customer or page was asked for."""

    seed: int
    settings: tuple[Setting, ...] = ()
    revoked: bool = False
    _asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    _changes: int = 0
    _drifted: set[str] = field(default_factory=set)

    def strike(self, call: Call) -> tuple[str, ...]:
        """The faults that strike this request, at most one of ENDINGS among them, in the order they were given."""
        customer = call.customer_id or call.query.get("expressCustomerId", "")
        about = call.customer_id or f"{customer}{call.query.get('cursor', '')}"
        asked = self._asked[call.operation, about]
        self._asked[call.operation, about] += 1
        self._changes += call.operation in WRITES
        struck: list[str] = []
        for setting in self.settings:
            ended = any(name in ENDINGS for name in struck)
            if call.operation not in setting.operations or (ended and setting.name in ENDINGS):
                continue
            drawn = (customer, 0) if setting.name.startswith("studies-") else (about, asked)
            if self._has_a_chance(setting.name, call) and _draw(self.seed, setting.name, *drawn) < setting.rate:
                struck.append(setting.name)
        if "drift" in struck:
            self._drifted.add(about)
        self.revoked |= "unauthorized-midway" in struck
        return tuple(struck)

    def _has_a_chance(self, name: str, call: Call) -> bool:
        later_page = "cursor" in call.query
        match name:
            case "repeat-cursor" | "duplicate-row":
                return later_page
            case "unauthorized-midway":
                return later_page if call.operation not in WRITES else self._changes > 1
            case "drift":
                return call.customer_id not in self._drifted
            case _:
                return True


def number(seed: int, *words: object) -> int:
    """A number that depends on nothing but its arguments."""
    return int.from_bytes(hashlib.blake2b(repr((seed, words)).encode(), digest_size=8).digest())


def _draw(seed: int, *words: object) -> float:
    return number(seed, *words) / 2**64


#: What a bad record has instead of what it should have.
BAD_FIELDS: tuple[tuple[str, object], ...] = (
    ("userCount", "15"),
    ("isActive", "yes"),
    ("createdAt", "yesterday"),
    ("expressCustomerName", ""),
    ("metadata", {"seats": 12}),
    ("userCount", -1),
    ("updatedAt", 1710512400),
    ("expressCustomerId", "cus_123"),
)


def spoil_record(page: Answer, pick: int) -> Answer:
    """The page of customers with one record made ill-typed; `pick` chooses the record and the field."""
    body = json.loads(page.body)
    records = body["expressCustomers"]
    if records:
        name, value = BAD_FIELDS[pick % len(BAD_FIELDS)]
        records[pick // len(BAD_FIELDS) % len(records)][name] = value
    return Answer(page.status, encode(body))


def repeat_cursor(page: Answer, cursor: str) -> Answer:
    """The page with `cursor` as the cursor of the next one."""
    return Answer(page.status, encode({**json.loads(page.body), "hasMore": True, "cursor": cursor}))


def not_json(answer: Answer) -> Answer:
    return Answer(answer.status, answer.body[:-1] + b",oops")


def error(name: str) -> Answer:
    """The answer of http-500, http-503, html-error, studies-403 and unauthorized-midway."""
    match name:
        case "http-503":
            body = {"message": "Service unavailable. Try again later."}
            return Answer(503, encode(body), {"Retry-After": "1"})
        case "html-error":
            page = b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
            return Answer(502, page, media_type="text/html")
        case "unauthorized-midway":
            return unauthorized()
        case "studies-403":
            return Answer(403, encode({"message": "This key may not read the studies of this customer."}))
        case _:
            return Answer(500, encode({"message": "Internal server error."}))


def unauthorized() -> Answer:
    """What a missing, wrong or revoked key gets."""
    body = {"error": {"code": "unauthorized", "message": "Invalid API key."}, "message": "Invalid API key."}
    return Answer(401, encode(body), {"WWW-Authenticate": "Bearer"})
