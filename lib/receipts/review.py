"""What is about to be done, as files to be shown to somebody who decides: before the run, as the receipt is after it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from lib.customers.workbook import xlsx_bytes
from lib.plans.review import ReviewItem
from lib.plans.subject import Subject
from lib.plans.undo import LeftAlone
from lib.receipts.page import PAGES
from lib.spreadsheet import Cell

_HEADER = ("customer id", "name", "planned", "look at", "evidence", "users", "updated (UTC)", "created (UTC)", "read (UTC)")


@dataclass(frozen=True)
class Proposal:
    """A review with what else its reader must know: `facts` by their names, of which empty ones do not apply."""

    subject: Subject
    facts: Mapping[str, str]
    metadata_keys: tuple[str, ...] = ()

    @property
    def left_out(self) -> tuple[LeftAlone, ...]:
        return tuple(one for those in self.subject.left_out.values() for one in those)


def to_html(proposal: Proposal, made_at: datetime) -> bytes:
    """A UTF-8 page to print: what, why, and each customer with why it was picked."""
    reviewed = proposal.subject.reviewed
    counts = {
        "Customers": len(reviewed.in_order),
        "Users affected": reviewed.users_affected,
        "To look at first": reviewed.warning_count,
        "Set aside": len(proposal.left_out),
    }
    page = PAGES.get_template("review.html").generate(proposal=proposal, counts=counts, made_at=made_at)
    return "".join(page).encode("utf-8", errors="replace")


def to_xlsx(proposal: Proposal, made_at: datetime) -> bytes:
    """An Excel workbook: one row a customer, also those left out, with why; each row has the facts, so that it stands alone."""
    header = [
        *_HEADER,
        *(f"metadata.{key}" for key in proposal.metadata_keys),
        *(name.lower() for name in proposal.facts),
        "made",
    ]
    facts: list[Cell] = [*proposal.facts.values(), made_at]
    return xlsx_bytes(header, ([*row, *facts] for row in _rows(proposal)), sheet="Review")


def _rows(proposal: Proposal) -> Iterator[list[Cell]]:
    keys = proposal.metadata_keys
    for item in proposal.subject.reviewed.items:
        yield [*_cells(item), *(item.customer.metadata.get(key) for key in keys)]
    for one in proposal.left_out:
        yield [one.customer_id, one.name, f"no: {one.why}", *("" for _ in (*_HEADER[3:], *keys))]


def _cells(item: ReviewItem) -> list[Cell]:
    record = item.customer
    looks, evidence = ("; ".join(warning.words for warning in item.warnings), "; ".join(item.planned.evidence))
    dated: list[Cell] = [record.updated_at, record.created_at, item.planned.read_at]
    return [record.id, record.name, "yes", looks, evidence, record.user_count, *dated]
