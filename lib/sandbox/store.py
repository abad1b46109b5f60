"""The sandbox's state: customers in the order of the list, who belongs to them, and its own record of the calls it answered.

Records are kept as the bytes of their JSON, so that a page of the list is a join. Nothing is ever removed, so a
customer's position never changes and a listing stays stable while records change.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from lib.sandbox import data
from lib.sandbox.data import Record
from lib.sandbox.invented.cases import Activity
from lib.sandbox.state import StateFile
from lib.sandbox.wire import encode

CALLS_KEPT = 200_000
SANDBOX_API_KEY_ID = "5a4db0c0-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class CallRecord:
    """One call as the sandbox saw it. `status` is what was sent, or "cut" or "no answer"; `applied` says whether it changed
    anything or, for a change that was already so, would have."""

    at: str
    request_id: str
    method: str
    path: str
    operation: str
    customer_id: str
    status: int | str
    applied: bool
    fault: str


class Added(NamedTuple):
    """A study that came in while the sandbox ran."""

    at: datetime
    is_cancelled: bool


class Given(NamedTuple):
    """A customer that is not made from the seed: its record, as the API shows it, and its studies."""

    record: Record
    studies: tuple[Added, ...] = ()


class Store:
    """All state of one sandbox. Used by one event loop; `calls` and `read` may be called from any thread.

    With a file, a change and the call that made it are written together, before the answer leaves. What could not be
    written (a full disk) stays in memory and goes along with the next call. Raises StateError for a file of other data.
    `given` customers come after the `count` that are made, and are not kept in the file.
    """

    def __init__(
        self,
        count: int,
        seed: int,
        anchor: date = data.ANCHOR,
        state: Path | None = None,
        *,
        now: Callable[[], datetime] | None = None,
        given: Iterable[Given] = (),
    ) -> None:
        self._now = now or (lambda: datetime.now(UTC))
        self._file = StateFile(state, count, seed, anchor) if state else None
        self.seed, self.count, self.anchor = seed, count, self._file.anchor if self._file else anchor
        self._records: list[bytes] = []
        self._positions: dict[str, int] = {}
        self._users: dict[int, list[str]] = {}
        self._added: dict[int, tuple[Added, ...]] = {}
        self._calls: deque[CallRecord] = deque(maxlen=CALLS_KEPT)
        self._unwritten: tuple[set[int], list[CallRecord]] = (set(), [])
        self._lock = threading.Lock()
        for made in data.customers(count, seed, self.anchor):
            self._append(made.record["expressCustomerId"], encode(made.record))
        for position, one in enumerate(given, count):
            self._append(one.record["expressCustomerId"], encode(one.record))
            self._users[position] = data.user_ids(seed, position + 1, one.record["userCount"])
            self._added[position] = one.studies
        if self._file:
            self._load(self._file)

    def __len__(self) -> int:
        return len(self._records)

    def page(self, start: int, size: int) -> list[bytes]:
        """The JSON of at most `size` customers from position `start`."""
        return self._records[start : start + size]

    def position(self, customer_id: str) -> int | None:
        return self._positions.get(customer_id)

    def read(self, position: int) -> Record:
        record: Record = json.loads(self._records[position])
        return record

    def encoded(self, position: int) -> bytes:
        return self._records[position]

    def activity(self, position: int) -> Activity | None:
        """The outline of a customer's studies; None where it has none (never used, or created here)."""
        return data.customer(self.seed, position, self.anchor).activity if position < self.count else None

    def added(self, position: int) -> tuple[Added, ...]:
        """The studies that a customer got since the start; they are not kept over a restart."""
        return self._added.get(position, ())

    def add_study(self, position: int, at: datetime | None = None, *, is_cancelled: bool = False) -> Added:
        """One more study of a customer, in both lists; made now unless `at` says otherwise."""
        added = Added(at or self._now(), is_cancelled)
        self._added[position] = (*self.added(position), added)
        return added

    def users(self, position: int) -> list[str]:
        """The ids of the users in a customer."""
        if position not in self._users:
            made_with = data.customer(self.seed, position, self.anchor).record["userCount"] if position < self.count else 0
            return data.user_ids(self.seed, position, made_with)
        return self._users[position]

    def create(self, name: str, metadata: dict[str, str] | None) -> int:
        """Adds a customer at the end of the list and returns its position."""
        position = len(self._records)
        digest = hashlib.blake2b(f"{self.seed}/created/{position}".encode(), digest_size=16).hexdigest()
        at = data.stamp(self._now())
        record: Record = {
            "createdAt": at,
            "expressCustomerId": f"cus_{digest}",
            "expressCustomerName": name,
            "isActive": True,
            "updatedAt": at,
            "userCount": 0,
            "createdByApiKeyId": SANDBOX_API_KEY_ID,
            "createdByUserId": None,
        }
        if metadata is not None:
            record["metadata"] = metadata
        self._append(record["expressCustomerId"], encode(record))
        self._unwritten[0].add(position)
        return position

    def change(self, position: int, **fields: object) -> bool:
        """Sets fields of a record (None for `metadata` leaves it out). False, and nothing moves, where it was already so."""
        old = self.read(position)
        new = {key: value for key, value in {**old, **fields}.items() if key != "metadata" or value is not None}
        if new == old:
            return False
        self._write(position, new)
        return True

    def touch(self, position: int) -> None:
        """Moves `updatedAt` and nothing else."""
        self._write(position, self.read(position))

    def set_users(self, position: int, users: list[str]) -> None:
        """Who belongs to a customer from now on; `userCount` follows."""
        self._users[position] = users
        self._write(position, {**self.read(position), "userCount": len(users)})

    def record_call(self, call: CallRecord) -> None:
        """Adds the call to the record, and writes it with the changes since the last one."""
        with self._lock:
            self._calls.append(call)
        if self._file:
            positions, calls = self._unwritten
            calls.append(call)
            changed = ((at, self._records[at], self._users.get(at)) for at in positions)
            self._file.write(changed, map(asdict, calls))
            positions.clear()
            calls.clear()

    def calls(self) -> list[CallRecord]:
        """The calls answered so far, oldest first; the last 200,000 are kept."""
        with self._lock:
            return list(self._calls)

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _append(self, customer_id: str, encoded: bytes) -> None:
        self._positions[customer_id] = len(self._records)
        self._records.append(encoded)

    def _write(self, position: int, record: Record) -> None:
        now = self._now()
        before = record["updatedAt"]
        if before is not None:  # strictly later, whatever the clock says
            now = max(now, datetime.fromisoformat(before) + timedelta(milliseconds=1))  # the precision of `stamp`
        self._records[position] = encode({**record, "updatedAt": data.stamp(now)})
        self._unwritten[0].add(position)

    def _load(self, file: StateFile) -> None:
        for position, encoded, users in file.records():
            if position < len(self._records):
                self._records[position] = encoded
            else:
                self._append(json.loads(encoded)["expressCustomerId"], encoded)
            if users is not None:
                self._users[position] = users
        self._calls.extend(CallRecord(**call) for call in file.calls(CALLS_KEPT))
