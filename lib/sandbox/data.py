"""The sandbox's customers: made from a seed, one by one, the same bytes every time and on every day.

A customer is a pure function of (seed, position, anchor). The default anchor is a date written here, so that one seed
is one set of data; pass another anchor where the data should look alive on another day.
"""

from __future__ import annotations

import hashlib
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar

from lib.sandbox.invented import cases, names
from lib.sandbox.invented.cases import Activity

Record = dict[str, Any]
T = TypeVar("T")

ANCHOR = date(2026, 11, 1)
EXAMPLE_ID = "cus_1234567890abcdef1234567890abcdef"

#: The example of the API's documentation, word for word.
EXAMPLE: Record = {
    "createdAt": "2024-01-15T09:00:00Z",
    "expressCustomerId": EXAMPLE_ID,
    "expressCustomerName": "City Medical Center - Radiology Department",
    "isActive": True,
    "updatedAt": "2024-03-15T14:20:00Z",
    "userCount": 15,
    "createdByApiKeyId": "550e8400-e29b-41d4-a716-446655440000",
    "createdByUserId": "usr_1234567890abcdef1234567890abcdef",
    "metadata": {"department": "radiology", "region": "northeast"},
}


@dataclass(frozen=True)
class Profile:
    """How a kind of customer lives. Day counts are days before the anchor, drawn evenly from the range."""

    weight: float
    updated: tuple[int, int]
    last_study: tuple[int, int] | None
    users: tuple[int, int]
    no_users: float
    studies: tuple[int, int]
    active: bool = True


#: The weights make about 10 % inactive, and 3 to 4 % active without users and not updated for a year.
PROFILES = {
    "busy": Profile(0.395, (0, 40), (0, 4), (5, 140), 0.0, (30, 90)),
    "steady": Profile(0.29, (10, 200), (3, 50), (2, 45), 0.01, (12, 40)),
    "quiet": Profile(0.14, (120, 350), (70, 260), (1, 8), 0.25, (3, 14)),
    "dormant": Profile(0.045, (380, 2200), (400, 2300), (1, 4), 0.55, (1, 6)),
    "never used": Profile(0.03, (5, 900), None, (1, 2), 0.93, (0, 0)),
    "closed": Profile(0.10, (20, 1500), (30, 1700), (1, 12), 0.7, (1, 20), active=False),
}


@dataclass(frozen=True)
class Made:
    """A customer as made: its record as the API shows it, and its studies in outline (None where there were none)."""

    record: Record
    activity: Activity | None


class _Choice:
    """A weighted choice that is quick to draw from."""

    def __init__(self, pairs: tuple[tuple[Any, float], ...]) -> None:
        self._values = [value for value, _ in pairs]
        *self._bounds, self._total = accumulate(weight for _, weight in pairs)

    def draw(self, rng: random.Random) -> Any:  # noqa: ANN401 - whatever the pairs hold
        return self._values[bisect_right(self._bounds, rng.random() * self._total)]


_profile = _Choice(tuple((name, profile.weight) for name, profile in PROFILES.items()))
_region = _Choice(tuple((region, region.weight) for region in names.REGIONS))
_department = _Choice(names.DEPARTMENTS)
_contract = _Choice(names.CONTRACTS)
_tier, _pacs = _Choice(names.TIERS), _Choice(names.PACS_VENDORS)
_emr, _billing = _Choice(names.EMRS), _Choice(names.BILLING)
_API_KEY_IDS = tuple(f"5a4db0c{n}-0000-4000-8000-000000000000" for n in range(1, 7))
_TAIL_KEYS = tuple(f"{system}_{fact}" for system in names.TAIL_SYSTEMS for fact in names.TAIL_FACTS)


def customers(count: int, seed: int, anchor: date = ANCHOR) -> Iterator[Made]:
    """The first `count` customers of `seed`, in the order of the list. A smaller count is a prefix of a larger one."""
    return (customer(seed, position, anchor) for position in range(count))


