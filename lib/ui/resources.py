"""The server's session, opened once for everybody, and what its pages may know a moment late."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Self

from lib.accounts.tables import accounts_of, check_apart, chosen
from lib.config import VERSION, load_settings
from lib.errors import JournalError
from lib.files import shown
from lib.gate import Gate
from lib.journal.drafts import DraftHead
from lib.journal.journal import Journal
from lib.journal.rule_sets import SavedRules
from lib.journal.views import KeptView
from lib.logs import Trouble
from lib.people import Person, Right
from lib.plans.approval import why_not, why_not_by
from lib.plans.model import LIVE, Run
from lib.session import Session
from lib.ui import account, sign_in
from lib.ui.lately import Lately
from lib.ui.startup import Startup

logger = logging.getLogger(__name__)

#: Seconds for which the sidebar's count of runs stands; what is done from a page of this process shows at once.
_RUNS_STAND = 1.0
#: Seconds between two looks at what runs did to the customers on show.
_FOLLOW_SECONDS = 1.0
#: Seconds for which the answer stands whether this server can do its work.
_TROUBLE_STANDS = 1.0
#: Seconds after which a list that could not be read at all is tried again: a server that nobody is sent to is by itself.
_READ_AGAIN_AFTER = 60.0
#: Seconds for which the lists of drafts and of rule sets stand, and that a page waits for them at most: picking needs neither.
_DRAFTS_STAND, _DRAFTS_AWAITED = 5.0, 0.3


@dataclass(frozen=True)
class LiveRuns:
    """The runs that are not over, oldest first, and why of some no call is made although they are running (see `stalled`)."""

    runs: tuple[Run, ...]
    stalled: Mapping[str, str]

    @classmethod
    def read(cls, session: Session) -> LiveRuns:
        return cls(session.reads.live_runs(*LIVE), session.stalled())

    def waiting(self, now: datetime) -> tuple[Run, ...]:
        """Those that go on only if a person does something."""
        return tuple(run for run in self.runs if run.needs_person(now) or run.id in self.stalled)

    def waiting_for(self, session: Session, now: datetime) -> tuple[Run, ...]:
        """Of those, the ones with which whoever is at work may go on."""
        return tuple(run for run in self.waiting(now) if _may_go_on(session, run, now))

    def working(self, now: datetime) -> tuple[Run, ...]:
        """Those that go on by themselves."""
        waiting = self.waiting(now)
        return tuple(run for run in self.runs if run not in waiting)


def _may_go_on(session: Session, run: Run, now: datetime) -> bool:
    """Whether a run that waits for a person waits for whoever is at work: to start, to resume, to cancel, or for their word."""
    if run.damage:
        return session.may(Right.STOP)
    if run.approval is None:
        return session.may(Right.RUN)
    who, alone = session.operator, session.alone_by_name
    if run.awaits_approval(now):
        return session.may(Right.APPROVE) and not why_not_by(run.approval, who, alone=alone)
    return session.may(Right.RUN) and not why_not(run.approval, now, alone=alone, who=who)


class Resources(Session):
    """The session of all pages and people of this server."""

    _following: threading.Thread | None = None

    @property
    def operator(self) -> Person:
        """Whoever's browser asks, as they came in; else the user that this server runs as. Raises NotSignedIn."""
        return sign_in.at_work(self.gate, super().operator)

    @cached_property
    def live_runs(self) -> Lately[LiveRuns]:
        """The runs that are not over, and of which no call is made. Whoever changes one from a page says `forget`."""
        return Lately(lambda: LiveRuns.read(self), _RUNS_STAND)

    @cached_property
    def drafts(self) -> Lately[tuple[DraftHead, ...]]:
        """What everybody on this account has picked and not started."""
        return Lately(self.workspace.drafts, _DRAFTS_STAND, patience=0.1, late=_DRAFTS_AWAITED)

    @cached_property
    def saved_views(self) -> Lately[tuple[KeptView, ...]]:
        """Those of the account; one from before a change of ours never stands in for them."""
        return Lately(self.workspace.views, _DRAFTS_STAND, patience=_DRAFTS_AWAITED, late=0.0)

    @cached_property
    def rule_sets(self) -> Lately[tuple[SavedRules, ...]]:
        """What everybody on this account has saved of rule sets. Whoever saves one from a page says `forget`."""
        return Lately(self.workspace.rule_sets, _DRAFTS_STAND, patience=0.1, late=_DRAFTS_AWAITED)

    @cached_property
    def lately_troubled(self) -> Lately[str]:
        """What keeps this server from its work, for whoever asks every second whether people should be sent here."""
        return Lately(self.trouble, _TROUBLE_STANDS)

    def open(self) -> Self:
        """Besides, offer runs whose process is gone, and follow what runs do, whichever process carries them."""
        super().open()
        try:
            self.worker.start()
        except BaseException:
            self.close()
            raise
        self._over = threading.Event()
        self._following = threading.Thread(target=self._follow, name="follow-runs", daemon=True)
        self._following.start()
        return self

    def close(self) -> None:
        if self._following is not None:
            self._over.set()
            self._following.join()
        super().close()

    def _follow(self) -> None:
        trouble = Trouble(logger, "This server is not ready for people")
        while not self._over.wait(_FOLLOW_SECONDS):
            try:
                self.keep_sandbox()
                self._try_again()
                self.loads.follow()
                trouble.is_now(self.trouble())
            except JournalError as error:
                trouble.is_now(error.message)
            except Exception:  # whatever it was, the list on show must not stop to follow
                logger.exception("The list on show missed what runs did")

    def _try_again(self) -> None:
        failed = self.failed_load
        ended = failed.progress().finished_at if failed is not None else None
        if failed is not None and ended is not None and (self.now() - ended).total_seconds() > _READ_AGAIN_AFTER:
            failed.resume()


