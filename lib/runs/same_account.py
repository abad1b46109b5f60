"""Whether two API keys are of one account: shown by customers that the older key knew and the new one finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from lib.avara.connection import Connection
from lib.avara.models import id_key
from lib.errors import ApiError, NotFound, NotSameAccount
from lib.journal.accounts import Checked, OtherAccount
from lib.journal.journal import Journal
from lib.people import Person
from lib.runs.records import Reader, read_records

#: So many customers of a kept list, or of ended runs, are enough: their ids are random, so that no two accounts share them.
SAMPLE = 50


@dataclass(frozen=True)
class Expected:
    """A customer that the older key knew, and from where, in words."""

    id: str
    name: str
    where: str


@dataclass(frozen=True)
class Proof:
    """Whom a new key must find before it counts as one of `account`. `live_runs` are those that `expected` covers whole."""

    account: OtherAccount
    expected: tuple[Expected, ...]
    live_runs: frozenset[str]
    checked: Checked


def proof(journal: Journal, account: OtherAccount, kept: Iterable[tuple[str, str]]) -> Proof:
    """Every customer of the live runs of `account`, and `kept`: id and name of a sample of its kept list.

    Where there are neither, customers of its ended runs. Raises NotSameAccount where there are none of these either.
    """
    live = journal.accounts.customers_of_live_runs(account.keys)
    listed = [Expected(id_, name, "the kept list") for id_, name in kept]
    ended = () if live or listed else journal.accounts.customers_of_ended_runs(account.keys, SAMPLE)
    expected = [Expected(seen.id, seen.name, seen.run_id) for seen in (*live, *ended)] + listed
    if not expected:
        raise NotSameAccount
    by_id = {id_key(one.id): one for one in reversed(expected)}
    checked = Checked(live=len(live), kept=len(listed), ended=len(ended))
    return Proof(account, tuple(by_id.values()), frozenset(seen.run_id for seen in live), checked)


def join(
    journal: Journal,
    client: Reader,
    here: Connection,
    asked: Proof,
    *,
    now: Callable[[], datetime],
    who: Person,
    on_read: Callable[[int], object] = lambda _: None,
) -> None:
    """Read everybody of the proof with the key of `here`, then note that it is of its account; `on_read` hears how far it is.

    Raises NotSameAccount naming the customer that was not found, RunsOverlap, ApiError; then nothing was changed.
    """
    for done in range(0, len(asked.expected), SAMPLE):
        some = asked.expected[done : done + SAMPLE]
        records = read_records(client, [one.id for one in some])
        for one in some:
            if isinstance(error := records[one.id], ApiError):
                raise _not_found(one, error)
        on_read(done + len(some))
    journal.accounts.join(
        asked.account,
        here.fingerprint,
        base_url=here.base_url,
        found_in=asked.live_runs,
        checked=asked.checked,
        now=now(),
        who=who,
    )


def _not_found(one: Expected, error: ApiError) -> NotSameAccount:
    what = "was not found" if isinstance(error, NotFound) else f"could not be read ({error.message.rstrip('.')})"
    return NotSameAccount(
        f"{one.name} ({one.id}) of {one.where} {what} with the key in use, so nothing shows that both keys are of one "
        "account. They stay apart; nothing was changed."
    )
