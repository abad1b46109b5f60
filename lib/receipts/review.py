"""What is about to be done, as files to be shown to somebody who decides: before the run, as the receipt is after it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from lib.avara.times import to_second
from lib.customers.workbook import xlsx_bytes
from lib.evidence.judgement import judged_by
from lib.plans.evidence import picked_by, seen_in
from lib.plans.plan import Untouched
from lib.plans.review import ReviewItem
from lib.plans.subject import Subject
from lib.receipts.page import PAGES
from lib.receipts.rows import judged_cells
from lib.spreadsheet import Cell


@dataclass(frozen=True)
class Proposal:
    """A review with what else its reader must know: `facts` by their names, of which empty ones do not apply. `read_at`: when
    the customers were read, where that is one time for all.
    """

    subject: Subject
    facts: Mapping[str, str]
    metadata_keys: tuple[str, ...] = ()
    read_at: datetime | None = None

    @property
    def left_out(self) -> tuple[Untouched, ...]:
        return tuple(one for those in self.subject.left_out.values() for one in those)


def to_html(proposal: Proposal, made_at: datetime) -> bytes:
    """A UTF-8 page to print: what, why, and each customer with why it was picked."""
    subject, reviewed = proposal.subject, proposal.subject.reviewed
    whence = {
        "Picked by": picked_by(subject.filter_text),
        "Judged by": judged_by(item.planned.judgement for item in reviewed.in_order),
        "Takes back": subject.about,
        "Customers read": to_second(proposal.read_at),
    }
    counts = {
        "Customers": len(reviewed.in_order),
        "Users affected": reviewed.users_affected,
        "To look at first": reviewed.warning_count,
        **({"Studies not read": reviewed.studies_unknown} if reviewed.studies_unknown else {}),
        "Set aside": sum(one.number for one in proposal.left_out),
    }
    facts = {**proposal.facts, **whence}
    page = PAGES.get_template("review.html").generate(proposal=proposal, facts=facts, counts=counts, made_at=made_at)
    return "".join(page).encode("utf-8", errors="replace")


def to_xlsx(proposal: Proposal, made_at: datetime) -> bytes:
    """An Excel workbook: one row a customer, also those left out, with why. Each row has the facts, so that it stands alone,
    and each fact has one column: what all rows lack has none.
    """
    facts: dict[str, Cell] = {**{name.lower(): value for name, value in proposal.facts.items()}, "made": made_at}
    rows = [row | facts for row in _rows(proposal)]
    header = [name for name in rows[0] if any(row.get(name) not in (None, "") for row in rows)] if rows else []
    return xlsx_bytes(header, ([row.get(name) for name in header] for row in rows), sheet="Review")


def _rows(proposal: Proposal) -> Iterator[dict[str, Cell]]:
    for item in proposal.subject.reviewed.items:
        yield _cells(item) | {f"metadata.{key}": item.customer.metadata.get(key) for key in proposal.metadata_keys}
    for one in proposal.left_out:
        yield {"customer id": one.customer_id, "name": one.who, "planned": f"no: {one.why}"}


def _cells(item: ReviewItem) -> dict[str, Cell]:
    """The evidence without what other columns say of the record."""
    record, read_at = item.customer, item.planned.read_at
    said = seen_in(record, read_at)
    return {
        "customer id": record.id,
        "name": record.name,
        "planned": "yes",
        "look at": "; ".join(warning.words for warning in item.warnings),
        "evidence": "; ".join(line for line in item.planned.evidence if line not in said),
        **judged_cells(item.planned.judgement),
        "users": record.user_count,
        "updated (UTC)": record.updated_at,
        "created (UTC)": record.created_at,
        "read (UTC)": read_at,
    }
