"""What is known of customers besides their records, as columns beside a frame's: for filters, sorts, table and files. Pure.

| column    | dtype           | where nothing is known                                       |
|-----------|-----------------|--------------------------------------------------------------|
| `newest`  | datetime64[us]  | NaT; with `certain` there never was a study                  |
| `in_90`   | int64           | -1; studies in the 90 days before they were read             |
| `certain` | bool            | false: not all studies were seen, there may be a newer one   |
| `answers` | int8            | -1: the rule set is asked only of active customers           |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from lib.avara.models import id_key
from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.evidence.activity import WINDOWS, Activity
from lib.evidence.rules import Answer, Finding
from lib.evidence.views import SeenFilter
from lib.spreadsheet import Cell

Mask = npt.NDArray[np.bool_]

_EPOCH, _NEVER, _LAST = datetime(1970, 1, 1, tzinfo=UTC), np.iinfo(np.int64).min + 2, np.iinfo(np.int64).max
_IN_90 = WINDOWS.index(90)
#: What files call the columns, as the API's fields are called.
FIELDS = ("newestStudy", "studiesIn90Days", "studiesRead")
ANSWER_FIELDS = ("candidate", "candidateWhy")


@dataclass(frozen=True, eq=False)
class EvidenceColumns:
    """Of every customer of a frame, in its order; `activity` and `findings` say the same by `id_key`, in words."""

    newest: npt.NDArray[np.datetime64]
    in_90: npt.NDArray[np.int64]
    certain: Mask
    answers: npt.NDArray[np.int8]
    activity: Mapping[str, Activity]
    #: None where no rule set is asked.
    findings: Mapping[str, Finding] | None
    #: All positions in order, by column and direction, filled on first use.
    orders: dict[tuple[str, bool], Positions] = field(default_factory=dict)

    @classmethod
    def of(
        cls, frame: CustomerFrame, activity: Mapping[str, Activity], findings: Mapping[str, Finding] | None
    ) -> EvidenceColumns:
        size, known = len(frame), dict(activity)
        newest = np.full(size, "NaT", "datetime64[us]")
        in_90, certain, answers = np.full(size, -1, np.int64), np.zeros(size, np.bool_), np.full(size, -1, np.int8)
        at = frame.index.find(known)
        newest[at[at >= 0]] = np.array([_micros(one.newest) for one in known.values()], "datetime64[us]")[at >= 0]
        in_90[at[at >= 0]] = np.array([one.counts[_IN_90] if _counted(one) else -1 for one in known.values()], np.int64)[
            at >= 0
        ]
        certain[at[at >= 0]] = np.array([one.whole and not one.undated for one in known.values()], np.bool_)[at >= 0]
        if findings:
            answers[frame.index.find(findings)] = np.array([one.answer for one in findings.values()], np.int8)
        return cls(newest, in_90, certain, answers, known, findings)

    @property
    def on_show(self) -> bool:
        """Whether there is anything to be seen in them."""
        return self.findings is not None or bool(self.activity)

    def matching(self, seen: SeenFilter, positions: Positions) -> tuple[Positions, int]:
        """Those of these customers who match, and how many are left out only because nobody can tell of their studies."""
        may_match = np.ones(len(positions), np.bool_)
        if seen.candidate:
            may_match &= np.isin(self.answers[positions], [Answer[name.upper()] for name in seen.candidate])
        newest, certain = self.newest[positions], self.certain[positions]
        asked: list[tuple[Mask, Mask]] = []
        if seen.study_from is not None:
            came = newest >= _start(seen.study_from)
            asked.append((came, ~came & ~certain))
        if seen.no_study_from is not None:
            came = newest >= _start(seen.no_study_from)
            asked.append((~came & certain, ~came & ~certain))
        if seen.studies_unknown and not asked:
            unknown = np.isnat(newest) & ~certain
            asked.append((~unknown, unknown))
        in_doubt = np.zeros(len(positions), np.bool_)
        for passes, unknown in asked:
            may_match &= passes | unknown
            in_doubt |= unknown
        if seen.studies_unknown:
            return positions[may_match & in_doubt], 0
        return positions[may_match & ~in_doubt], int(np.count_nonzero(may_match & in_doubt))

    def in_order(self, positions: Positions, by: str, *, descending: bool) -> Positions:
        """These positions, each once, by one of BY_EVIDENCE: candidates first, never a study before all times, unknown last."""
        if (by, descending) not in self.orders:
            match by:
                case "candidate":
                    keys = np.where(self.answers < 0, _LAST, int(Answer.YES) - self.answers.astype(np.int64))
                case "newest_study":
                    keys = np.where(np.isnat(self.newest), np.where(self.certain, _NEVER, _LAST), self.newest.astype(np.int64))
                case _:
                    keys = np.where(self.in_90 < 0, _LAST, self.in_90)
            keys = np.where((keys == _LAST) | (not descending), keys, -keys)
            self.orders[by, descending] = np.argsort(keys, kind="stable")
        order, among = self.orders[by, descending], np.zeros(len(self.newest), np.bool_)
        among[positions] = True
        return order[among[order]]

    def fields(self) -> tuple[str, ...]:
        """The header of `cells`."""
        return (*(FIELDS if self.on_show else ()), *(ANSWER_FIELDS if self.findings is not None else ()))

    def cells(self, ids: Sequence[str]) -> list[tuple[Cell, ...]]:
        """For each customer what files have of it: the newest study, how many, how far they were read, the answer and why."""
        return [(*self._studies(id_key(one)), *self._answer(id_key(one))) for one in ids] if self.on_show else [()] * len(ids)

    def _studies(self, key: str) -> tuple[Cell, ...]:
        seen = self.activity.get(key)
        if seen is None:
            return None, None, "not read"
        how = seen.why or ("all" if seen.whole else "until one proved activity")
        return seen.newest, seen.counts[_IN_90] if _counted(seen) else None, how

    def _answer(self, key: str) -> tuple[Cell, ...]:
        if self.findings is None:
            return ()
        finding = self.findings.get(key)
        return (None, None) if finding is None else (str(finding.answer), finding.words)


def _counted(seen: Activity) -> bool:
    return seen.whole or seen.newest is not None


def _micros(at: datetime | None) -> Any:  # noqa: ANN401 - numpy reads whole numbers as microseconds
    return np.datetime64("NaT") if at is None else np.datetime64((at - _EPOCH) // timedelta(microseconds=1), "us")


def _start(day: date) -> np.datetime64:
    return np.datetime64(datetime.combine(day, time.min), "us")
