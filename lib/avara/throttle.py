"""How fast requests may go to one connection: how many at a time, and how many a second. Pure; lib/avara/limiter.py obeys.

The API documents no limits, so they are found out: by a number at a time that grows until answers stay out, and by a bucket of
tokens that learns its rate from what was let through.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lib.avara.reply import Reply, is_throttle, retry_after
from lib.errors import ApiError, NoAnswer, Unreachable

#: Requests at a time: to begin with, and at most, whatever the API puts up with.
START, CEILING = 2.0, 64
#: What is left of that number after an answer that stayed out.
_CUT = 0.5
#: Seconds that are waited for as the API asks. Who is asked for more is told, so nobody else waits for it unheard.
LONGEST_WAIT = 3600.0
#: Seconds to wait after a 429 that does not say how long.
_NO_WORD = 0.5
#: Seconds of unused rate that may always be made up for: threads wake up late.
_CATCH_UP = 0.25
#: So many more must speak for a verdict than against it; one more after each 429 that was chance, up to so many.
_SURE, _SUREST = 2, 10
#: A 429 after fewer than so many others came early. So many early ones in a row, and the known limit is no reason for them.
_EARLY, _DOUBTS = 10, 3
#: So many in a row that nothing else can tell of, each after as many others, make a limit too.
_ALIKE = 4
#: The rate grows as TCP CUBIC's window does (RFC 9438): from a little below what was counted, which it reaches after so many
#: answers and leaves after as many more, to twice as much so many later. At most so many answers a second count, and each as
#: several while the rate was counted only once.
_FLAT, _TWICE, _A_SECOND, _FIRST = 80, 220, 10.0, 4
#: Seconds by which a request may miss its turn without that time being left out of the count.
_LATE = 1.0
#: How much the last answer says of how long answers take lately.
_LATELY = 0.1
#: Seconds within which the call that follows a reading should be able to go.
_SOON = 1.0

#: The kinds of request that differ in who goes first: calls, then readings (of one customer, which lead to a call, and of
#: lists), and last of all what nobody needs for a run.
CALL, READ, LIST, LAST = "call", "read", "list", "last"


@dataclass
class Question:
    """A 429 that may be the sign of a limit, or chance: those sent after it tell. Times are seconds of the one clock."""

    sent: float
    wait: float  # as long as it was asked to
    until: float  # when everybody asked to wait since then may come back
    score: float = 0  # how many more of those sent after it were let through than refused


@dataclass
class Throttle:
    """How fast to go. Times are seconds of one clock.

    A 429 delays nobody but who got it, until more of what was sent after it were refused than let through: then it is a
    limit, and everybody waits for as long as the API asked (`floor`). The other way round it was chance. The rate of a limit
    is what was let through from the end of one such wait to the end of the next. Where a limit is known, a 429 needs no proof.
    """

    ceiling: int = CEILING
    at_once: float = START
    floor: float = 0.0  # nothing is sent before this time
    _cut_at: float = -math.inf  # the last cut of the number at a time: answers to what was sent before say nothing new
    _active_at: float = 0.0  # when the last request went or came back
    # The limit: the requests a second that were counted, and the answers since then that it held up, each by its weight.
    _counted: float | None = None
    _grown: float = 0.0
    _weight: int = 1
    # Its bucket: since when it has been filling, and how many seconds' worth it holds.
    _empty_at: float = 0.0
    _holds: float = 0.0
    # What was sent and not refused since the last wait, which was over then; and from when on that is counted.
    _let: int = 0
    _over_at: float = 0.0
    _since: float = 0.0
    _question: Question | None = None
    _early: int = 0  # 429s in a row that came early
    _sure: int = _SURE
    #: Seconds from sending to answer, lately; None before the first one.
    answers_in: float | None = None
    _undecided: tuple[int, int] = (0, 0)  # after how many others the last one came that stayed so, and how often in a row

    @property
    def rate(self) -> float | None:
        """Requests a second; None while no limit is known."""
        return None if self._counted is None else self._counted * (1 + ((self._grown - _FLAT) / _TWICE) ** 3)

    @property
    def asked_until(self) -> float:
        """Until when the API asked to wait."""
        return self.floor if self._question is None else max(self.floor, self._question.until)

    def due(self, now: float, to_follow: int = 0) -> float:
        """When the next request may go, if it does not go now; after a reading `to_follow` calls should be able to go soon."""
        if self._question is not None and now >= self._question.until:
            self._waited(self._question)
        if (rate := self.rate) is None:
            return max(now, self.floor)
        return max(now, self.floor, self._filling_since(now, rate) + max(1.0, to_follow - rate * _SOON) / rate)

    def take(self, now: float) -> None:
        """One request goes."""
        rate = self.rate
        missed = now - max(self._active_at, self._over_at, self._empty_at + 1 / rate if rate else 0.0)
        if missed > (_LATE if rate else 0.0):  # nobody wanted to go, or could: that says nothing of the rate
            self._since += missed
        self._active_at = now
        self._let += 1
        if rate:
            self._empty_at = self._filling_since(now, rate) + 1 / rate

    def give_back(self) -> None:
        """It did not go after all."""
        self._let -= 1
        if rate := self.rate:
            self._empty_at -= 1 / rate

    def ended(self, now: float, sent: float, in_flight: int, outcome: Reply | ApiError) -> None:
        """A request came to its end, of `in_flight` that were under way. Any other error, or 5xx, says nothing of our speed."""
        if isinstance(outcome, NoAnswer | Unreachable) or (isinstance(outcome, Reply) and outcome.status == 408):
            self.late(now, sent)
        elif isinstance(outcome, Reply):
            wait = retry_after(outcome)
            if is_throttle(outcome) or (outcome.status == 503 and wait is not None):
                self.refused(now, sent, wait)
            elif outcome.status < 500:
                self.fine(now, sent, in_flight)

    def fine(self, now: float, sent: float, in_flight: int) -> None:
        """After an answer: one more at a time with each round (or two answers, until the first cut), and a little more rate."""
        self._active_at, rate = now, self.rate
        before = now - sent if self.answers_in is None else self.answers_in
        self.answers_in = before + _LATELY * (now - sent - before)
        if rate and now - self._filling_since(now, rate) < _CATCH_UP + 1 / rate:  # the limit holds us up
            self._grown += self._weight * min(1.0, _A_SECOND / rate)
        if in_flight * 2 >= self.at_once:
            self.at_once = min(self.at_once + (0.5 if math.isinf(self._cut_at) else 1 / self.at_once), float(self.ceiling))
        if (question := self._question) is not None and sent > question.sent:
            question.score += 1
            if question.score >= self._sure:
                self.floor, self._counted, self._sure = now, None, min(self._sure + 1, _SUREST)
                self._question = None

    def refused(self, now: float, sent: float, wait: float | None) -> None:
        """After a 429 that asked to wait so many seconds."""
        self._active_at, wait = now, wait or _NO_WORD
        if sent < self._over_at or wait > LONGEST_WAIT:
            return  # it was on its way when the last wait ended, or is told
        self._let -= 1
        if (question := self._question) is not None:
            question.score -= sent > question.sent
        else:
            question = self._question = Question(sent, wait, now + wait)
            self._early = self._early + 1 if self._let < _EARLY else 0
            if self._counted is not None and self._early < _DOUBTS:
                question.score = -math.inf
        question.until = max(question.until, now + wait)
        if question.score <= -self._sure:
            self.floor = question.until

    def late(self, now: float, sent: float) -> None:
        """After an answer that stayed out: fewer at a time."""
        if sent >= self._cut_at:
            self.at_once, self._cut_at = max(self.at_once * _CUT, 1.0), now

    def _filling_since(self, now: float, rate: float) -> float:
        """Since when the bucket has been filling, or would have been if it were not full."""
        return max(self._empty_at, now - max(self._holds, _CATCH_UP, 1 / rate))

    def _waited(self, question: Question) -> None:
        """The wait is over: count the rate, if it was for a limit."""
        let, since, known = self._let, self._since, self._counted is not None
        self._question, self._let, self._over_at, self._since = None, 0, question.until, question.until
        if question.score > -self._sure:
            self._counted = None
            self._undecided = (let, self._undecided[1] + 1 if 0 < let == self._undecided[0] else 1)
            if self._undecided[1] < _ALIKE:
                return
        # From when it was sent, not from when its answer came: how long answers take must make no difference. It came when the
        # bucket was somewhere between empty and a whole request; the first time the bucket was full at the start.
        self._counted = (let + 0.5 if known else max(let, 1)) / max(question.sent + question.wait - since, 0.001)
        self._grown, self._weight, self._sure = 0, 1 if known else _FIRST, _SURE
        self._holds, self._empty_at = question.wait, question.sent