def customer(seed: int, position: int, anchor: date = ANCHOR) -> Made:
    """The customer at `position` (from 0; the documentation's example comes first)."""
    if position == 0:
        at = datetime(2024, 3, 15, 13, 5, tzinfo=UTC)
        return Made({**EXAMPLE, "metadata": dict(EXAMPLE["metadata"])}, Activity(datetime(2024, 1, 16, 8, tzinfo=UTC), at, 40))
    rng = random.Random(seed * 1_000_003 + position)
    kind = _profile.draw(rng)
    profile = PROFILES[kind]
    now = datetime(anchor.year, anchor.month, anchor.day, tzinfo=UTC)
    created, updated, last = _dates(rng, kind, profile, now)
    region, department = _region.draw(rng), _department.draw(rng)
    record: Record = {
        "createdAt": stamp(created),
        "expressCustomerId": f"cus_{rng.getrandbits(128):032x}",
        "expressCustomerName": cases.name_at(
            position,
            _name(rng, position, region, department),
            lambda earlier: customer(seed, earlier, anchor).record["expressCustomerName"],
        ),
        "isActive": profile.active,
        "updatedAt": stamp(updated),
        "userCount": _user_count(rng, profile),
    }
    _add_author(rng, seed, record)
    _add_metadata(rng, position, record, _Site(kind, region, department, created))
    _forget_dates(rng, record)
    outline = None
    if profile.last_study is not None:
        first = min(created + timedelta(days=rng.random() * 30), last)
        outline = Activity(first, last, _between(rng, *profile.studies))
    return Made(record, cases.studies_of(rng, position, kind, outline, now))


def user_ids(seed: int, position: int, count: int) -> list[str]:
    """The ids of the users that the customer at `position` was made with."""
    if position == 0:
        return [EXAMPLE["createdByUserId"], *(_user_id(f"{seed}/0/{n}") for n in range(1, count))]
    return [_user_id(f"{seed}/{position}/{n}") for n in range(count)]


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return at.isoformat(timespec="milliseconds")[:23] + "Z"


def _pick(rng: random.Random, values: Sequence[T]) -> T:
    return values[int(rng.random() * len(values))]  # rng.choice takes five times as long


def _between(rng: random.Random, low: int, high: int) -> int:
    return low + int((high - low + 1) * rng.random())


def _user_id(text: str) -> str:
    return f"usr_{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


@lru_cache(maxsize=256)
def _staff(seed: int, number: int) -> str:
    """A user of the platform's own dashboard."""
    return _user_id(f"{seed}/staff/{number}")


def _day(start: datetime, days: int) -> str:
    return (start + timedelta(days=days)).date().isoformat()


def _ago(rng: random.Random, now: datetime, days: tuple[int, int]) -> datetime:
    low, high = days
    return now - timedelta(milliseconds=int((low + rng.random() * (high - low)) * 86_400_000) + 1)


def _dates(rng: random.Random, kind: str, profile: Profile, now: datetime) -> tuple[datetime, datetime, datetime]:
    """When the customer was created, last updated, and sent its last study; created is never after the others."""
    updated = _ago(rng, now, profile.updated)
    if kind == "never used":
        return updated, updated, updated
    if kind in ("busy", "steady", "quiet"):
        last = _ago(rng, now, profile.last_study or profile.updated)
    else:  # the last studies of a dormant or closed customer came shortly before somebody last touched its record
        last = updated - timedelta(days=rng.random() * 90)
    created = min(updated, last) - timedelta(days=20 + 1700 * rng.random() ** 2)
    return created, updated, last


def _user_count(rng: random.Random, profile: Profile) -> int:
    if rng.random() < profile.no_users:
        return 0
    low, high = profile.users
    return low + int((high - low) * rng.random() ** 3)  # many small ones, few large ones


