"""What became of the requests to a connection so far, as counts by their kind. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lib.avara.reply import Reply, is_throttle
from lib.avara.requests import Request
from lib.errors import ApiError, NoAnswer, Unreachable

#: The kinds of request that an API may treat differently, as people are told of them.
CALLS, READINGS, STUDIES = "call", "reading", "study reading"


@dataclass(frozen=True)
class Met:
    """Of so many requests that were sent: how many were refused (429), failed (5xx), or stayed without an answer, because the
    connection was cut or none came in time; and how many repeated one of them.
    """

    requests: int = 0
    refused: int = 0
    failed: int = 0
    unanswered: int = 0
    repeated: int = 0

    def after(self, outcome: Reply | ApiError, *, repeats: bool) -> Met:
        """With this request; one that can't have been sent does not count."""
        if isinstance(outcome, Unreachable):
            return self
        silent = outcome.status == 408 if isinstance(outcome, Reply) else isinstance(outcome, NoAnswer)
        refused = isinstance(outcome, Reply) and is_throttle(outcome)
        failed = isinstance(outcome, Reply) and outcome.status >= 500
        return replace(
            self,
            requests=self.requests + 1,
            refused=self.refused + refused,
            failed=self.failed + failed,
            unanswered=self.unanswered + silent,
            repeated=self.repeated + repeats,
        )


def kind_of(request: Request) -> str:
    return CALLS if request.changes else STUDIES if request.about_patients else READINGS
