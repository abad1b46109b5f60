"""One sandbox: state, key, limit and faults brought together. Given a call it says what leaves the server; no HTTP here."""

from __future__ import annotations

import hmac
import math
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from lib.sandbox import api, faults
from lib.sandbox.data import stamp
from lib.sandbox.limiter import rate_limit as limit_of
from lib.sandbox.store import CallRecord, Store
from lib.sandbox.wire import Answer, Call, RefusedError, encode, read_cursor

#: How a call ends on the wire: the whole answer, none while the client waits, a reset, or half of the answer.
Ending = Literal["whole", "hang", "reset", "half"]

_NOT_APPLIED = ("timeout-before", "http-500", "http-503", "html-error", "studies-403", "unauthorized-midway")
_WIRE: dict[str, Ending] = {"timeout-after": "hang", "reset-after": "reset", "truncated": "half", "studies-cut": "half"}


@dataclass(frozen=True)
class Outcome:
    answer: Answer
    request_id: str
    ending: Ending = "whole"


class Sandbox:
    """Answers calls. The caller sleeps `delay` seconds, and SLOW_SECONDS where one of SLOW struck, before `carry_out`.

    `rate_limit` is a text of lib/sandbox/limiter.py; `load_ms` is how much longer an answer takes for each other request that
    is under way. Raises LimitError.
    """

    def __init__(
        self,
        store: Store,
        api_keys: Iterable[str],
        *,
        latency_ms: float = 0,
        load_ms: float = 0,
        rate_limit: str | float | None = None,
    ) -> None:
        self.store = store
        self.faults = faults.Faults(store.seed)
        self.under_way = 0
        self.latency, self._load = latency_ms / 1000, load_ms / 1000  # seconds
        self._bearers = [f"Bearer {key}".encode() for key in api_keys]
        self._limit = limit_of(str(rate_limit), store.seed) if rate_limit else None

    def set_faults(self, texts: Sequence[str]) -> None:
        """Switches on exactly these faults; what the ones before remembered is forgotten. Raises FaultError."""
        self.faults = faults.Faults(self.store.seed, tuple(faults.parse(text) for text in texts))

    @property
    def delay(self) -> float:
        """Seconds that an answer takes now."""
        return self.latency + self._load * max(self.under_way - 1, 0)

    def authorized(self, authorization: str) -> bool:
        given = authorization.encode("latin-1", "replace")
        return any(hmac.compare_digest(given, bearer) for bearer in self._bearers)

    def refuse(self, call: Call, authorization: str, now: float) -> Outcome | None:
        """What a call without a valid key (401) or over the limit (429) gets, else None; `now` is in seconds."""
        if self.faults.revoked or not self.authorized(authorization):
            return self._settle(call, faults.unauthorized(), fault="unauthorized-midway" if self.faults.revoked else "")
        wait = self._limit.take(now) if self._limit else 0
        if wait:
            slow_down = RefusedError(429, "rate_limited", "Too many requests.", {"Retry-After": str(math.ceil(wait))})
            return self._settle(call, slow_down.answer)
        return None

    def carry_out(self, call: Call, struck: tuple[str, ...]) -> Outcome:
        """Does what the call asks, as far as the faults that struck it let it, records it, and says what leaves the server."""
        fault = ",".join(struck)
        if "drift" in struck:
            self._drift(call)
        ending = next((name for name in struck if name in faults.ENDINGS), "")
        if ending in _NOT_APPLIED:
            return self._settle(
                call, faults.error(ending), fault=fault, ending="hang" if ending == "timeout-before" else "whole"
            )
        try:
            if ending == "still-active":
                return self._settle(call, self._unchanged(call), fault=fault)
            if ending == "duplicate-row":
                call = self._one_row_earlier(call)
            answer = api.run(self.store, call)
        except RefusedError as refusal:
            return self._settle(call, refusal.answer, fault="drift" if "drift" in struck else "")
        answer = self._spoil(call, answer, ending)
        applied = call.operation in faults.WRITES
        return self._settle(call, answer, fault=fault, applied=applied, ending=_WIRE.get(ending, "whole"))

    def _settle(
        self, call: Call, answer: Answer, *, fault: str = "", applied: bool = False, ending: Ending = "whole"
    ) -> Outcome:
        request_id = f"req_{uuid.uuid4().hex}"
        sent: dict[Ending, int | str] = {"whole": answer.status, "hang": "no answer", "reset": "cut", "half": "cut"}
        self.store.record_call(
            CallRecord(
                at=stamp(datetime.now(UTC)),
                request_id=request_id,
                method=call.method,
                path=call.path,
                operation=call.operation,
                customer_id=call.customer_id,
                status=sent[ending],
                applied=applied,
                fault=fault,
            )
        )
        return Outcome(answer, request_id, ending)

    def _spoil(self, call: Call, answer: Answer, ending: str) -> Answer:
        match ending:
            case "wrong-id":
                return Answer(200, self._another(call))
            case "bad-json":
                return faults.not_json(answer)
            case "bad-record":
                return faults.spoil_record(answer, faults.number(self.store.seed, ending, call.query.get("cursor")))
            case "repeat-cursor":
                return faults.repeat_cursor(answer, call.query["cursor"])
            case _:
                return answer

    def _unchanged(self, call: Call) -> Answer:
        """The record with the status that the call did not bring about, as the example of the API's documentation has it."""
        record = self.store.read(api.find(self.store, call))
        return Answer(200, encode({**record, "isActive": call.operation == "deactivate"}))

    def _another(self, call: Call) -> bytes:
        """Another customer's record, with the status that was asked for."""
        record = self.store.read((api.find(self.store, call) + 1) % len(self.store))
        if record["expressCustomerId"] == call.customer_id:  # there is only one
            record["expressCustomerId"] = f"cus_{0:032x}"
        if call.operation in faults.CHANGES:
            record["isActive"] = call.operation == "reactivate"
        return encode(record)

    def _one_row_earlier(self, call: Call) -> Call:
        """The same page moved back by a row, whose record was updated since. Pages of one row would never end: they stay."""
        (start,) = read_cursor(call.query, api.CURSOR, 1)
        if start == 0 or call.query.get("limit") == "1":
            return call
        self.store.touch(start - 1)
        return replace(call, query={**call.query, "cursor": api.customers_cursor(start - 1)})

    def _drift(self, call: Call) -> None:
        position = self.store.position(call.customer_id)
        if position is None:
            return
        record, seed = self.store.read(position), self.store.seed
        match faults.number(seed, "drift", call.customer_id) % 3:
            case 0:
                newcomer = f"usr_{faults.number(seed, 'newcomer', call.customer_id):032x}"
                self.store.set_users(position, [*self.store.users(position), newcomer])
            case 1:
                self.store.change(position, expressCustomerName=f"{record['expressCustomerName']} (renamed)")
            case _:
                kept = list((record.get("metadata") or {}).items())[:49]
                self.store.change(position, metadata={**dict(kept), "drifted": "yes"})
