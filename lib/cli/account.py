"""`account`: which keys are of the account, and a person's word that another key of the same address is."""

from __future__ import annotations

from argparse import Namespace

from lib.avara.text import count
from lib.avara.times import ago
from lib.cli.console import Console, plain
from lib.cli.exits import Exit
from lib.errors import NotSameAccount
from lib.journal.accounts import OtherAccount
from lib.session import Session


def account(session: Session, options: Namespace, console: Console) -> Exit:
    """The keys of the account and the other keys of its address; with --same, that one of these is of the account."""
    if options.same is not None:
        _join(session, _named(session, options.same), console)
    own, others = session.connection, _others(session)
    console.row("account", base_url=own.base_url, fingerprint=own.fingerprint, keys=sorted(session.keys))
    console.say(f"The account of {plain(own.base_url)}")
    console.facts({"key in use": own.fingerprint[:8]})
    for key in sorted(session.keys - {own.fingerprint}):
        console.facts({"also its key": key[:8]})
    for other in others:
        newest = other.newest.isoformat()
        console.row("other_key", keys=sorted(other.keys), runs=other.runs, live=other.live, newest=newest)
        told = f"{count(other.runs, 'run')}, {other.live:,} of them live, newest {ago(session.now() - other.newest)}"
        console.facts({"another key": f"{other.name[:8]}: {told}"})
    if others:
        console.hint(f"If that is an older key of this account: {console.command('account', '--same', others[0].name[:8])}")
    return Exit.FINISHED


def _others(session: Session) -> tuple[OtherAccount, ...]:
    return session.other_accounts()


def _named(session: Session, start: str) -> OtherAccount:
    """The other account one of whose keys has a fingerprint that begins so. Raises NotSameAccount."""
    begins = start.strip().lower()
    found = [other for other in _others(session) if begins and any(key.startswith(begins) for key in other.keys)]
    if len(found) != 1:
        many = "Several other keys" if found else "No other key"
        raise NotSameAccount(
            f"{many} that made runs at {session.connection.base_url} have a fingerprint that begins with {start}. "
            "They are listed without --same."
        )
    return found[0]


def _join(session: Session, other: OtherAccount, console: Console) -> None:
    asked = session.proof_of(other)
    total = len(asked.expected)
    session.join(asked, tell=lambda read: console.progress(f"{read:,} of {count(total, 'customer')} found"))
    console.row("joined", old=other.name, new=session.connection.fingerprint, **vars(asked.checked))
    console.say(f"All {count(total, 'customer')} were found: both keys are of the same account now.")
