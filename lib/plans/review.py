"""What a person should know about a set of picks before confirming: warnings, users affected, and whom it leaves out. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from lib.avara.models import Customer, id_key
from lib.avara.text import one_line
from lib.avara.times import known
from lib.evidence.activity import Activity
from lib.plans.evidence import Way
from lib.plans.model import Action
from lib.plans.plan import PlannedCustomer
from lib.plans.policy import Caps, Guarded, ProtectedCustomers, sizes_of_runs

#: A study within so long before now is looked at again, whatever a rule set asked.
_STUDY_RECENT = timedelta(days=90)
#: Characters of what a rule set said, in a warning.
_LONGEST = 200


class WarningKind(StrEnum):
    """What about a customer deserves a second look."""

    ASK_FIRST = "ask_first"
    HAS_USERS = "has_users"
    CHANGED_RECENTLY = "changed_recently"
    NEVER_DATED = "never_dated"
    RULES_SAY_NO = "rules_say_no"
    RULES_CANT_TELL = "rules_cant_tell"
    RULES_UNSAID = "rules_unsaid"
    STUDY_RECENTLY = "study_recently"
    TWIN_GOES_TOO = "twin_goes_too"

    @property
    def those(self) -> str:
        """The customers that carry it, behind their number: "with users"."""
        return {
            "ask_first": "for whom a second person is asked",
            "has_users": "with users",
            "changed_recently": "changed recently",
            "never_dated": "with an unknown last update",
            "rules_say_no": "for whom the rules say no",
            "rules_cant_tell": "of whom nobody can tell what the rules ask",
            "rules_unsaid": "of whom what their rule set said is missing",
            "study_recently": "with a recent study",
            "twin_goes_too": "whose likely duplicate goes too",
        }[self]


@dataclass(frozen=True)
class ReviewWarning:
    """One thing to look at before confirming, in words."""

    kind: WarningKind
    words: str


@dataclass(frozen=True)
class ReviewItem:
    """One customer under review, as it would be planned, with what deserves a look."""

    planned: PlannedCustomer
    warnings: tuple[ReviewWarning, ...] = ()
    #: Whether anybody knows when studies came in, where that speaks against the action.
    studies_known: bool = True

    @property
    def customer(self) -> Customer:
        return self.planned.record


@dataclass(frozen=True)
class Review:
    """The customers to act on, in the order given, those set aside because they already are as asked, and those whom the
    settings protect, each with why.
    """

    action: Action
    in_order: tuple[ReviewItem, ...]
    set_aside: tuple[Customer, ...] = ()
    protected: tuple[tuple[Customer, str], ...] = ()

    @property
    def items(self) -> tuple[ReviewItem, ...]:
        """The customers to act on, those with most warnings first."""
        return tuple(sorted(self.in_order, key=lambda item: (-len(item.warnings), -item.customer.user_count)))

    @property
    def safest_first(self) -> tuple[PlannedCustomer, ...]:
        """The customers in the order to carry them out: those without warnings and with few users first, as the canary."""
        order = sorted(self.items, key=lambda item: (len(item.warnings), item.customer.user_count))
        return tuple(item.planned for item in order)

    @property
    def users_affected(self) -> int:
        return sum(item.customer.user_count for item in self.in_order)

    @property
    def warning_count(self) -> int:
        """How many customers have at least one warning."""
        return sum(bool(item.warnings) for item in self.in_order)

    @property
    def studies_unknown(self) -> int:
        """Of how many nobody knows whether studies came in lately, so that no warning says so."""
        return sum(not item.studies_known for item in self.in_order)

    def counted(self, kind: WarningKind) -> int:
        """How many customers carry a warning of this kind."""
        return sum(any(warning.kind is kind for warning in item.warnings) for item in self.in_order)

    def split(self, caps: Caps, active_total: int | None) -> tuple[Review, ...]:
        """Reviews of parts that follow one another, each within the caps of one run; see `sizes_of_runs`."""
        parts, rest = [], self.in_order
        for size in sizes_of_runs(caps, self.action, [item.customer.user_count for item in rest], active_total):
            parts.append(replace(self, in_order=rest[:size]))
            rest = rest[size:]
        return tuple(parts)


def review(
    customers: Iterable[PlannedCustomer],
    action: Action,
    now: datetime,
    *,
    recent_days: int = 30,
    protected: ProtectedCustomers | None = None,
    ask: Guarded | None = None,
    studies: Mapping[str, Activity] | None = None,
    by_us: Callable[[Customer], str] = lambda _: "",
) -> Review:
    """The review of doing `action` to `customers`, without those whom `protected` says.

    `now` is aware; "recently" means within `recent_days` before it. `ask`: for whom a second person is asked. `studies`: what
    is known of them now, by `id_key`; `by_us`: says of a record whose last update a run of ours made by which, and when the one
    before that was; else nothing.
    """
    items, set_aside, guarded = [], [], []
    for planned in customers:
        record = planned.record
        if protected is not None and (why := protected.why(record)):
            guarded.append((record, why.text))
        elif record.is_active == action.wants_active:
            set_aside.append(record)
        else:
            activity = (studies or {}).get(id_key(record.id))
            evidence = tuple(_of_evidence(planned, activity, now)) if action is Action.DEACTIVATE else ()
            first = [ReviewWarning(WarningKind.ASK_FIRST, f"Ask first: {why.text}")] if ask and (why := ask.why(record)) else []
            warnings = _warnings(record, action, now, timedelta(days=recent_days), by_us)
            judged = planned.judgement.activity if planned.judgement else None
            is_known = action is not Action.DEACTIVATE or activity is not None or judged is not None
            items.append(ReviewItem(planned, (*first, *warnings, *evidence), is_known))
    if action is Action.DEACTIVATE:
        items = _with_twins(items, set_aside)
    return Review(action, tuple(items), tuple(set_aside), tuple(guarded))


def _warnings(
    record: Customer, action: Action, now: datetime, recent: timedelta, by_us: Callable[[Customer], str]
) -> tuple[ReviewWarning, ...]:
    found = []
    if record.user_count and action is Action.DEACTIVATE:
        users = "1 user" if record.user_count == 1 else f"{record.user_count:,} users"
        found.append(ReviewWarning(WarningKind.HAS_USERS, f"Has {users}"))
    updated_at = known(record.updated_at, now)
    if updated_at is None:
        found.append(ReviewWarning(WarningKind.NEVER_DATED, "When it last changed is unknown"))
    elif now - updated_at <= recent and action is Action.DEACTIVATE:
        days = max((now - updated_at).days, 0)
        when = "today" if days == 0 else "1 day ago" if days == 1 else f"{days} days ago"
        found.append(ReviewWarning(WarningKind.CHANGED_RECENTLY, f"Changed {when} {by_us(record)}".rstrip()))
    return tuple(found)


def _of_evidence(planned: PlannedCustomer, activity: Activity | None, now: datetime) -> Iterator[ReviewWarning]:
    """What speaks against deactivating it: what a rule set said when it was picked, and a study, as known then or now."""
    judged = planned.judgement
    if judged is None and any(line.startswith(Way.RULES) for line in planned.evidence):
        words = "Picked by a rule set, but not with what it said: its studies are not asked for again before the call"
        yield ReviewWarning(WarningKind.RULES_UNSAID, words)
    if judged is not None and judged.answer == "no":
        yield ReviewWarning(WarningKind.RULES_SAY_NO, f"The rules say no: {one_line(judged.words, _LONGEST)}")
    elif judged is not None and judged.answer == "unknown":
        yield ReviewWarning(WarningKind.RULES_CANT_TELL, f"Nobody can tell: {one_line(judged.words, _LONGEST)}")
    seen = (activity, judged.activity if judged else None)
    newest = max((one.newest for one in seen if one is not None and one.newest is not None), default=None)
    if newest is not None and newest > now - _STUDY_RECENT:
        yield ReviewWarning(WarningKind.STUDY_RECENTLY, f"A study came in on {newest.astimezone(UTC):%Y-%m-%d}")


def _with_twins(items: Iterable[ReviewItem], inactive: Iterable[Customer]) -> list[ReviewItem]:
    """With a warning where a likely duplicate, as a rule set told it of either, is acted on too or is inactive already.

    Whether one of them is to stay is for a person to say: nobody is left out for it.
    """
    items = list(items)
    twins: dict[str, dict[str, None]] = defaultdict(dict)
    for item in items:
        here = id_key(item.customer.id)
        for there in map(id_key, item.planned.judgement.twins if item.planned.judgement else ()):
            twins[here][there] = twins[there][here] = None
    gone = {id_key(one.id): f"{one.name} is inactive already" for one in inactive}
    gone |= {id_key(item.customer.id): f"{item.customer.name} is picked too" for item in items}
    warned = ((item, tuple(_of_twins(twins.get(id_key(item.customer.id), {}), gone))) for item in items)
    return [replace(item, warnings=(*item.warnings, *more)) if more else item for item, more in warned]


def _of_twins(twins: Collection[str], gone: Mapping[str, str]) -> Iterator[ReviewWarning]:
    if told := [one_line(gone[key], _LONGEST) for key in twins if key in gone]:
        end = "no copy stays" if len(told) == len(twins) else "see that one stays"
        more = f" and {len(told) - 1} more" if len(told) > 1 else ""
        yield ReviewWarning(WarningKind.TWIN_GOES_TOO, f"Its likely duplicate {told[0]}{more}: {end}")
