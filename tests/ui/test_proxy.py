"""People whom a proxy signs in: whose headers are believed, and how long."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from lib.gate import Gate
from lib.people import NotSignedIn, People, Person, Right
from lib.ui.signed_in.proxy import ProxySignIn, vouched_for
from lib.ui.signed_in.sessions import HOLDERS

SECRET = "0123456789abcdef-of-the-proxy"
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
GOOD = {"x-forwarded-email": "robin@example.com", "x-express-ops-secret": SECRET, "x-forwarded-groups": "operations, leads"}


@pytest.fixture
def people(tmp_path: Path) -> People:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (tmp_path / "secret").chmod(0o600)
    proxy = {"addresses": ["10.0.0.2"], "secret_file": str(tmp_path / "secret"), "groups": "X-Forwarded-Groups"}
    return People.model_validate({"proxy": proxy, "operator": ["robin@example.com"]})


def seen(people: People, headers: list[tuple[str, str]], address: str = "10.0.0.2", now: datetime = NOW) -> dict[str, str]:
    """The headers that a page sees of a websocket with these."""
    told: dict[str, str] = {}

    async def app(scope, receive, send) -> None:
        told.update({name.decode(): value.decode() for name, value in scope["headers"]})

    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "websocket", "client": (address, 4711), "headers": raw}
    asyncio.run(ProxySignIn(app, lambda: people.proxy, lambda: now)(scope, None, None))
    return told


def come(people: People, headers: list[tuple[str, str]], address: str = "10.0.0.2") -> tuple[Person | None, str]:
    """Whom a page is told that a websocket with these headers is of, and all the headers that it sees."""
    told = seen(people, headers, address)
    return vouched_for(told, people), str(told)


def test_the_proxy_says_who_it_is_and_how_that_is_known(people: People) -> None:
    who, told = come(people, list(GOOD.items()))
    assert who is not None
    assert (who.name, who.known) == ("robin@example.com", "by the proxy at 10.0.0.2")
    assert who.sign_in is not None
    assert (who.sign_in.email, who.sign_in.groups) == ("robin@example.com", {"operations", "leads"})
    assert SECRET not in told
    who, _ = come(people, list((GOOD | {"x-forwarded-email": "robin"}).items()), "::ffff:10.0.0.2")
    assert who is not None
    assert who.sign_in is not None
    assert (who.sign_in.email, who.sign_in.user) == ("", "robin")


#: What is wrong with a request → its address and headers.
FORGED = {
    "another address": ("10.0.0.3", [*GOOD.items()]),
    "this machine": ("127.0.0.1", [*GOOD.items()]),
    "no secret": ("10.0.0.2", [(name, value) for name, value in GOOD.items() if "secret" not in name]),
    "another secret": ("10.0.0.2", [*(GOOD | {"x-express-ops-secret": SECRET[:-1]}).items()]),
    "an empty secret": ("10.0.0.2", [*(GOOD | {"x-express-ops-secret": ""}).items()]),
    "two secrets": ("10.0.0.2", [*GOOD.items(), ("x-express-ops-secret", "x")]),
    "no name": ("10.0.0.2", [(name, value) for name, value in GOOD.items() if "email" not in name]),
    "an empty name": ("10.0.0.2", [*(GOOD | {"x-forwarded-email": " "}).items()]),
    "two names": ("10.0.0.2", [*GOOD.items(), ("x-forwarded-email", "alex@example.com")]),
    "two lists of groups": ("10.0.0.2", [*GOOD.items(), ("x-forwarded-groups", "admins")]),
    "its address from a header": ("10.0.0.2", [*GOOD.items(), ("x-forwarded-for", "10.0.0.2")]),
    "its address and port from a header": ("10.0.0.2", [*GOOD.items(), ("x-forwarded-for", "10.9.9.9, 10.0.0.2:4711")]),
    "its address from the second header": (
        "::ffff:10.0.0.2",
        [*GOOD.items(), ("x-forwarded-for", "10.9.9.9"), ("x-forwarded-for", "[::ffff:10.0.0.2]:1")],
    ),
    "the door's own header": ("10.0.0.3", [*GOOD.items(), ("x-express-ops-vouched", '{"name": "robin@example.com"}')]),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_header_signs_nobody_in(people: People, what: str) -> None:
    address, headers = FORGED[what]
    who, told = come(people, headers, address)
    assert who is None
    assert "x-express-ops" not in told


@pytest.mark.parametrize("secret", ["", "short", "x" * 5000, None])
def test_a_secret_that_can_not_be_used_signs_nobody_in(people: People, tmp_path: Path, secret: str | None) -> None:
    (tmp_path / "secret").unlink()
    if secret is not None:
        (tmp_path / "secret").write_text(secret)
        (tmp_path / "secret").chmod(0o600)
    assert come(people, list((GOOD | {"x-express-ops-secret": secret or ""}).items()))[0] is None


def test_a_proxy_may_say_whom_it_speaks_for(people: People) -> None:
    who, _ = come(people, [*GOOD.items(), ("x-forwarded-for", "10.0.0.20, 110.0.0.2")])
    assert who is not None


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
@pytest.mark.parametrize("mode", [0o666, 0o644, 0o640, 0o620])
def test_a_secret_that_others_may_read_or_write_signs_nobody_in_and_the_log_says_why(
    people: People, tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    (tmp_path / "secret").chmod(mode)
    assert come(people, list(GOOD.items()))[0] is None
    assert "Other users may" in caplog.text
    assert SECRET not in caplog.text


def test_without_a_proxy_in_the_settings_no_header_counts(people: People) -> None:
    assert come(People(operator=["robin@example.com"]), list(GOOD.items()))[0] is None


#: What a page asks → its headers, besides the secret, for robin's session, and whether robin is still in by that.
ASKED = {
    "robin's": ({}, True),
    "robin's, in another group now": ({"x-forwarded-groups": "interns"}, True),
    "kim's, who names robin's session": ({"x-forwarded-email": "kim@example.com"}, False),
    "without the proxy's secret": ({"x-express-ops-secret": "guessed-secret-of-sixteen"}, False),
    "of another session": ({"x-express-ops-tab": "another"}, False),
    "of none": ({"x-express-ops-tab": ""}, False),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_the_proxy_does_not_say_anew_ends_within_a_minute(people: People, tmp_path: Path, what: str) -> None:
    now, session = NOW, f"session-{[*ASKED].index(what)}"
    (tmp_path / "settings.toml").write_text('people.operator = ["robin@example.com"]')
    gate = Gate(tmp_path, lambda: now, lambda: (now - NOW) / timedelta(seconds=1))
    came = seen(people, list(GOOD.items()))

    def check() -> Person:
        """As a page does when a message comes."""
        who = vouched_for(came, people, session)
        assert who is not None
        HOLDERS.check(session, who, by_proxy=True)
        gate.check(Right.RUN, who)
        return who

    HOLDERS.begin(session)
    check()
    asked, still_in = ASKED[what]
    proxied = ProxySignIn(PlainTextResponse("no page asks for that"), lambda: people.proxy, lambda: now)
    client = TestClient(proxied, client=("10.0.0.2", 4711))
    for _ in range(4):
        now += timedelta(seconds=30)
        answer = client.post("/still-in", headers=GOOD | {"x-express-ops-tab": session} | asked)
        assert answer.status_code == (204 if still_in else 403)
        if still_in:
            HOLDERS.begin(session)  # another page is opened
            assert check().sign_in.groups == set(asked.get("x-forwarded-groups", "operations, leads").split(", "))
    now += timedelta(minutes=1)
    with pytest.raises(NotSignedIn, match="run out"):
        check()
    came = seen(people, [*GOOD.items(), ("sec-websocket-protocol", f"streamlit, token, {session}")], now=now)  # the line broke
    check()


def test_a_line_that_breaks_brings_what_the_proxy_says_then(people: People) -> None:
    """Also where its clock has been set back meanwhile: later is what came later."""
    first, protocols = seen(people, list(GOOD.items())), ("sec-websocket-protocol", "streamlit, token, broken")
    HOLDERS.begin("broken")
    HOLDERS.check("broken", vouched_for(first, people), by_proxy=True)
    assert HOLDERS.confirm("broken", vouched_for(first, people))
    again = seen(people, [*(GOOD | {"x-forwarded-groups": "interns"}).items(), protocols], now=NOW - timedelta(hours=1))
    assert again["sec-websocket-protocol"] == protocols[1]
    assert vouched_for(again, people, "broken").sign_in.groups == {"interns"}
