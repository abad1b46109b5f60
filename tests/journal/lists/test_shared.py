"""The shared list in the journal: whose turn it is, and that a list is there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from lib.journal.lists import shared
from lib.journal.lists.shared import STAYS, SharedList
from tests.journal.places import Place, Server

KEY, NOW = "0123456789abcdef", datetime(2026, 11, 29, 12, tzinfo=UTC)
LATER = "UPDATE shared_lists SET lease_until = lease_until - 16"


@pytest.fixture
def place(postgresql: Server) -> Iterator[Place]:
    made = postgresql.new_place()
    yield made
    made.close()


def of(place: Place, reader: str, key: str = KEY) -> SharedList:
    found = place.open().lists.of(key, reader)
    assert found is not None
    return found


def keep(one: SharedList, turn: int, body: bytes = b"", *, begun: int = 0, at: datetime = NOW) -> bool:
    return one.keep(turn, [b"head", memoryview(body)], f"of {body[:9]!r}", begun=begun or turn, started_at=at, finished_at=at)


def kept(one: SharedList) -> bytes:
    standing = one.look()
    return b"".join(one.chunks(standing.digest)) if standing and standing.digest else b""


def test_a_turn_is_one_servers_until_it_ends_or_nothing_is_heard_of_it(place: Place) -> None:
    one, other = of(place, "app1"), of(place, "app2")
    assert one.look() is None
    assert one.take_turn() == 1
    assert other.take_turn() is None
    assert one.renew(1, 4200)
    standing = other.look()
    assert standing is not None
    assert (standing.reader, standing.holds, standing.customers) == ("app1", True, 4200)
    place.run(LATER)
    assert one.renew(1, 4300)  # nobody has taken it meanwhile
    place.run(LATER)
    assert other.take_turn() == 2
    assert not one.renew(1, 4400)
    one.end(1, "too late")
    other.end(2, "The key is refused.")
    assert not other.renew(2, 1)
    standing = one.look()
    assert standing is not None
    assert (standing.holds, standing.failed) == (False, "The key is refused.")
    assert one.take_turn() == 3


def test_a_lease_that_was_written_while_the_databases_clock_was_ahead_is_nobodys(place: Place) -> None:
    one, other = of(place, "app1"), of(place, "app2")
    one.take_turn()
    place.run("UPDATE shared_lists SET lease_until = lease_until + 86400")
    standing = other.look()
    assert standing is not None
    assert not standing.holds
    assert other.take_turn() == 2


def test_the_newest_list_is_kept_whole_in_parts_and_no_other(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "CHUNK", 10)
    one, other = of(place, "app1"), of(place, "app2")
    turn = one.take_turn()
    assert turn is not None
    assert keep(one, turn, b"first list, in parts")
    assert kept(other) == b"headfirst list, in parts"
    assert place.run("SELECT max(length(body)) FROM shared_list_chunks") == [(10,)]
    assert keep(one, turn, b"second")
    assert kept(other) == b"headsecond"
    assert place.run("SELECT DISTINCT digest FROM shared_list_chunks") == [("of b'second'",)]


def test_who_lost_their_turn_or_began_before_the_list_that_is_kept_changes_nothing(place: Place) -> None:
    one, other = of(place, "app1"), of(place, "app2")
    first = one.take_turn()
    place.run(LATER)
    second = other.take_turn()
    assert first is not None
    assert second is not None
    assert keep(other, second, b"newer")
    assert not keep(one, first, b"lost")
    other.end(second)
    third = one.take_turn()
    assert third is not None
    assert not keep(one, third, b"gone on with", begun=first)
    assert kept(one) == b"headnewer"
    assert place.run("SELECT DISTINCT digest FROM shared_list_chunks") == [("of b'newer'",)]


def test_a_list_that_is_gone_on_with_takes_no_place_of_a_newer_one_that_was_read_without_a_turn(place: Place) -> None:
    one, other, minute = of(place, "app1"), of(place, "app2"), timedelta(minutes=1)
    first = one.take_turn()
    assert first is not None
    one.end(first, "It stopped.")
    alone = other.take_turn()
    assert alone is not None
    times = {"started_at": NOW + minute, "finished_at": NOW + minute}
    assert other.keep(alone, [b"read alone"], "of it", begun=0, **times)
    other.end(alone)
    third = one.take_turn()
    assert third is not None
    assert not keep(one, third, b"gone on with", begun=first, at=NOW)
    assert kept(one) == b"read alone"
    assert keep(one, third, b"read after it", begun=first, at=NOW + 2 * minute)


def test_a_list_goes_when_it_is_forgotten_and_when_nobody_reads_with_its_key_any_more(place: Place) -> None:
    old, new = of(place, "app1", "a key that was replaced"), of(place, "app1")
    for one, at in ((old, NOW), (new, NOW + STAYS)):
        turn = one.take_turn()
        assert turn is not None
        assert keep(one, turn, b"list", at=at)
    assert kept(old)
    turn = new.take_turn()
    assert turn is not None
    assert keep(new, turn, b"list of a day later", at=NOW + STAYS + timedelta(days=1))
    assert not kept(old)
    place.open().lists.forget(KEY)
    assert not place.run("SELECT 1 FROM shared_list_chunks")
    assert new.take_turn() == 3


def parts_until(happens: Callable[[], object]) -> Iterator[bytes]:
    yield b"head"
    happens()
    yield b"body"


def keep_until(one: SharedList, turn: int, happens: Callable[[], object]) -> bool:
    """It happens when a part has been written."""
    return one.keep(turn, parts_until(happens), f"of {one.reader}", begun=turn, started_at=NOW, finished_at=NOW)


class Killed(BaseException):
    """The server ends here."""


def killed() -> None:
    raise Killed


def test_parts_of_a_list_whose_server_died_while_it_kept_it_go_with_the_next_list_of_any_key(place: Place) -> None:
    keys = "SELECT fingerprint FROM shared_list_chunks ORDER BY position"
    dead, one = of(place, "app1", "a key that nobody uses again"), of(place, "app2")
    turn, other = dead.take_turn(), one.take_turn()
    assert turn is not None
    assert other is not None
    with pytest.raises(Killed):
        keep_until(dead, turn, killed)
    assert keep(one, other)
    assert len(place.run(keys)) == 2  # its turn holds: it may be writing yet
    place.run(LATER)
    assert keep(one, other, b"newer")
    assert set(place.run(keys)) == {(KEY,)}
    assert kept(one) == b"headnewer"


def test_a_list_whose_parts_were_cleared_away_while_it_was_written_is_not_kept(place: Place) -> None:
    slow, one = of(place, "app1", "another key"), of(place, "app2")
    turn, other = slow.take_turn(), one.take_turn()
    assert turn is not None
    assert other is not None
    assert not keep_until(slow, turn, lambda: (place.run(LATER), keep(one, other)))
    standing = slow.look()
    assert standing is not None
    assert standing.digest is None
    assert keep(slow, turn, b"again")
    assert kept(slow) == b"headagain"


def test_a_journal_of_one_server_shares_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = Place(f"sqlite:///{tmp_path_factory.mktemp('home') / 'journal.sqlite'}")
    journal = place.open()
    assert journal.lists.of(KEY, "app1") is None
    journal.lists.forget(KEY)
    place.close()
