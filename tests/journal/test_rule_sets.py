"""Rule sets in the journal: versions are counted up, old ones stay, damage is said."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from lib.errors import JournalDamaged, UploadUnreadable
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import NoStudyFor, NoUsers
from tests.runs.fakes import FINGERPRINT, KIM, NOW, ROBIN

OURS, THEIRS = frozenset({FINGERPRINT, "f" * 16}), frozenset({"3" * 16})
RULES = RuleSet(name="Asleep", about="Łódź \0 ☃", rule=NoStudyFor(days=200))


def save(journal, rules=RULES, *, who=ROBIN, key=FINGERPRINT, days=0):
    return journal.rule_sets.save(key, OURS, rules, who=who, now=NOW + timedelta(days=days))


def test_each_save_of_a_name_is_its_next_version_by_whoever_saved_it_and_the_old_ones_stay(journal, place):
    first = save(journal, RULES.model_copy(update={"version": 7, "author": "somebody else"}))
    second = save(place.open(), first.with_days(90), who=KIM, key="f" * 16, days=1)  # by another key of the account
    other = save(journal, RuleSet(name="Empty", rule=NoUsers()))
    assert [(one.name, one.version, one.author) for one in (first, second, other)] == [
        ("Asleep", 1, "Robin"),
        ("Asleep", 2, "Kim"),
        ("Empty", 1, "Robin"),
    ]
    assert first.hash == RULES.hash != second.hash
    assert [one.rules for one in journal.rule_sets.saved(OURS)] == [second, first, other]
    assert journal.rule_sets.find(OURS, "Asleep") == second
    assert journal.rule_sets.find(OURS, "Asleep", 1) == first
    assert journal.rule_sets.saved(OURS)[0].saved_at == NOW + timedelta(days=1)


def test_what_was_not_saved_on_the_account_is_not_found_in_words(journal):
    save(journal)
    for keys, name, version in ((THEIRS, "Asleep", None), (OURS, "asleep", None), (OURS, "Asleep", 2), (OURS, "", None)):
        with pytest.raises(UploadUnreadable, match="No rule set"):
            journal.rule_sets.find(keys, name, version)
    assert journal.rule_sets.saved(THEIRS) == ()


def test_a_preset_keeps_its_name(journal):
    with pytest.raises(UploadUnreadable, match="preset"):
        save(journal, PRESETS[0])


def test_several_who_save_a_name_at_the_same_moment_each_get_a_version(journal, place):
    journals = [journal, place.open(), place.open()]
    with ThreadPoolExecutor(3) as pool:
        kept = list(pool.map(lambda one: save(one).version, journals))
    assert sorted(kept) == [1, 2, 3]


BODY = RULES.model_dump(mode="json")


@pytest.mark.parametrize(
    "body",
    ["", "{", "null", "[" * 5_000, json.dumps(BODY | {"name": "Other"}), json.dumps(BODY | {"version": 9}), '{"rule": 1}'],
)
def test_a_damaged_row_is_said_and_hides_no_other(journal, place, body):
    save(journal)
    save(journal, RuleSet(name="Empty", rule=NoUsers()))
    place.run(f"UPDATE rule_sets SET body = '{body}', saved_at = 'yesterday' WHERE name = 'Asleep'")
    damaged, sound = journal.rule_sets.saved(OURS)
    assert (damaged.name, damaged.version, damaged.rules, damaged.saved_at) == ("Asleep", "1", None, None)
    assert sound.rules is not None
    with pytest.raises(JournalDamaged, match="“Asleep”, version 1"):
        journal.rule_sets.find(OURS, "Asleep")
    assert save(journal).version == 2
    assert journal.rule_sets.find(OURS, "Asleep").version == 2
