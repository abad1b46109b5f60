"""A judgement: what a rule set said of a customer when somebody picked it, and what it saw. Pure; frozen with the pick."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lib.avara.times import to_day, to_minute
from lib.evidence.activity import NOT_READ, Activity
from lib.spelling import visible

#: Characters of each text and questions of a judgement, at most: thousands of them go with a plan.
LONGEST, MOST_QUESTIONS = 2000, 30
#: Begins why somebody was left alone whom a rule set meant.
NOT_PICKED = "Not picked; "


def _shows_something(text: str) -> str:
    if not visible(text):
        raise ValueError("shows nothing")
    return text


_Text = Annotated[str, Field(max_length=LONGEST)]
_Answer = Annotated[str, Field(pattern="^(yes|no|unknown)$")]


class Answered(BaseModel):
    """One question of a rule set, its answer, and what it saw."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    question: _Text
    answer: _Answer
    seen: _Text

    def __str__(self) -> str:
        return f"{self.question}: {self.answer}"


class Judgement(BaseModel):
    """What a rule set said of a customer: in all, question by question, and of which studies it knew then.

    `rules` names the rule set, `hash` exactly what it asked (64 hexadecimal characters). Types are strict, as a plan's are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rules: Annotated[_Text, AfterValidator(_shows_something)]
    hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    answer: _Answer
    words: _Text
    answers: Annotated[tuple[Answered, ...], Field(max_length=100)] = ()
    activity: Activity | None = None

    @property
    def twins(self) -> tuple[str, ...]:
        """The ids of those that it took for the same customer, as it told them."""
        about = (one.seen for one in self.answers if one.question.startswith("likely duplicate") and one.answer == "yes")
        return tuple(id_ for seen in about for id_ in _TWIN.findall(seen))

    @property
    def sentence(self) -> str:
        """Why it said what it said, in one: "No study since 2020-08-25, record unchanged since 2020-11-03"."""
        seen = [one.seen for one in self.answers if one.answer == self.answer]
        words = ", ".join(seen) if "; ".join(seen) == self.words else self.words
        if self.answer != "yes":
            return f"{'The rules say no' if self.answer == 'no' else 'Nobody can tell'}: {words}"
        begins = [one.question for one in self.answers if words.startswith(one.seen)]
        is_data = bool(begins) and begins[0].startswith("has metadata")
        return words if is_data else words[:1].upper() + words[1:]

    @property
    def answered(self) -> str:
        """Each question with its answer, and what it saw where the sentence has not that."""
        return "; ".join(f"{one}" if one.seen in self.words else f"{one} ({one.seen})" for one in self.answers)

    @property
    def says_all(self) -> bool:
        """Whether the sentence has what every question saw, each of which said the same."""
        return all(one.answer == self.answer and one.seen in self.words for one in self.answers)

    def told(self, evidence: Sequence[str]) -> tuple[str, ...]:
        """For people, a line each: the sentence; how it was picked and by exactly which rule set; each answer; when the studies
        were read; then what else of `evidence` there is, nothing twice.
        """
        name = without_hash(self.rules)
        way = next((line for line in evidence if name in line), "")
        exact = way if self.rules in way else way.replace(name, self.rules, 1)
        others = (line for line in evidence if line != way and not self._has(line))
        return tuple(filter(None, (self.sentence, exact or f"judged by {self.rules}", self.answered, self._studies, *others)))

    @property
    def _studies(self) -> str:
        seen = self.activity
        if seen is None:
            return ""
        if seen.why and (seen.why == NOT_READ or seen.words in self.answered + self.words):
            return ""  # a question said so
        day = to_day(seen.newest)
        if any(one.seen.startswith(f"no study since {day}" if day else "never a study") for one in self.answers):
            words = "studies"
        elif any(one.seen == f"a study came in on {day}" for one in self.answers):
            words = f"studies: {seen.words.removeprefix(f'newest study {day}').lstrip(', ')},"
        else:
            words = f"{seen.words},"
        return f"{words} as read {to_minute(seen.read_at)}"

    def _has(self, line: str) -> bool:
        """Whether what a question saw says the same as this line about the record."""
        if changed := _CHANGED.match(line):
            return any(f"{word} {changed[1]}" in one.seen for one in self.answers for word in ("unchanged since", "changed on"))
        return any(one.seen == ("no users" if line == "0 users" else line) for one in self.answers)


_CHANGED = re.compile(r"last changed (\d{4}-\d\d-\d\d) ")
#: As a rule tells of one that is nearly the same; a name may be any text, so an id stands right before how alike they are.
_TWIN = re.compile(r" \((\S+)\), \d+ % alike(?:; |$)")


def without_hash(rules: str) -> str:
    """What a rule set is called, "dormant, version 1", where its hash is told beside."""
    return re.sub(r"(, version \d+), [0-9a-f]{8}$", r"\1", rules)


def judged_by(judgements: Iterable[Judgement | None]) -> str:
    """The rule sets that judged, each once with its whole hash, in the order met; empty where none did."""
    return "; ".join(dict.fromkeys(f"{one.rules} ({one.hash})" for one in judgements if one is not None))
