"""What a session knows of why customers are inactive."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lib.avara.models import id_key
from lib.customers.frame import build
from lib.evidence.activity import Activity
from lib.evidence.evidence import Evidence
from lib.evidence.reading import ActivityReading
from lib.evidence.rule_set import RuleSet
from lib.evidence.rules import Answer, NoStudyFor, OlderThan
from tests.customers.records import NOW, customer

RULES = RuleSet(name="x", rule=NoStudyFor(days=90))


@pytest.mark.parametrize("changed", ["nothing", "list", "studies", "time", "days"])
def test_what_a_rule_set_said_is_remembered_until_anything_that_it_was_made_of_changes(changed):
    records = [customer(number, created_at=NOW - timedelta(days=200)) for number in range(3)]
    frame, clock = build(records), [NOW]
    evidence = Evidence(ActivityReading(None, lambda: clock[0]), lambda: clock[0])  # type: ignore[arg-type]
    first = evidence.judged(RULES, frame)
    assert list(first.findings) == [id_key(one.id) for one in records]
    assert len(first.having(Answer.UNKNOWN)) == 3
    rules = RULES
    match changed:
        case "list":
            frame = build(records[:1])
        case "studies":
            evidence.reading.known[id_key(records[0].id)] = Activity(NOW, whole=True)
            evidence.reading.revision += 1
        case "time":
            clock[0] += timedelta(days=1)
        case "days":
            rules = RuleSet(name="x", rule=OlderThan(days=100))
    second = evidence.judged(rules, frame)
    assert (second is first) == (changed == "nothing")
    expected = {"list": (0, 1), "studies": (1, 2), "days": (3, 0)}.get(changed, (0, 3))
    assert (len(second.having(Answer.YES)), len(second.having(Answer.UNKNOWN))) == expected


def test_while_studies_are_read_only_those_are_asked_anew_of_whom_more_is_known(monkeypatch):
    """A rerun of a page with 100,000 customers must not ask all of them each time that one was read."""
    records = [customer(number, created_at=NOW - timedelta(days=200)) for number in range(50)]
    frame = build(records)
    evidence = Evidence(ActivityReading(None, lambda: NOW), lambda: NOW)  # type: ignore[arg-type]
    evidence.judged(RULES, frame)
    asked: list[str] = []
    judge = RuleSet.judge
    monkeypatch.setattr(RuleSet, "judge", lambda rules, facts: [asked.append(facts.record.id), judge(rules, facts)][1])
    evidence.reading.known[id_key(records[7].id)] = Activity(NOW, whole=True)
    evidence.reading.known["cus_gone"] = Activity(NOW, whole=True)
    evidence.reading.revision += 1
    assert evidence.judged(RULES, frame).having(Answer.YES) == (id_key(records[7].id),)
    del evidence.reading.known[id_key(records[7].id)]  # forgotten
    evidence.reading.revision += 1
    assert len(evidence.judged(RULES, frame).having(Answer.UNKNOWN)) == 50
    assert asked == [records[7].id] * 2
    columns = evidence.columns(RULES, frame)
    assert evidence.columns(RULES, frame) is columns
    evidence.reading.revision += 1
    assert evidence.columns(RULES, frame) is not columns
