"""Whose login a request without a page is: what Streamlit made of the same cookie when a page came with it.

So Streamlit alone reads its cookie, by which it says who has logged in (`st.user`): what it signs it with, and how, is its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Streamlit's name for it, which is none of its documented ones: a test fails where it is another. Of a login that is too long
#: for one cookie it says into how many it was split, which are called so with a number behind it.
COOKIE = "_streamlit_user"
#: More logins than a server has; whose is forgotten gets files again once a page of theirs is drawn.
_MOST = 10_000


@dataclass(frozen=True)
class Logins:
    """By a digest of the cookie, which is a secret: whoever shows the same one has that login. Any thread may ask."""

    _claims: OrderedDict[str, Mapping[str, object]] = field(default_factory=OrderedDict)

    def came(self, cookies: Mapping[str, str], claims: Mapping[str, object]) -> None:
        """A page is drawn for a browser with these cookies, of whom Streamlit says this."""
        if claims.get("is_logged_in") and COOKIE in cookies:
            told = {name: claim for name, claim in claims.items() if name != "tokens"}
            self._claims[_digest(cookies)] = told
            self._claims.move_to_end(_digest(cookies))
            while len(self._claims) > _MOST:
                self._claims.popitem(last=False)

    def claims(self, cookies: Mapping[str, str]) -> Mapping[str, object]:
        """What Streamlit said of whoever came with this cookie; nothing where nobody did."""
        return self._claims.get(_digest(cookies), {})


def _digest(cookies: Mapping[str, str]) -> str:
    """Of all parts: the first of a login that was split is the same for all who logged in within that second."""
    parts = sorted(one for one in cookies.items() if re.fullmatch(rf"{COOKIE}(_\d+)?", one[0]))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


#: Of this server.
LOGINS = Logins()