def _name(rng: random.Random, position: int, region: names.Region, department: str) -> str:
    if position % 97 == 13:  # about one in a hundred, each oddity in its turn
        return names.ODDITIES[position // 97 % len(names.ODDITIES)]
    name = _pick(rng, region.patterns).format(p=_pick(rng, region.places))
    draw = rng.random()
    if draw < 0.55:
        return f"{name} - {department.replace('_', ' ').title()}"
    if draw < 0.70:
        return f"{name} ({_pick(rng, ('North', 'South', 'East', 'West', 'Main'))} Campus)"
    return name


def _add_author(rng: random.Random, seed: int, record: Record) -> None:
    draw = rng.random()
    user = _staff(seed, int(rng.random() * 24))
    key = _API_KEY_IDS[int(rng.random() * 6)]
    if draw < 0.56:
        record["createdByUserId"] = user
    elif draw < 0.94:
        record["createdByApiKeyId"] = key
        record["createdByUserId"] = None
    elif draw < 0.96:
        record["createdByApiKeyId"] = key
        record["createdByUserId"] = user


class _Site(NamedTuple):
    """What the metadata of a customer is about."""

    kind: str
    region: names.Region
    department: str
    created: datetime


#: (key, share of the customers that have it, how its value is made)
_METADATA: tuple[tuple[str, float, Callable[[random.Random, _Site], str]], ...] = (
    ("region", 0.92, lambda _, site: site.region.name),
    ("department", 0.85, lambda _, site: site.department),
    ("contract", 0.70, lambda rng, site: "trial" if site.kind == "never used" else _contract.draw(rng)),
    ("site_code", 0.60, lambda rng, site: f"{site.region.country}-{int(rng.random() * 900) + 100}"),
    ("account_manager", 0.50, lambda rng, _: _pick(rng, names.ACCOUNT_MANAGERS)),
    ("go_live", 0.38, lambda rng, site: _day(site.created, 5 + int(15 * rng.random()))),
    ("timezone", 0.28, lambda _, site: site.region.timezone),
    ("tier", 0.45, lambda rng, _: _tier.draw(rng)),
    ("pacs_vendor", 0.42, lambda rng, _: _pacs.draw(rng)),
    ("emr", 0.31, lambda rng, _: _emr.draw(rng)),
    ("billing", 0.36, lambda rng, _: _billing.draw(rng)),
)


def _add_metadata(rng: random.Random, position: int, record: Record, site: _Site) -> None:
    """Most customers have a handful of pairs; 3 % none at all, 1 % an empty map, one in 1,999 all that the API allows."""
    presence = rng.random()
    if position % 1999 == 57:
        record["metadata"] = _full_metadata(position)
    elif presence >= 0.04:
        metadata = {key: make(rng, site) for key, share, make in _METADATA if rng.random() < share}
        if rng.random() < 0.18:
            for _ in range(_between(rng, 1, 3)):
                key = _TAIL_KEYS[int(len(_TAIL_KEYS) * rng.random() ** 2)]  # the first keys often, the last ones hardly ever
                metadata[key] = _tail_value(rng, key, site.created)
        record["metadata"] = metadata
    elif presence >= 0.03:
        record["metadata"] = {}


def _tail_value(rng: random.Random, key: str, created: datetime) -> str:
    fact = key.partition("_")[2]
    match fact:
        case "owner" | "contact":
            return _pick(rng, names.ACCOUNT_MANAGERS)
        case "port":
            return str(_pick(rng, (104, 2575, 2762, 6661, 11112)))
        case "host":
            return f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        case "date" | "review":
            return _day(created, int(700 * rng.random()))
        case "status" | "priority" | "exception":
            return _pick(rng, ("done", "open", "on hold", "high", "low", "none"))
        case _:
            return f"{key[:3].upper()}-{rng.randrange(10_000):04d}"


def _full_metadata(position: int) -> dict[str, str]:
    """All that the API allows: 50 pairs, keys of 100 and values of 1,000 characters, some of them not Latin."""
    fills = ("The quick radiograph. ", "画像診断", "<b>x</b> & ", "أشعة ", "=1+1;")
    pairs = {}
    for n in range(50):
        fill = fills[n % len(fills)]
        pairs[f"custom_{n:02d}_{'long_key_' * 11}"[:99].ljust(100, "k")] = f"{position}:{fill * 400}"[:1000].ljust(1000, ".")
    return pairs


def _forget_dates(rng: random.Random, record: Record) -> None:
    """A few records, most of them old imports, have lost a timestamp or both."""
    draw = rng.random()
    if draw < 0.003:
        record["createdAt"] = record["updatedAt"] = None
    elif draw < 0.008:
        record["updatedAt"] = None
