"""The gate: every verb of a session, its worker and its workspace asks here first whether whoever is at work may do it."""

from __future__ import annotations

import getpass
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from lib.accounts.arming import Arming
from lib.accounts.logins import EndedLogins
from lib.accounts.tables import Account, SiteSettings, accounts_of, chosen, rules_of_runs
from lib.avara.text import one_line
from lib.config import Settings, changed_at, refused, settings_file
from lib.errors import ConfigError, ExpressOpsError
from lib.people import CHANGING, NotAllowed, NotSignedIn, People, Person, Right, SignIn
from lib.plans.policy import Policy


class ReadOnly(NotAllowed):
    """Express Ops is read-only here (read_only in settings.toml)."""


try:
    import pwd
except ImportError:  # Windows has none
    pwd = None  # type: ignore[assignment]


class Gate:
    """Whether somebody may do something, by `settings.toml` as it is now: an edit counts from the next question on.

    `elapsed` gives seconds that no setting of the clock moves. Any thread may ask.
    """

    def __init__(self, home: Path, now: Callable[[], datetime], elapsed: Callable[[], float] = time.monotonic) -> None:
        self._home, self._now, self._elapsed = home, now, elapsed
        self._over: dict[SignIn, float] = {}
        self._lock = threading.Lock()
        self._read_at: object = None
        self._people, self._site = People(), SiteSettings()
        self._unusable: ConfigError | None = None
        #: Whether anybody has ever been named: if the table goes, nobody gets in by that.
        self.named = False
        self._ended = EndedLogins(home)

    @property
    def people(self) -> People:
        """Who may do what. Raises ConfigError where that can't be read: then nobody who has to sign in may do anything."""
        return self._as_it_is()[0]

    @property
    def signs_in(self) -> bool:
        """Whether people sign in here, so that there is a second person. Raises ConfigError."""
        return self._as_it_is()[0].named or self.named

    @property
    def unchanging(self) -> ReadOnly | ConfigError | None:
        """Why nothing is changed from here, by anybody; None where it may be. Raises ConfigError as `people`."""
        if self._as_it_is()[1].read_only:
            return ReadOnly()
        return self._unusable  # it may be read_only at a wrong place, or misspelled

    @property
    def serves_figures(self) -> bool:
        """Whether figures of this process are served. Raises ConfigError."""
        return self._as_it_is()[1].metrics

    def _as_it_is(self) -> tuple[People, SiteSettings]:
        with self._lock:
            if (changed := changed_at(self._home)) != self._read_at:
                self._site = SiteSettings.of(self._home)
                try:
                    self._people = People.model_validate(settings_file(self._home).get("people", {}))
                except ValidationError as exc:
                    raise refused(self._home, exc, People, within="people") from None
                self._unusable = _what_is_wrong(self._home)
                self._read_at, self.named = changed, self.named or self._people.named
            return self._people, self._site

    def check(self, right: Right, who: Person) -> None:
        """Raise NotAllowed, NotSignedIn or ReadOnly, in words, unless this person may do so now; ConfigError as `people`."""
        if right in CHANGING and (why := self.unchanging) is not None:
            raise why if isinstance(why, ReadOnly) else ConfigError(f"Nothing was changed. {why.message}")
        if who.sign_in is None:
            return
        if who.sign_in.key and who.sign_in.key in self._ended:
            raise NotSignedIn("You have logged out, so nothing was changed. Log in again.")
        if self._is_over(who.sign_in):
            raise NotSignedIn("Your login has run out, so nothing was changed. Log in again.")
        self.people.check(right, who, self._now())

    def _is_over(self, sign_in: SignIn) -> bool:
        """Whether a sign-in has lasted as long as it was to when it was first seen here, wherever the clock was set since."""
        now, elapsed = self._now(), self._elapsed()
        with self._lock:
            self._over = {one: over for one, over in self._over.items() if one.until > now or one == sign_in}
            return elapsed >= self._over.setdefault(sign_in, elapsed + max((sign_in.until - now).total_seconds(), 0.0))

    def may(self, right: Right, who: Person) -> bool:
        """Whether this person has the right; a sign-in that is over is told by `check`. Raises ConfigError as `people`."""
        if right in CHANGING and self.unchanging is not None:
            return False
        return who.sign_in is None or right in self.people.rights(who)

    def end(self, sign_in: SignIn) -> None:
        """From now on this sign-in allows nothing, in no tab, also after a restart. One without a key can't be ended."""
        if sign_in.key:
            self._ended.add(sign_in.key, sign_in.until, self._now())


def _what_is_wrong(home: Path) -> ConfigError | None:
    """What keeps the rules of runs in `settings.toml` from being used, as a start would say it."""
    try:
        Policy.model_validate(rules_of_runs(settings_file(home)))
    except ValidationError as exc:
        return refused(home, exc, Policy, SiteSettings)
    return None


class AtWork:
    """Who works with a session, and the question whether they may."""

    settings: Settings
    now: Callable[[], datetime]
    #: How the operator's name is known, for the log.
    known: str
    #: Which account of the settings, by its name; empty for the only one.
    wanted: str

    @cached_property
    def gate(self) -> Gate:
        return Gate(self.settings.home, self.now)

    @cached_property
    def operator(self) -> Person:
        """The user that this process runs as; a server knows better who is at work."""
        try:
            return Person(one_line(_user(), 100), self.known)
        except (OSError, KeyError, ImportError):
            return Person("unknown", "not at all")

    @cached_property
    def account(self) -> Account:
        """Raises ConfigError, also where it is not said which of several is meant."""
        return chosen(accounts_of(self.settings), self.wanted)

    @cached_property
    def arming(self) -> Arming:
        """For whom production is armed. Raises ConfigError."""
        return Arming(self.account, SiteSettings.of(self.settings.home).armed_minutes, self.now)

    def ask(self, right: Right, who: Person | None = None) -> None:
        """Raise NotAllowed, ReadOnly or NotArmed, in words, unless `who`, or else whoever is at work, may do so now."""
        person = who or self.operator
        self.gate.check(right, person)
        if right is Right.RUN:
            self.arming.check(person)

    def obstacle(self, right: Right) -> ExpressOpsError | None:
        """What keeps whoever is at work from doing so now; for what is offered to them."""
        try:
            self.ask(right)
        except ExpressOpsError as error:
            return error
        return None

    def may(self, right: Right) -> bool:
        """Whether whoever is at work may do so, for what is offered to them."""
        return self.gate.may(right, self.operator)


def _user() -> str:
    """The user that this process runs as, by the system's word: LOGNAME and its like say what anybody sets them to."""
    if pwd is None:
        return getpass.getuser()
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # as in a container that runs as any number
        return f"user {number}"
