"""Under which conditions a plan is rehearsed: how the stand-in for the API behaves, and how long that makes a run. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from lib.avara.met import CALLS, READINGS, STUDIES, Met
from lib.avara.text import count
from lib.errors import PlanError
from lib.sandbox import faults
from lib.sandbox.limiter import LimitError, rate_limit

#: What can go wrong with the requests of a run, by the name of the fault.
FAULTS = {
    name: fault.what
    for name, fault in faults.FAULTS.items()
    if {"get", *faults.CHANGES, *faults.STUDIES} & set(fault.usual) and name != "unauthorized-midway"
}
#: What a kind of request that went wrong so far strikes in a rehearsal, and as which fault each way of going wrong.
_STRIKES = {CALLS: ("",), READINGS: ("@get",), STUDIES: ("@viewer-studies", "@autoscribe-studies")}
_AS_FAULTS = {"failed": "http-500", "unanswered": "reset-after"}
#: Of fewer requests a share says little, and is not rehearsed with.
_ENOUGH = 20
#: Requests for each customer: its record is read, then the call is made.
_REQUESTS = 2


@dataclass(frozen=True)
class Conditions:
    """`rate_limit`, empty for none, and `faults` are written as for the sandbox: "10", "600/60"; "reset-after=0.1".

    `latency` is the seconds that an answer takes.
    """

    rate_limit: str = ""
    latency: float = 0.0
    faults: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises PlanError in words where one of them can't be."""
        try:
            if self.rate_limit:
                rate_limit(self.rate_limit, 1)
            for text in self.faults:
                faults.parse(text)
        except (LimitError, faults.FaultError) as exc:
            raise PlanError(f"This can't be rehearsed. {exc}") from None
        if not 0 <= self.latency <= faults.HANG_SECONDS:
            raise PlanError("This can't be rehearsed: an answer takes from 0 to 120 seconds.")

    @classmethod
    def seen(cls, rate: float | None, seconds: float | None, met: Mapping[str, Met]) -> Self:
        """Those of the API so far: the requests a second that it lets through, the seconds that an answer takes, and what went
        wrong, as often as it did. Requests that were refused although no limit is known are refused by chance.
        """
        requests, refused = (sum(getattr(one, name) for one in met.values()) for name in ("requests", "refused"))
        by_chance = f"{100 * refused / requests:.3f}%" if refused and requests >= _ENOUGH else ""
        struck = (
            f"{fault}{where}={getattr(one, name) / one.requests:.4f}"
            for kind, one in met.items()
            for name, fault in _AS_FAULTS.items()
            if one.requests >= _ENOUGH and getattr(one, name)
            for where in _STRIKES[kind]
        )
        return cls(by_chance if rate is None else f"{rate:.3f}", min(seconds or 0.0, faults.HANG_SECONDS), tuple(struck))

    @property
    def a_second(self) -> float | None:
        """Requests a second that the limit lets through; None where there is none, or it is by chance."""
        found = re.fullmatch(r"([\d.]+)(?:/([\d.]+))?", self.rate_limit)
        return None if found is None else float(found[1]) / float(found[2] or 1)

    def seconds(self, customers: int, at_once: int) -> float:
        """About how long a run of so many takes when all goes well, so many requests at a time at most."""
        requests = customers * _REQUESTS
        by_rate = requests / self.a_second if self.a_second else 0.0
        # One at a time more with each round, from two on: the first n answers take about the square root of 2n rounds.
        rounds = max(requests / at_once, min(math.sqrt(2 * requests), at_once))
        return max(by_rate, rounds * self.latency)

    @property
    def words(self) -> tuple[str, ...]:
        """Each of them in a line."""
        limit = f"rate limit {self.rate_limit}" if self.a_second is None else f"{self.a_second:,.3g} requests a second"
        return (
            limit if self.rate_limit else "no rate limit",
            f"an answer takes {self.latency * 1000:,.0f} ms" if self.latency else "answers come at once",
            *(f"fault {text}: {FAULTS.get(faults.parse(text).name, '')}".rstrip(": ") for text in self.faults),
        )


def told(met: Mapping[str, Met]) -> str:
    """What became of the requests so far: "of 4,310 readings 1.2 % were refused (429); of 12 calls none went wrong"."""
    return "; ".join(f"of {count(one.requests, kind)} {_wrong(one)}" for kind, one in met.items()) or "nothing was asked yet"


def _wrong(met: Met) -> str:
    ways = {"were refused (429)": met.refused, "failed (5xx)": met.failed, "stayed without an answer": met.unanswered}
    said = [f"{100 * number / met.requests:.2g} % {way}" for way, number in ways.items() if number]
    few = f", too few to go by (under {_ENOUGH})" if said and met.requests < _ENOUGH else ""
    return f"{', '.join(said)}{few}" if said else "none went wrong"
