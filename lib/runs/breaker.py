"""When a run holds because the way to the API is at fault, not its customers. Pure.

A run that went on would only turn one broken network into many failed customers. So it pauses, says why, and leaves the
rest planned; once resumed it tries a single step before it opens up again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lib.plans.policy import Thresholds
from lib.plans.words import NOTHING, Words, joined, said
from lib.runs.judge import Trouble


@dataclass(frozen=True)
class Breaker:
    """What the last steps met. `why` says in words why nothing more is to be taken up; nothing while all is well."""

    thresholds: Thresholds
    probing: bool = False  # the run has just been resumed: the first step decides
    in_a_row: int = 0
    recent: tuple[bool, ...] = ()  # of the last steps, oldest first: did trouble spoil it?
    why: Words = NOTHING

    def after(self, trouble: Trouble | None) -> Breaker:
        """The breaker once one more step has ended, with this trouble or none. A reason once found stays."""
        recent = (*self.recent, trouble is not None)[-self.thresholds.window :]
        in_a_row = 0 if trouble is None else self.in_a_row + 1
        probing = self.probing and trouble is not None  # a doubtful answer leaves the probe to the next step
        now = replace(self, in_a_row=in_a_row, recent=recent, probing=probing)
        return now if trouble is None or self.why else replace(now, why=now._reason(trouble))

    def _reason(self, trouble: Trouble) -> Words:
        limits, bad, taken = self.thresholds, sum(self.recent), len(self.recent)
        if trouble.at_once:
            return trouble.words
        if self.probing and not trouble.doubtful:
            return joined(said("The first step after resuming met trouble again."), trouble.words)
        if self.in_a_row >= limits.in_a_row:
            return joined(said(f"{self.in_a_row} steps in a row met trouble."), trouble.words)
        if taken >= limits.at_least and bad >= limits.error_rate * taken:
            return joined(said(f"{bad} of the last {taken} steps met trouble."), trouble.words)
        return NOTHING
