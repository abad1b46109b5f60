"""What is known of customers besides their records, as cells of their table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from lib.avara.models import id_key
from lib.evidence.activity import WINDOWS, Activity
from lib.evidence.columns import EvidenceColumns
from lib.evidence.rules import Finding
from lib.ui.text import ago, number
from lib.ui.widgets.id_table import Column

_IN_90 = WINDOWS.index(90)
CANDIDATE = Column("Candidate", 380, "long", name="candidate", help="What the rule set says of active customers, and why.")
_STUDIES = (
    Column("Newest study", 150, "time", name="newest_study", help="As far as studies were read; empty where they were not."),
    Column("Studies in 90 days", 140, "number", "studies_in_90", help="Before they were read; cancelled ones left out."),
)
ALL = (CANDIDATE, *_STUDIES)


def columns(seen: EvidenceColumns) -> tuple[Column, ...]:
    """Those in which anything is to be seen."""
    return (*((CANDIDATE,) if seen.findings is not None else ()), *(_STUDIES if seen.on_show else ()))


def cells(seen: EvidenceColumns, shown: Sequence[Column], ids: Sequence[str]) -> list[list[str]]:
    """The texts of each of the columns shown, a customer each in this order."""
    now, keys = datetime.now(UTC), [id_key(one) for one in ids]
    findings = seen.findings or {}
    texts = {
        "candidate": [_answer(findings.get(key)) for key in keys],
        "newest_study": [_newest(seen.activity.get(key), now) for key in keys],
        "studies_in_90": [_count(seen.activity.get(key)) for key in keys],
    }
    return [texts[column.name] for column in shown]


def _answer(finding: Finding | None) -> str:
    return "" if finding is None else f"{finding.answer}: {finding.words}"


def _newest(seen: Activity | None, now: datetime) -> str:
    if seen is None:
        return ""
    if seen.newest is not None:
        return ago(seen.newest, now) if seen.whole and not seen.undated else f"at most {ago(seen.newest, now)}"
    return "never" if seen.ever is False else "unknown"


def _count(seen: Activity | None) -> str:
    if seen is None or (not seen.whole and seen.newest is None):
        return ""
    return f"{'' if seen.whole else 'at least '}{number(seen.counts[_IN_90])}"