class Served:
    """The accounts of this server: what all of them share, and the resources of each, opened when it is first chosen.

    Raises ConfigError and JournalError. Any thread may ask.
    """

    def __init__(self) -> None:
        settings = load_settings()
        self.accounts = accounts_of(settings)
        self.gate = Gate(settings.home, lambda: datetime.now(UTC))
        self._journal = Journal(settings.journal, version=VERSION)
        self._opened = {account.name: Startup(partial(self._open, account.name)) for account in self.accounts}

    @cached_property
    def lately_reached(self) -> Lately[object]:
        """Whether the journal answers, for whoever asks every second; also before an account was chosen."""
        return Lately(self._journal.reads.leases, _TROUBLE_STANDS)

    @property
    def several(self) -> bool:
        """Whether it has to be said which account is meant."""
        return len(self.accounts) > 1

    def of(self, name: str) -> Resources:
        """The resources of one account; without a name of the only one. Raises AccountNotChosen, and NotStarted in words."""
        return self._opened[chosen(self.accounts, name).name].get()

    def open_only(self) -> None:
        """Open the only account, so that a start that fails is one. Raises as `Resources.open` does."""
        (only,) = self.accounts
        self._opened[only.name].made = self._open(only.name)

    def opened(self) -> dict[str, Resources | str]:
        """The accounts that somebody has chosen so far, by name: its resources, or in words why there are none."""
        return {name: held.made or held.problem for name, held in self._opened.items() if held.made or held.problem}

    @property
    def fingerprints(self) -> frozenset[str]:
        """Of the keys in use here."""
        return frozenset(one.connection.fingerprint for one in self.opened().values() if isinstance(one, Resources))

    def close(self) -> None:
        """Close each account, then what they share."""
        with ExitStack() as closing:
            closing.callback(self._journal.close)
            for held in self._opened.values():
                if (made := held.end()) is not None:
                    closing.callback(made.close)

    def _open(self, name: str) -> Resources:
        made = Resources(load_settings(), known="as the user that the server runs as", account=name, journal=self._journal)
        made.gate = self.gate
        check_apart(made.account, made.connection, self.fingerprints)  # a file of a key may be another one by now
        made.open()
        named = "the embedded sandbox" if made.sandbox else made.connection.fingerprint
        logger.info("Started with %s in %s", named, shown(made.settings.home))
        return made


def served() -> Served:
    """The accounts of this server, made at the first call. Raises NotStarted in words (see `Startup`)."""
    return _startup.get()


def troubles() -> dict[str, str]:
    """What keeps this server from its work on each account that was chosen so far, by name; empty words where nothing does.

    Raises NotStarted, and JournalUnavailable.
    """
    here = served()
    here.lately_reached.get()
    return {name: one if isinstance(one, str) else one.lately_troubled.get() for name, one in here.opened().items()}


def get_resources() -> Resources:
    """The resources of the account that this browser's session has chosen, or of the only one. Raises as `Served.of`."""
    return served().of(account.chosen())


def start() -> None:
    """Do what the first page would otherwise wait for: make the resources of the only account, begin to load.

    What the other pages import is left to them: imported here, it took the time that the first page needs to draw itself.
    """
    if not served().several:
        get_resources().loads.start()


def release() -> None:
    """Close the resources at the end of the process, if they could be made."""
    made = _startup.end()
    if made is not None:
        made.close()


def operator() -> Person:
    """Who is at work, and how that is known. Raises NotSignedIn."""
    return get_resources().operator


def may(right: Right) -> bool:
    """Whether whoever is at work may do so, for what is offered to them."""
    return get_resources().may(right)


def _made() -> Served:
    made = Served()
    try:
        if not made.several:
            made.open_only()
    except BaseException:
        made.close()
        raise
    return made


_startup = Startup(_made)
