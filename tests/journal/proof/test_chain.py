"""The chain shows where it was broken, even to somebody who knows how hashes are made."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lib.journal.proof.chain import START, Entry, verify
from tests.runs.fakes import NOW


def chain_of(count):
    entries, previous = [], START
    for seq in range(1, count + 1):
        entry = Entry(seq, "run_1", NOW + timedelta(seconds=seq), "attempt", None, "Robin", "{}", previous)
        entries.append(replace(entry, hash=entry.computed()))
        previous = entries[-1].hash
    return entries


def check(entries, written=4):
    return verify(entries, written, chain_of(written)[-1].hash)


def forged(entry):
    """The entry altered by somebody who also made its hash anew."""
    entry = replace(entry, who="Nobody")
    return replace(entry, hash=entry.computed())


@pytest.mark.parametrize(
    ("shown", "ok"), [(chain_of(3)[1].hash, True), (chain_of(4)[3].hash, False), ("ab" * 32, False), ("", True)]
)
def test_a_tail_cut_with_the_note_of_its_end_shows_by_a_receipts_head(shown, ok):
    left = chain_of(3)
    seen = verify(left, 3, left[-1].hash, shown=shown)
    assert (seen.ok, seen.broken_at, seen.head) == (ok, None if ok else 4, left[-1].hash)


def test_a_whole_chain_is_sound_and_so_is_an_empty_log():
    assert (check(chain_of(4)).ok, check(chain_of(4)).entries) == (True, 4)
    assert verify([], 0, START).ok


@pytest.mark.parametrize(
    ("name", "entries", "broken_at"),
    [
        ("altered", lambda c: [c[0], replace(c[1], payload='{"a":1}'), *c[2:]], 2),
        ("altered and hashed anew", lambda c: [c[0], forged(c[1]), *c[2:]], 3),
        ("last one altered and hashed anew", lambda c: [*c[:3], forged(c[3])], 5),
        ("removed", lambda c: [c[0], *c[2:]], 2),
        ("removed and numbered anew", lambda c: [c[0], *(replace(entry, seq=entry.seq - 1) for entry in c[2:])], 2),
        ("reordered", lambda c: [c[0], c[2], c[1], c[3]], 2),
        ("cut short", lambda c: c[:3], 4),
        ("emptied", lambda c: [], 1),
        ("one more", lambda c: [*c, replace(chain_of(5)[4])], 6),
    ],
)
def test_a_chain_that_was_tampered_with_says_where(name, entries, broken_at):
    seen = check(entries(chain_of(4)))
    assert (seen.broken_at, bool(seen.words)) == (broken_at, True), name
