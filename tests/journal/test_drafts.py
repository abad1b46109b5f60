"""Drafts: what a session has picked is there again for the same person, account and database, and for nobody else."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from lib.errors import JournalDamaged
from lib.journal.drafts import MOST_DRAFTS, MOST_PICKS, STAYS, Drafts, Save
from lib.journal.journal import Journal
from lib.plans.evidence import Picked, Way
from tests.journal.places import Place
from tests.runs.fakes import FINGERPRINT, NOW, id_of, judgement

TICKED, ALL = Picked(Way.TICKED, "no users", NOW), Picked(Way.ALL, "“Ärzte” · inactive", NOW - timedelta(days=1))
MINUTE = timedelta(minutes=1)
PATIENCE = 30.0


def a_save(name: str = "one", minute: int = 0, *, picks: int = 2, **facts: object) -> Save:
    usual = {"fingerprint": FINGERPRINT, "person": "Robin", "saved_at": NOW + minute * MINUTE}
    return Save(id=name, picked={id_of(number): TICKED for number in range(picks)}, **(usual | facts))  # type: ignore[arg-type]


def names(journal: Journal, *keys: str) -> list[str]:
    return [head.id for head in journal.drafts.heads(keys or (FINGERPRINT,))]


def until(journal: Journal, kept: list[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while names(journal) != kept:
        assert time.monotonic() < deadline, names(journal)


@pytest.mark.parametrize(
    "picked",
    [
        {id_of(1): TICKED},
        {id_of(3): TICKED, id_of(1): ALL, id_of(2): TICKED},  # in the order picked, each as it was picked
        {id_of(number): ALL for number in range(2_500)},
        {id_of(1): Picked(Way.LISTED)},
        {id_of(1): replace(TICKED, judgement=judgement()), id_of(2): replace(TICKED, judgement=judgement(words="saw 2"))},
        {id_of(number): replace(TICKED, judgement=judgement(words=f"saw {number}")) for number in range(500)},
    ],
    ids=["one", "mixed", "many", "listed while the list was not whole", "judged", "many judged"],
)
def test_a_draft_is_read_as_it_was_saved(place: Place, picked: dict[str, Picked]) -> None:
    place.open().drafts.save(Save("one", FINGERPRINT, "Robin", NOW, picked, "Contract *ended*", "OPS-1"))
    journal = place.open()  # as another server of the team, or after a restart
    (head,) = journal.drafts.heads([FINGERPRINT])
    assert (head.id, head.person, head.saved_at, head.size) == ("one", "Robin", NOW, len(picked))
    draft = journal.drafts.read("one", [FINGERPRINT])
    assert draft is not None
    assert list(draft.picked.items()) == list(picked.items())
    assert (draft.reason, draft.ticket, head.reason) == ("Contract *ended*", "OPS-1", "Contract *ended*")


def test_another_accounts_draft_is_not_there(journal: Journal) -> None:
    journal.drafts.save(a_save("one"))
    assert journal.drafts.read("one", ["another"]) is None
    assert journal.drafts.read("one", ["another", FINGERPRINT]) is not None


def test_thousands_of_picks_with_a_judgement_each_take_no_more_than_as_many_kilobytes(place: Place) -> None:
    picked = {id_of(number): replace(TICKED, judgement=judgement(words=f"saw {number}")) for number in range(5_000)}
    place.open().drafts.save(Save("one", FINGERPRINT, "Robin", NOW, picked))
    ((size,),) = place.run("SELECT length(body) FROM drafts")
    assert size < 1_000_000
    place.run("UPDATE drafts SET body = 'zlib:eJwDAAAAAAE='")
    with pytest.raises(JournalDamaged, match="pick again"):
        place.open().drafts.read("one", [FINGERPRINT])


def test_each_session_has_its_own_and_the_newest_is_first(journal: Journal) -> None:
    for minute, name in enumerate(("one", "two", "one")):
        journal.drafts.save(a_save(name, minute, picks=minute + 1))
    assert [(head.id, head.size) for head in journal.drafts.heads([FINGERPRINT])] == [("one", 3), ("two", 2)]
    assert names(journal, "another account") == []


def test_without_picks_a_draft_is_over_and_what_was_taken_is_in_the_new_one_only(journal: Journal) -> None:
    for name in ("one", "two", "three"):
        journal.drafts.save(a_save(name))
    journal.drafts.save(a_save("one", picks=0))
    assert set(names(journal)) == {"two", "three"}
    journal.drafts.save(a_save("four", taken=frozenset({"two"})))
    assert set(names(journal)) == {"three", "four"}
    assert journal.drafts.read("two", [FINGERPRINT]) is None


def test_a_person_has_a_few_drafts_and_none_for_ever(journal: Journal) -> None:
    journal.drafts.save(a_save("of Kim", person="Kim"))
    for minute in range(MOST_DRAFTS + 2):
        journal.drafts.save(a_save(str(minute), minute))
    assert names(journal) == [*(str(minute) for minute in range(MOST_DRAFTS + 1, 1, -1)), "of Kim"]
    journal.drafts.save(a_save("later", saved_at=NOW + STAYS + MINUTE, person="Kim"))
    assert set(names(journal)) == {"later", *(str(minute) for minute in range(2, MOST_DRAFTS + 2))}


def test_of_very_many_picks_the_first_are_kept_and_all_are_counted(journal: Journal) -> None:
    journal.drafts.save(a_save(picks=MOST_PICKS + 1))
    (head,) = journal.drafts.heads([FINGERPRINT])
    draft = journal.drafts.read("one", [FINGERPRINT])
    assert draft is not None
    assert head.size == MOST_PICKS + 1
    assert list(draft.picked) == [id_of(number) for number in range(MOST_PICKS)]


def test_a_draft_that_cannot_be_read_is_told_in_words(place: Place, journal: Journal) -> None:
    journal.drafts.save(a_save())
    place.run("UPDATE drafts SET body = '{\"picks\": 5}'")
    with pytest.raises(JournalDamaged, match="can't be read"):
        journal.drafts.read("one", [FINGERPRINT])


def test_the_newest_state_is_written_behind_the_page_once_the_journal_can_be_written(place: Place) -> None:
    journal = place.open(patience=0.2)
    keeper = Drafts(journal._database, again_after=0.05)
    journal.drafts.save(a_save("taken"))
    with place.locked():
        began = time.monotonic()
        keeper.keep(a_save("one", 1, picks=1))
        keeper.keep(a_save("two", 2))
        keeper.keep(a_save("one", 3, picks=3, taken=frozenset({"taken"})))
        keeper.keep(a_save("one", 4, picks=4))
        assert time.monotonic() - began < 0.2  # nobody waits for it
        assert names(journal) == ["taken"]
    until(journal, ["one", "two"])
    deadline = time.monotonic() + PATIENCE
    while journal.drafts.heads([FINGERPRINT])[0].size != 4:
        assert time.monotonic() < deadline, "the newest state was never written"
    keeper.keep(a_save("three", 5))
    keeper.close()  # what is left is written first
    assert names(journal)[0] == "three"
