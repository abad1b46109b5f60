"""A scripted API and small makers of records and plans, for tests of runs."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lib.avara.limiter import Wanted, always
from lib.avara.models import Customer, Study, StudyPage
from lib.errors import (
    ApiError,
    BadAnswer,
    Conflict,
    NoAnswer,
    NotAuthorized,
    NotFound,
    RateLimited,
    ServiceBroken,
    Unreachable,
    Withdrawn,
)
from lib.evidence.activity import Activity
from lib.evidence.judgement import Answered, Judgement
from lib.people import Person
from lib.plans.model import Action
from lib.plans.plan import Plan, PlannedCustomer, make_plan

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FINGERPRINT = "0123456789abcdef"
ROBIN, KIM = Person("Robin", "login"), Person("Kim", "login")


def id_of(number: int) -> str:
    return f"cus_{number:032x}"


def customer(number: int = 1, **fields: object) -> Customer:
    usual = {
        "id": id_of(number),
        "name": f"Clinic {number}",
        "is_active": True,
        "user_count": 0,
        "created_at": NOW - timedelta(days=900),
        "updated_at": NOW - timedelta(days=400),
        "metadata": {"region": "north"},
    }
    return Customer(**{**usual, **fields})


def plan_of(records: Sequence[Customer], **fields: object) -> Plan:
    usual = {
        "action": Action.DEACTIVATE,
        "reason": "Contract ended",
        "operator": "Robin",
        "fingerprint": FINGERPRINT,
        "connection_label": "sandbox",
        "now": NOW,
    }
    judged, told = fields.pop("judged", {}), {**usual, **fields}
    read_at = min(NOW, told["now"])
    planned = [
        PlannedCustomer(record=one, evidence=("no users",), read_at=read_at, judgement=judged.get(one.id)) for one in records
    ]
    return make_plan(planned, **told)


#: Of a customer who never had a study, as known a day ago.
NEVER = Activity(NOW - timedelta(days=1), whole=True)


def judgement(activity: Activity | None = None, **fields: object) -> Judgement:
    """A rule set's yes."""
    usual = {
        "rules": "dormant, version 1, 0123abcd",
        "hash": "0123abcd" * 8,
        "answer": "yes",
        "words": "no users; never a study",
        "answers": (Answered(question="no users", answer="yes", seen="no users"),),
        "activity": activity or NEVER,
    }
    return Judgement(**{**usual, **fields})


def study(at: datetime | None, *, is_cancelled: bool = False, number: int = 1) -> Study:
    return Study(id=f"stu_{number:032x}", created_at=at, updated_at=at, is_cancelled=is_cancelled)


@dataclass(frozen=True)
class FakeAnswer:
    customer: Customer
    status: int = 200
    request_id: str | None = "req_1"
    sent: int = 1
    seconds: float = 0.01


#: What a script may order, and the error that it ends in. "…-after" is applied first.
ERRORS: dict[str, Callable[[], ApiError]] = {
    "no-answer": NoAnswer,
    "no-answer-after": NoAnswer,
    "500": lambda: ServiceBroken(status=500),
    "bad-answer": lambda: BadAnswer(status=200),
    "bad-answer-after": lambda: BadAnswer(status=200),
    "401": lambda: NotAuthorized(status=401),
    "404": lambda: NotFound(status=404),
    "409": lambda: Conflict(status=409),
    "429": lambda: RateLimited(status=429, retry_after=1.0),
    "unreachable": Unreachable,
}
READ_FAULTS = ("no-answer", "500", "401", "404", "429", "unreachable", "bad-answer", "wrong-id")
WRITE_FAULTS = (*ERRORS, "still", "wrong-id")

#: (what is called, customer id, how often it was asked the same before) -> a key of ERRORS, "still", "wrong-id" or "ok"
Script = Callable[[str, str, int], str]


class FakeApi:
    """Holds records, obeys a script, and notes every call. Safe for several threads."""

    def __init__(self, records: Sequence[Customer], script: Script = lambda *_: "ok") -> None:
        self.records = {record.id: record for record in records}
        self.script = script
        self.studies: dict[str, list[list[Study] | StudyPage | ApiError]] = {}  # by customer: the first page of each list
        self.calls: list[tuple[str, str]] = []
        self.never_left: Counter[str] = Counter()  # calls of these that did not reach the API
        self._asked: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def get_customer(self, customer_id: str, /, wanted: Wanted = always, ready: Wanted = always) -> Customer:
        self._may_go(wanted, ready)
        with self._lock:
            order = self._order("get", customer_id)
            self._end(order)
            return customer(0xBAD) if order == "wrong-id" else self._find(customer_id)

    def deactivate(self, customer_id: str, /, wanted: Wanted = always, ready: Wanted = always) -> FakeAnswer:
        self._may_go(wanted, ready)
        return self._change("deactivate", customer_id, active=False)

    def reactivate(self, customer_id: str, /, wanted: Wanted = always, ready: Wanted = always) -> FakeAnswer:
        self._may_go(wanted, ready)
        return self._change("reactivate", customer_id, active=True)

    def peek_studies(self, customer_id: str, /, wanted: Wanted = always) -> Iterator[StudyPage]:
        for page in self.studies.get(customer_id, [[], []]):
            self._may_go(wanted, always)
            with self._lock:
                self.calls.append(("peek", customer_id))
            if isinstance(page, ApiError):
                raise page
            yield page if isinstance(page, StudyPage) else StudyPage(tuple(page), (), None)

    def changes(self) -> list[str]:
        """The ids of the calls that ask for a change, in order."""
        return [customer_id for what, customer_id in self.calls if what not in ("get", "peek")]

    def _change(self, what: str, customer_id: str, *, active: bool) -> FakeAnswer:
        with self._lock:
            order = self._order(what, customer_id)
            self.never_left[customer_id] += order == "unreachable"
            if order in ("ok", "wrong-id") or order.endswith("-after"):
                found = self._find(customer_id)
                self.records[customer_id] = found.model_copy(update={"is_active": active, "updated_at": NOW})
            self._end(order)
            shown = self._find(customer_id)
            return FakeAnswer(customer(0xBAD, is_active=active) if order == "wrong-id" else shown)

    def _order(self, what: str, customer_id: str) -> str:
        nth = self._asked[what, customer_id]
        self._asked[what, customer_id] += 1
        self.calls.append((what, customer_id))
        return self.script(what, customer_id, nth)

    def _find(self, customer_id: str) -> Customer:
        if customer_id not in self.records:
            raise NotFound(status=404, sent=1)  # as of any request that was answered
        return self.records[customer_id]

    @staticmethod
    def _may_go(wanted: Wanted, ready: Wanted = always) -> None:
        if not wanted() or not ready() or not wanted():
            raise Withdrawn

    @staticmethod
    def _end(order: str) -> None:
        if order in ERRORS:
            error = ERRORS[order]()
            error.sent = int(order != "unreachable")
            raise error


def script(**orders: str) -> Script:
    """A script that gives `get="ok 500"` style orders by turn, the last one for good; "ok" for what is not named."""
    turns = {what: told.split() for what, told in orders.items()}
    return lambda what, _id, nth: turns[what][min(nth, len(turns[what]) - 1)] if what in turns else "ok"
