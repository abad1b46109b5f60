"""Views under tokens: an address opens as it was for a year, a saved view until it is deleted, both in their account only."""

import time
from datetime import timedelta

import pytest

from lib.errors import JournalUnavailable, ViewNameTaken, ViewUnreadable
from lib.journal.views import KEPT_FOR, LONGEST_NAME, KeptView, new_token
from tests.journal.places import sqlite_place
from tests.runs.fakes import FINGERPRINT, KIM, NOW, ROBIN

OURS, THEIRS = frozenset({FINGERPRINT, "f" * 16}), frozenset({"3" * 16})
LATER = NOW + timedelta(days=1)


def keep(journal, body="{}", now=NOW):
    token = new_token()
    journal.views.keep(token, FINGERPRINT, body, who=ROBIN, now=now)
    return token


def test_what_an_address_stands_for_is_found_by_every_process_and_every_key_of_the_account(journal, place):
    token = keep(journal, '{"text": "Łódź \\u0000 clinic"}')
    for one in (journal, place.open()):
        assert one.views.find(token, OURS, LATER).body == '{"text": "Łódź \\u0000 clinic"}'
        assert one.views.find(token, {FINGERPRINT}, LATER).saved_at == NOW
    assert journal.views.saved(OURS) == ()  # it has no name


def test_what_was_written_too_late_for_whoever_asked_can_be_asked_for_again(journal):
    """Nobody knows of such a write: it is there by now, or it is not."""
    token = keep(journal, "first")
    journal.views.keep(token, FINGERPRINT, "first", who=ROBIN, now=NOW)
    assert journal.views.find(token, OURS, NOW).body == "first"
    assert journal.views.find(keep(journal), OURS, NOW)


@pytest.mark.parametrize("token", ["", "nothing", "x" * 4000, "'; DROP TABLE views", "\N{SNOWMAN}", "a\0b"])
def test_a_token_that_nobody_was_given_is_refused_in_words(journal, token):
    keep(journal)
    with pytest.raises(ViewUnreadable, match="not known here"):
        journal.views.find(token, OURS, NOW)


def test_a_token_of_another_account_is_refused_in_words(journal):
    kept, saved = keep(journal), journal.views.save(FINGERPRINT, OURS, "Idle", "{}", who=ROBIN, now=NOW)
    for token in (kept, saved):
        with pytest.raises(ViewUnreadable, match="another account"):
            journal.views.find(token, THEIRS, NOW)
    assert journal.views.saved(THEIRS) == ()
    journal.views.delete(saved, THEIRS)
    for act in (lambda: journal.views.rename(saved, THEIRS, "Mine"), lambda: replace(journal, saved, THEIRS)):
        with pytest.raises(ViewUnreadable, match="gone"):
            act()
    assert [view.name for view in journal.views.saved(OURS)] == ["Idle"]


def test_what_has_no_name_goes_after_a_year_and_what_has_one_stays(journal, place):
    old, saved = keep(journal), journal.views.save(FINGERPRINT, OURS, "Idle", "{}", who=ROBIN, now=NOW)
    assert journal.views.find(old, OURS, NOW + KEPT_FOR).id == old
    after = NOW + KEPT_FOR + timedelta(seconds=1)
    with pytest.raises(ViewUnreadable, match="365 days"):
        journal.views.find(old, OURS, after)
    new = keep(journal, now=after)
    assert {row.id for row in place.run("SELECT id FROM views")} == {new, saved}
    assert journal.views.find(saved, OURS, after).name == "Idle"


def test_a_saved_view_tells_who_saved_it_is_renamed_and_replaced_under_its_link_and_deleted(journal):
    token = journal.views.save(FINGERPRINT, OURS, "  Idle\n clinics ", "1", who=ROBIN, now=NOW)
    assert journal.views.saved(OURS) == (KeptView(token, "Idle clinics", "1", "Robin", NOW),)
    journal.views.rename(token, OURS, "Asleep")
    journal.views.replace(token, OURS, "2", who=KIM, now=LATER)
    assert journal.views.find(token, OURS, NOW) == KeptView(token, "Asleep", "2", "Kim", LATER)
    journal.views.delete(token, OURS)
    journal.views.delete(token, OURS)
    assert journal.views.saved(OURS) == ()
    with pytest.raises(ViewUnreadable, match="deleted"):
        journal.views.find(token, OURS, NOW)


@pytest.mark.parametrize("name", ["", "  ", "x" * (LONGEST_NAME + 1), "Idle", " Idle "])
def test_a_name_is_one_views_and_says_something(journal, name):
    journal.views.save(FINGERPRINT, OURS, "Idle", "1", who=ROBIN, now=NOW)
    other = journal.views.save(FINGERPRINT, OURS, "Busy", "2", who=ROBIN, now=NOW)
    journal.views.save("3" * 16, THEIRS, "Idle", "3", who=ROBIN, now=NOW)  # in another account it may be another's
    with pytest.raises(ViewNameTaken):
        journal.views.save(FINGERPRINT, OURS, name, "4", who=KIM, now=LATER)
    with pytest.raises(ViewNameTaken):
        journal.views.rename(other, OURS, name)
    assert [(view.name, view.body) for view in journal.views.saved(OURS)] == [("Busy", "2"), ("Idle", "1")]


def test_a_name_is_one_view_s_whichever_key_of_the_account_saved_it(journal):
    journal.views.save(FINGERPRINT, OURS, "Idle", "1", who=ROBIN, now=NOW)
    with pytest.raises(ViewNameTaken):
        journal.views.save("f" * 16, OURS, "Idle", "2", who=KIM, now=NOW)
    other = journal.views.save("f" * 16, OURS, "Busy", "2", who=KIM, now=NOW)
    with pytest.raises(ViewNameTaken):
        journal.views.rename(other, OURS, " Idle")
    journal.views.rename(other, OURS, "Busy")
    assert [view.name for view in journal.views.saved(OURS)] == ["Busy", "Idle"]


def test_a_journal_that_cannot_be_written_keeps_nobody_waiting_for_an_address(tmp_path):
    place = sqlite_place(tmp_path)
    journal = place.open()
    with place.locked():
        began = time.monotonic()
        with pytest.raises(JournalUnavailable):
            keep(journal)
        assert time.monotonic() - began < 5  # a writer waits for the lock twice as long
    place.close()


def replace(journal, token, keys):
    journal.views.replace(token, keys, "mine", who=KIM, now=NOW)
