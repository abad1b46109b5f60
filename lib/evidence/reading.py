"""Reading the studies of many customers, only as far as it takes to be certain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from lib.avara.models import StudyPage, id_key
from lib.customers.frame import CustomerFrame
from lib.errors import ApiError
from lib.evidence.activity import Activity
from lib.evidence.facts import facts_of
from lib.evidence.rule_set import RuleSet
from lib.evidence.rules import Answer, Facts, Finding, proof_within

#: Customers at a time, at most; how many requests go at a time, and how fast, the connection's limiter says.
_AT_ONCE = 32
#: For so long what was read of a customer's studies is used again.
STANDS = timedelta(hours=1)
#: Seconds between two words on how far the reading is, while none comes.
_LOOK = 0.5


class Studies(Protocol):
    """The part of the API client that reads studies. Raises ApiError."""

    def iter_viewer_studies(self, customer_id: str | None = None, /) -> Iterator[StudyPage]: ...
    def iter_autoscribe_studies(self, customer_id: str | None = None, /) -> Iterator[StudyPage]: ...


def read_activity(client: Studies, customer_id: str, read_at: datetime, within: int | None = None) -> Activity:
    """A customer's activity by both lists of its studies; what can't be read makes it unknown, with the reason in words.

    Reading ends as soon as one study proves activity within so many days of `read_at`: then `whole` is false, and the counts
    are of what was read. None: every study is read.
    """
    seen = Activity(read_at)
    try:
        for pages in (client.iter_viewer_studies(customer_id), client.iter_autoscribe_studies(customer_id)):
            for page in pages:
                seen = seen.seen(page.studies).with_unreadable(len({one.study_id for one in page.problems}))
                if within is not None and seen.within(within, read_at):
                    return seen
    except ApiError as error:
        return seen.cut_off(error.message)
    return seen.completed()


class ActivityReading:
    """The activity of many customers, read in threads of its own; what was read stays, and reading goes on where it stopped."""

    def __init__(self, client: Studies, now: Callable[[], datetime]) -> None:
        self._client, self._now = client, now
        #: What was read, by `id_key`.
        self.known: dict[str, Activity] = {}

    def read(
        self,
        ids: Sequence[str],
        *,
        within: int | None = None,
        since: datetime | None = None,
        tell: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Have the activity of these customers among what is known.

        What is known is read again where it was read before `since`, could not be read, or does not answer for `within` days.
        `tell` hears how many are done. An Interrupt comes through: what was read by then stays.
        """
        left = [one for one in ids if not self._answers(one, within, since)]
        done = len(ids) - len(left)

        def one(customer_id: str) -> None:
            self.known[id_key(customer_id)] = read_activity(self._client, customer_id, self._now(), within)

        pool = ThreadPoolExecutor(min(_AT_ONCE, max(len(left), 1)), thread_name_prefix="activity")
        try:
            under_way = {pool.submit(one, customer_id) for customer_id in left}
            while under_way:
                tell(done)
                ended, under_way = wait(under_way, timeout=_LOOK)
                done += len(ended)
                for each in ended:
                    each.result()
            tell(done)
        finally:
            pool.shutdown(cancel_futures=True)

    def _answers(self, customer_id: str, within: int | None, since: datetime | None) -> bool:
        seen = self.known.get(id_key(customer_id))
        if seen is None or seen.why or (since is not None and seen.read_at < since):
            return False
        return seen.whole or (within is not None and seen.within(within, seen.read_at) is True)


def find_candidates(
    rules: RuleSet, frame: CustomerFrame, reading: ActivityReading, now: datetime, tell: Callable[[int, int], object]
) -> list[tuple[Facts, Finding]]:
    """Every active customer with what is known of it, and what the rule set says.

    Studies are read only of those whom the other rules leave open; `tell` hears of how many, and of how many they are.
    """
    active = frame.rows.loc[frame.rows["is_active"], "id"].tolist()
    return [(one, rules.judge(one)) for one in read_facts(rules, frame, active, reading, now, tell=tell)]


def read_facts(
    rules: RuleSet,
    frame: CustomerFrame,
    ids: Sequence[str],
    reading: ActivityReading,
    now: datetime,
    *,
    tell: Callable[[int, int], object] = lambda *_: None,
) -> list[Facts]:
    """What is known of these customers; who is not in the frame is left out. Studies are read of those left open, as above."""
    facts = facts_of(frame, ids, rules.rule, reading.known, now)
    days = proof_within(rules.rule)
    if days is None:
        return facts
    undecided = [one.record.id for one in facts if rules.rule.ask(replace(one, activity=None)).answer is Answer.UNKNOWN]
    reading.read(undecided, within=days, since=now - STANDS, tell=lambda done: tell(done, len(undecided)))
    return [replace(one, activity=reading.known.get(id_key(one.record.id))) for one in facts]
