"""A plan: the frozen list of customers, with the records and the evidence as seen, that one run will act on.

A plan is named by the SHA-256 of its canonical JSON. Its creation time is part of it, so two plans made on purpose differ,
while the same plan confirmed twice (a double click, a file opened again) has the same hash and can't start a second run.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lib.avara.models import Customer, UtcDatetime, id_key
from lib.avara.text import count, one_line
from lib.avara.times import is_after, to_second
from lib.errors import EmptyPlan, OtherConnection, PlanError, ReasonMissing
from lib.evidence.judgement import NOT_PICKED, Judgement
from lib.plans.model import Action
from lib.spelling import visible


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class PlannedCustomer(_Frozen):
    """One customer of a plan: the record as seen, why it was picked, and when both were read (UTC).

    `judgement`: what a rule set said of it then, if one did.
    """

    record: Customer
    evidence: tuple[str, ...] = ()
    read_at: UtcDatetime
    # Left out where there is none: plans made before there were rule sets keep their hash.
    judgement: Judgement | None = Field(default=None, exclude_if=lambda judged: judged is None)

    @property
    def told(self) -> tuple[str, ...]:
        """The evidence for people, a line each, nothing twice: first why, in one sentence, where a rule set said so."""
        return self.judgement.told(self.evidence) if self.judgement else self.evidence


#: Whom a review left out: as many are named of each kind, and entries that a plan holds at most.
MOST_NAMED, _MOST_LEFT_OUT = 100, 2000
#: Titles those whom a rule set meant and nobody picked.
OF_RULES = "of the rules not picked"


class Untouched(_Frozen):
    """A customer whom a plan leaves alone, and why; without an id, so many of whom the same is true. Where an undo leaves it
    alone, `why` is in words without data, which get logged.
    """

    customer_id: str
    why: str
    # Left out where there is none: plans made before there were these keep their hash.
    name: str = Field(default="", exclude_if=lambda name: not name)
    number: int = Field(default=1, ge=1, exclude_if=lambda number: number == 1)

    @property
    def not_picked(self) -> bool:
        """Whether a rule set meant it and nobody picked it: no review left it out."""
        return self.why.startswith(NOT_PICKED) or (not self.customer_id and OF_RULES in self.why)

    @property
    def who(self) -> str:
        return self.name if self.customer_id else count(self.number, "customer")


class Plan(_Frozen):
    """What one run will do, to whom, and why. Made by `make_plan`; never changed afterwards.

    However it is made or read, a customer that is there twice, or a time that comes before what it must come after, raises
    PlanError, with the customer's name, and a reason that shows nothing raises ReasonMissing.
    """

    version: Literal[1] = 1
    action: Action
    customers: tuple[PlannedCustomer, ...] = Field(min_length=1)
    reason: str
    ticket: str = ""
    filter_text: str = ""
    operator: str  # who planned it; who carries it out is known by the process that does
    fingerprint: str
    connection_label: str
    base_url: str = ""
    created_at: UtcDatetime
    undo_of: str | None = None
    goes_on: bool = False  # after the canary, by itself, if all its steps are verified
    left_alone: tuple[Untouched, ...] = ()  # of the run that it undoes
    set_aside: tuple[Untouched, ...] = Field(default=(), max_length=_MOST_LEFT_OUT)  # by the review that it was made of

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        counts = Counter(map(id_key, self.ids))
        repeated = next((one.record for one in self.customers if counts[id_key(one.record.id)] > 1), None)
        if repeated is not None:
            more = f"{len(self.ids) - len(counts):,} too many in all"
            raise PlanError(f"{repeated.name} ({repeated.id}) is in this plan more than once ({more}). Remove the repeats.")
        if not visible(self.reason):
            raise ReasonMissing
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """What was read later than that could hide from the look right before its call whatever came in since."""
        for planned in self.customers:
            for what, at, before, latest in _times(planned, self.created_at):
                if at is not None and is_after(at, latest):
                    who = f"{planned.record.name} ({planned.record.id})"
                    raise PlanError(
                        f"{who}: {what} {to_second(at)}, later than {before} ({to_second(latest)}). That can't be: check the "
                        "clock of the machine that made this plan, and make a new one."
                    )
        return self

    def check_made(self, now: datetime) -> None:
        """Raise PlanError where the plan was made later than now, by more than two clocks may differ."""
        if is_after(self.created_at, now):
            raise PlanError(
                f"This plan says that it was made {to_second(self.created_at)}, which is yet to come: here it is "
                f"{to_second(now)}. Check the clocks of both machines, and make a new plan."
            )

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, as 64 hexadecimal characters."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    def canonical(self) -> str:
        """The plan as canonical JSON; records carry the API's own field names."""
        # Left out where there is none: plans made before there was this choice keep their hash.
        exclude = {name for name in ("goes_on", "left_alone", "set_aside") if not getattr(self, name)}
        return canonical_json(self.model_dump(mode="json", by_alias=True, exclude=exclude))

    def to_json(self) -> str:
        """The plan and its hash as a file that `from_json` opens again."""
        return f'{{"hash":"{self.hash}","plan":{self.canonical()}}}'

    @classmethod
    def from_json(cls, text: str | bytes, now: datetime | None = None) -> Plan:
        """The plan of a file that `to_json` wrote. Raises PlanError: unreadable, altered, with a repeat, or with something that
        no plan has, whose name it says; as `check_made` where `now` is told.
        """
        try:
            envelope = json.loads(text, object_pairs_hook=_each_name_once)
            said, body = envelope.pop("hash"), envelope.pop("plan")
            plan = cls.model_validate_json(json.dumps(body), extra="forbid", by_alias=True, by_name=False)
        except ValidationError as exc:
            unknown = [".".join(map(str, one["loc"])) for one in exc.errors() if one["type"] == "extra_forbidden"]
            raise PlanError(_unreadable(*unknown)) from exc
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
            raise PlanError(_unreadable()) from exc
        if envelope:
            raise PlanError(_unreadable(*envelope))
        if said != plan.hash:
            raise PlanError("This plan was altered after it was saved: its contents do not match its hash. Make a new plan.")
        if now is not None:
            plan.check_made(now)
        return plan

    def check_account(self, keys: Collection[str], here: str) -> None:
        """Raise OtherConnection unless one of `keys` (fingerprints) made it: those of the account at base URL `here`."""
        if self.fingerprint not in keys:
            raise OtherConnection.of("This plan", fingerprint=self.fingerprint, base_url=self.base_url, here=here)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(planned.record.id for planned in self.customers)

    @cached_property
    def judged(self) -> dict[str, Any] | None:
        """What the log keeps of the judgements: see `judged_in`."""
        customers = ((one.record.id, one.judgement) for one in self.customers)
        return judged_in((id_, judgement.model_dump(mode="json")) for id_, judgement in customers if judgement)

    @property
    def left_out(self) -> int:
        """How many customers its review set aside."""
        return sum(one.number for one in self.set_aside)

    @property
    def users_affected(self) -> int:
        return sum(planned.record.user_count for planned in self.customers)


