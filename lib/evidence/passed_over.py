"""Who could have been picked by the rules that picked others, and was not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lib.avara.models import Customer, id_key
from lib.customers.frame import CustomerFrame
from lib.evidence.evidence import Judged
from lib.evidence.judgement import NOT_PICKED
from lib.evidence.rules import Answer

#: Of a rule set that means more customers than this, only their number is told.
MOST = 100


def passed_over(judged: Iterable[Judged], frame: CustomerFrame, picked: Iterable[str]) -> Iterator[tuple[Customer | int, str]]:
    """Each candidate of these rule sets that is not picked, once, or how many they are; and why it is one."""
    seen = set(map(id_key, picked))
    for one in judged:
        keys = [key for key in one.having(Answer.YES) if key not in seen]
        seen.update(keys)
        said = f"{NOT_PICKED}{one.rules.label} says yes"
        if len(keys) > MOST:
            yield len(keys), f"{said}."
        else:
            yield from ((found, f"{said}: {one.findings[id_key(found.id)].words}.") for found in frame.records(keys))
