"""Whose each tab's session is: for whom its page was drawn last. Streamlit gives a session to whoever names its id."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from starlette.datastructures import MutableHeaders

from lib.people import NotAllowed, Person

#: Where a browser names the session that its tab had: behind the protocol and a token, in this header.
_PROTOCOLS, _BEFORE = "sec-websocket-protocol", 2
#: More sessions than a server has; whoever is forgotten gets a new one where the line is cut.
_MOST = 10_000


class SomebodyElse(NotAllowed):
    """This page was drawn for somebody else, so nothing was changed. Reload it."""


@dataclass(frozen=True)
class _Held:
    name: str = ""
    #: How the name is known; whichever of its addresses a proxy came from.
    known: str = ""
    by_proxy: bool = False
    #: Whether a page is being drawn: then it is whoever's asks first.
    anew: bool = False


@dataclass(frozen=True)
class Holders:
    """Any thread may ask."""

    _of: OrderedDict[str, _Held] = field(default_factory=OrderedDict)
    #: Whom the proxy last said to have one of these.
    _confirmed: dict[str, Person] = field(default_factory=dict)

    def begin(self, session: str) -> None:
        """A page is drawn from the start: it is for whoever is at work now."""
        self._of[session] = replace(self._of.get(session, _Held()), anew=True)
        while len(self._of) > _MOST:
            self._confirmed.pop(self._of.popitem(last=False)[0], None)

    def check(self, session: str, who: Person, *, by_proxy: bool) -> None:
        """Raise SomebodyElse where the page of this session was drawn for another person than `who`."""
        now = _Held(who.name, "" if by_proxy else who.known, by_proxy)
        held = self._of.setdefault(session, now)
        if held.anew:
            self._of[session] = now
        elif held != now:
            raise SomebodyElse

    def confirm(self, session: str, who: Person) -> bool:
        """The proxy says that `who` is still in: whether they have this session, which goes on by that."""
        held = self._of.get(session)
        if held is None or not held.by_proxy or held.name != who.name:
            return False
        self._confirmed[session] = who
        return True

    def latest(self, session: str, who: Person) -> Person:
        """As the proxy said last, whom it signed in when the tab of this session came."""
        last = self._confirmed.get(session, who)
        return last if last.name == who.name else who

    def leave_own(self, headers: MutableHeaders, name: str) -> None:
        """Take out of a websocket's headers a session that is not of the person whom the proxy calls so; "": nobody's.

        The sessions of people who logged in here, or of the server's own user, Streamlit compares itself.
        """
        protocols = [entry.strip() for entry in headers.get(_PROTOCOLS, "").split(",")]
        held = self._of.get(protocols[_BEFORE]) if len(protocols) > _BEFORE else None
        if len(protocols) <= _BEFORE:
            return
        if held is None or held.by_proxy != bool(name) or (name and held.name != name):
            headers[_PROTOCOLS] = ", ".join(protocols[:_BEFORE])
        else:
            self._confirmed.pop(protocols[_BEFORE], None)  # what the proxy says now is newer


#: Of this server.
HOLDERS = Holders()