def _times(planned: PlannedCustomer, created_at: datetime) -> Iterator[tuple[str, datetime | None, str, datetime]]:
    """What happened when, and before what it must have been."""
    yield "its record was read", planned.read_at, "the plan was made", created_at
    if seen := planned.judgement and planned.judgement.activity:
        yield "its studies were read", seen.read_at, "the plan was made", created_at
        yield "its newest study came in", seen.newest, "its studies were read", seen.read_at


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(named := dict(pairs)) != len(pairs):
        raise ValueError("a name is there twice")
    return named


def _unreadable(*unknown: str) -> str:
    what = "This file is not a plan of Express Ops, or of a version that it does not know."
    return f"{what} No plan has this: {', '.join(one_line(name, 60) for name in unknown[:3])}." if unknown else what


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> str:  # noqa: ANN401  # whatever JSON can hold
    """JSON with sorted keys and no whitespace, in the manner of RFC 8785: equal values give equal text."""
    return _CANONICAL.encode(value)


def judged_in(judgements: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, Any] | None:
    """How many of a plan's customers a rule set judged, the hashes of the rule sets, and one hash over all that they said;
    None where nobody was judged. `judgements` are plain JSON, each with its customer's id, in the plan's order.
    """
    told, rule_sets, number = hashlib.sha256(), set(), 0
    for customer_id, judgement in judgements:
        told.update(canonical_json([customer_id, judgement]).encode())
        rule_sets.add(judgement["hash"])
        number += 1
    return {"customers": number, "rule_sets": sorted(rule_sets), "hash": told.hexdigest()} if number else None


def make_plan(
    customers: Sequence[PlannedCustomer],
    *,
    action: Action,
    reason: str,
    operator: str,
    fingerprint: str,
    connection_label: str,
    now: datetime,
    base_url: str = "",
    ticket: str = "",
    filter_text: str = "",
    undo_of: str | None = None,
    goes_on: bool = False,
    left_alone: Sequence[Untouched] = (),
    set_aside: Sequence[Untouched] = (),
) -> Plan:
    """The plan to do `action` to `customers`, in their order.

    Raises EmptyPlan, ReasonMissing (blank), or PlanError when a customer is there twice.
    """
    if not customers:
        raise EmptyPlan
    return Plan(
        action=action,
        customers=tuple(customers),
        reason=reason.strip(),
        ticket=ticket.strip(),
        filter_text=filter_text,
        operator=operator,
        fingerprint=fingerprint,
        connection_label=connection_label,
        base_url=base_url,
        created_at=now.astimezone(UTC),
        undo_of=undo_of,
        goes_on=goes_on,
        left_alone=tuple(left_alone),
        set_aside=tuple(set_aside),
    )
