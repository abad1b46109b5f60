"""What has come of a list that is being read: its customers, and what could not be read. Not for several threads at once."""

from __future__ import annotations

import sys

from lib.avara.models import CustomerPage, RecordProblem
from lib.customers.frame import FrameBuilder
from lib.customers.reading.snapshot import Snapshot
from lib.errors import BadAnswer, CursorRepeated, ExpressOpsError, NotAuthorized, RateLimited, Rejected


class ListTooLong(ExpressOpsError):
    """More customers came than a list may hold, so reading stopped: it may never end."""


class Came:
    """The pages so far, at most so many customers and so many problems that are kept."""

    def __init__(self, most: int = sys.maxsize, most_problems: int = sys.maxsize) -> None:
        self._most, self._most_problems = most, most_problems
        self.builder = FrameBuilder()
        self.problems: list[RecordProblem] = []
        self.problem_count = 0
        self.pages = 0
        self.cursor: str | None = None
        self._cursors: set[str] = set()

    def take(self, page: CustomerPage) -> None:
        """Add a page. Raises CursorRepeated or ListTooLong where the list may never end."""
        if page.next_cursor is not None and page.next_cursor in self._cursors:
            raise CursorRepeated
        self.builder.add(page.customers)
        self.problem_count += len(page.problems)
        self.problems += page.problems[: max(self._most_problems - len(self.problems), 0)]
        self._check(len(self.builder))
        self.pages += 1
        self.cursor = page.next_cursor
        if page.next_cursor is not None:
            self._cursors.add(page.next_cursor)

    def take_whole(self, snapshot: Snapshot) -> None:
        """Be a list that was read elsewhere, by whatever rules there are there. Raises ListTooLong, as if it were read here."""
        self.problem_count = max(snapshot.problem_count, len(snapshot.problems))
        self.problems = list(snapshot.problems[: self._most_problems])
        self._check(len(snapshot.frame))

    def check_whole(self) -> None:
        """Raise BadAnswer unless the last page has come."""
        if self.pages == 0 or self.cursor is not None:
            came = f"after {self.pages:,} of its pages" if self.pages else "before its first page came"
            raise BadAnswer(f"The list of customers ended {came}. Nothing was changed; try again in a moment.")

    def _check(self, customers: int) -> None:
        if customers + self.problem_count > self._most:
            raise ListTooLong(
                f"More than {self._most:,} customers came, so reading stopped: the list may never end. Where an account "
                "has so many, raise load.max_customers in settings.toml and start again."
            )


def is_about_cursor(error: ExpressOpsError) -> bool:
    """Whether the cursor is to blame, so that the list has to be read again from its start."""
    refused = isinstance(error, Rejected) and not isinstance(error, NotAuthorized | RateLimited)
    return refused or isinstance(error, CursorRepeated)
