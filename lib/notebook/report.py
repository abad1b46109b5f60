"""The report of a session from a notebook, and days as people type them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from lib.avara.text import count, one_line
from lib.errors import PlanError
from lib.files import check_new, typed_path, write_new
from lib.receipts.report import check_is_page
from lib.session import Session

_NAMED = 5


def day_of(said: object) -> date:
    """The day that somebody typed: a date, or a text like 2026-11-28. Raises PlanError."""
    try:
        if isinstance(said, str):
            return date.fromisoformat(said)
        if isinstance(said, date):
            return said.astimezone(UTC).date() if isinstance(said, datetime) else said
    except ValueError:
        pass
    raise PlanError(f"A day is told like 2026-11-28, not {one_line(repr(said), 40)}.")


def written(session: Session, file: object, named: Sequence[str], since: object) -> Path:
    """The file of a report; says what it holds to be wrong."""
    path = typed_path(file)
    check_is_page(path)
    check_new(path)
    made = session.report([str(run) for run in named], None if since is None else day_of(since))
    write_new(path, made.body)
    print(f"{path}: {count(len(made.runs), 'run')}")
    for words in made.wrong[:_NAMED]:
        print(f"The report says: {one_line(words, 400)}")
    return path
