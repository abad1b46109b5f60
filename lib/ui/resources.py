"""The server's session, opened once for everybody, and what its pages may know a moment late."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Self

import streamlit as st

from lib.config import load_settings
from lib.errors import JournalError
from lib.files import shown
from lib.journal.drafts import DraftHead
from lib.plans.model import LIVE, Person, Run
from lib.session import Session
from lib.ui.lately import Lately
from lib.ui.startup import Startup

logger = logging.getLogger(__name__)

#: Seconds for which the sidebar's count of runs stands; what is done from a page of this process shows at once.
_RUNS_STAND = 1.0
#: Seconds between two looks at what runs did to the customers on show.
_FOLLOW_SECONDS = 1.0
#: Seconds for which the list of drafts stands, and that a page waits for it at most: picking needs neither.
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


class Resources(Session):
    """The session of all pages and people of this server."""

    _following: threading.Thread | None = None

    @cached_property
    def live_runs(self) -> Lately[LiveRuns]:
        """The runs that are not over, and of which no call is made. Whoever changes one from a page says `forget`."""
        return Lately(lambda: LiveRuns.read(self), _RUNS_STAND)

    @cached_property
    def drafts(self) -> Lately[tuple[DraftHead, ...]]:
        """What everybody on this account has picked and not started."""
        return Lately(self.workspace.drafts, _DRAFTS_STAND, patience=0.1, late=_DRAFTS_AWAITED)

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
        while not self._over.wait(_FOLLOW_SECONDS):
            try:
                self.keep_sandbox()
                self.loads.catch_up()
            except JournalError as error:
                logger.warning("What runs did could not be read: %s", error.message)
            except Exception:  # whatever it was, the list on show must not stop to follow
                logger.exception("The list on show missed what runs did")


def get_resources() -> Resources:
    """The process's resources, made at the first call. Raises NotStarted in words (see `Startup`)."""
    return _startup.get()


def start() -> None:
    """Do what the first page would otherwise wait for: make the resources, begin to load. Raises as `get_resources` does.

    What the other pages import is left to them: imported here, it took the time that the first page needs to draw itself.
    """
    get_resources().loads.start()


def release() -> None:
    """Close the resources at the end of the process, if they could be made."""
    made = _startup.take()
    if made is not None:
        made.close()


def operator() -> Person:
    """Who is at work, and how that is known: the login where there is one, else the user that this server runs as."""
    if st.user.get("is_logged_in"):
        return Person(str(st.user.get("email") or st.user.get("name")), "by login")
    return get_resources().operator


def _made() -> Resources:
    settings = load_settings()
    resources = Resources(settings, known="as the user that the server runs as").open()
    named = "the embedded sandbox" if resources.sandbox else resources.connection.fingerprint
    logger.info("Started with %s in %s", named, shown(settings.home))
    return resources


_startup = Startup(_made)
