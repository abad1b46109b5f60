"""The token of a proxy that signs people in: which one counts, of whom, and how long."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from lib.people import People, Person
from lib.ui.signed_in import tokens
from lib.ui.signed_in.proxy import STANDS, ProxySignIn, vouched_for

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
HEADER, ISSUER, AUDIENCE = "Cf-Access-Jwt-Assertion", "https://example.cloudflareaccess.com", "express-ops"
RSA, EC = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}), ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
OTHER, SHARED = RSAKey.generate_key(2048, {"kid": "rsa"}), OctKey.import_key("a-key-that-both-sides-would-know", {"kid": "oct"})
CLAIMS = {"iss": ISSUER, "aud": [AUDIENCE], "exp": SECONDS + 3600, "iat": SECONDS, "email": "robin@example.com"}
BY = {"header": HEADER, "issuer": ISSUER, "audience": AUDIENCE, "groups": "groups"}


@pytest.fixture
def proxy(tmp_path: Path) -> dict[str, object]:
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps({"keys": [*(key.as_dict(private=False) for key in (RSA, EC)), SHARED.as_dict(private=True)]}))
    keys.chmod(0o644)
    return {"addresses": ["10.0.0.2"], "jwt": BY | {"keys": str(keys)}}


def signed(key: RSAKey | ECKey = RSA, algorithm: str = "RS256", kid: str | None = None, **claims: object) -> str:
    header = {"alg": algorithm, "kid": kid or key.kid}
    told = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return jwt.encode(header, told, key, algorithms=[algorithm])


def forged(header: Mapping[str, object], key: bytes = b"", *, sign: bool = True) -> str:
    """As no library would make it: "none", or signed with a public key as if it were shared."""
    first, second = (base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, CLAIMS))
    made = hmac.new(key, first + b"." + second, hashlib.sha256).digest() if sign else b""
    return b".".join((first, second, base64.urlsafe_b64encode(made).rstrip(b"="))).decode()


def come(proxy: Mapping[str, object], *headers: tuple[str, str], address: str = "10.0.0.2") -> tuple[Person | None, str]:
    """Whom a page is told that a websocket with these headers is of, and all the headers that it sees."""
    people, seen = People.model_validate({"proxy": proxy, "operator": ["robin@example.com"]}), dict[str, str]()

    async def app(scope, receive, send) -> None:
        seen.update({name.decode(): value.decode() for name, value in scope["headers"]})

    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"type": "websocket", "client": (address, 4711), "headers": raw}
    asyncio.run(ProxySignIn(app, lambda: people.proxy, lambda: NOW)(scope, None, None))
    return vouched_for(seen, people), str(seen)


@pytest.mark.parametrize("token", [signed(), signed(EC, "ES256"), signed(RSA, "PS256"), f"Bearer {signed(aud=AUDIENCE)}"])
def test_a_token_that_its_issuer_signed_for_this_app_names_the_person_and_goes_no_further(
    proxy: dict[str, object], token: str
) -> None:
    who, seen = come(proxy, (HEADER, token), ("X-Forwarded-Email", "kim@example.com"))
    assert who is not None
    assert (who.name, who.known) == ("robin@example.com", f"by the proxy at 10.0.0.2, with a token of {ISSUER}")
    assert who.sign_in.until == NOW + STANDS
    assert token.rpartition(".")[2] not in seen


@pytest.mark.parametrize(
    ("claims", "email", "groups"),
    [
        ({"groups": ["a,b", "leads"]}, "robin@example.com", {"a,b", "leads"}),
        ({"groups": "leads"}, "robin@example.com", {"leads"}),
        ({"groups": [1, None, {}]}, "robin@example.com", set()),
        ({"groups": {"leads": 1}}, "robin@example.com", set()),
        ({"email_verified": True}, "robin@example.com", set()),
    ],
)
def test_the_groups_of_a_token_are_taken_and_no_more(
    proxy: dict[str, object], claims: dict[str, object], email: str, groups: set[str]
) -> None:
    who, _ = come(proxy, (HEADER, signed(**claims)))
    assert (who.sign_in.email, who.sign_in.groups) == (email, groups)


def test_a_token_that_runs_out_sooner_ends_the_proxys_word_with_it(proxy: dict[str, object]) -> None:
    who, _ = come(proxy, (HEADER, signed(exp=SECONDS + 10)))
    assert who.sign_in.until == NOW + timedelta(seconds=10)


PUBLIC = RSA.as_pem(private=False)
#: What is wrong → the tokens that are sent.
REFUSED = {
    "none": [forged({"alg": "none"}, sign=False)],
    "None": [forged({"alg": "None", "kid": "rsa"}, sign=False)],
    "signed with the public key as a shared one": [forged({"alg": "HS256", "kid": "rsa"}, PUBLIC)],
    "signed with a shared key of the file": [forged({"alg": "HS256", "kid": "oct"}, b"a-key-that-both-sides-would-know")],
    "another's key under the same name": [signed(OTHER)],
    "a key that it brings itself": [jwt.encode({"alg": "RS256", "jwk": OTHER.as_dict(private=False)}, CLAIMS, OTHER)],
    "a key of no such name": [signed(kid="other")],
    "a key of another kind": [signed(RSA, "RS256", kid="ec")],
    "no signature": [signed().rpartition(".")[0] + "."],
    "another's words": [
        ".".join((signed().split(".")[0], signed(email="kim@example.com").split(".")[1], signed().split(".")[2]))
    ],
    "run out": [signed(exp=SECONDS - 60)],
    "without an end": [signed(exp=None)],
    "an end in words": [signed(exp="never")],
    "an end beyond all numbers": [signed(exp=10**400)],
    "not yet": [signed(nbf=SECONDS + 600)],
    "another audience": [signed(aud=["other-app"])],
    "no audience": [signed(aud=None)],
    "another issuer": [signed(iss="https://elsewhere.example.com")],
    "no issuer": [signed(iss=None)],
    "two": [signed(), signed()],
    "two, one of them bad": [signed(OTHER), signed()],
    "nobody": [signed(email=None)],
    "an empty name": [signed(email=" ")],
    "several names": [signed(email=["robin@example.com"])],
    "an address that is not verified": [signed(email_verified=False)],
    "nothing": [""],
    "no token": [],
    "words": ["robin@example.com"],
    "a long one": ["e" * 100_000],
    "deep": [base64.urlsafe_b64encode(b"[" * 9_000).decode() + ".e30.e30"],
    "no object": [".".join((base64.urlsafe_b64encode(b"[]").decode(), "e30", "e30"))],
}


@pytest.mark.parametrize("what", REFUSED)
def test_any_other_token_signs_nobody_in(proxy: dict[str, object], caplog: pytest.LogCaptureFixture, what: str) -> None:
    who, seen = come(proxy, *((HEADER, token) for token in REFUSED[what]))
    assert who is None
    assert HEADER.lower() not in seen
    assert "Nobody is signed in by the proxy" in caplog.text
    assert not [token for token in REFUSED[what] if len(token) > 20 and token[-20:] in caplog.text]


def test_a_token_counts_from_the_proxys_address_alone_and_beside_a_secret_where_both_are_asked_for(
    proxy: dict[str, object], tmp_path: Path
) -> None:
    secret = ("X-Express-Ops-Secret", "0123456789abcdef-of-the-proxy")
    (tmp_path / "secret").write_text(secret[1])
    (tmp_path / "secret").chmod(0o600)
    assert come(proxy, (HEADER, signed()), address="10.0.0.3")[0] is None
    both = proxy | {"secret_file": str(tmp_path / "secret")}
    assert come(both, (HEADER, signed()))[0] is None
    assert come(both, secret, ("X-Forwarded-Email", "robin@example.com"))[0] is None
    assert come(both, secret, (HEADER, signed()))[0] is not None


@pytest.mark.parametrize("content", [None, "", "{}", '{"keys": []}', '{"keys": 1}', '{"keys": [{"kty": "RSA"}]}', "[" * 9_000])
def test_keys_that_can_not_be_used_sign_nobody_in_and_the_log_says_why(
    proxy: dict[str, object], tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    (tmp_path / "jwks.json").unlink()
    if content is not None:
        (tmp_path / "jwks.json").write_text(content)
    assert come(proxy, (HEADER, signed()))[0] is None
    assert "people.proxy.jwt.keys" in caplog.text


@pytest.mark.skipif(os.name != "posix", reason="pipes with names")
@pytest.mark.timeout(30)  # whoever opens it waits for somebody to write
def test_a_pipe_in_place_of_the_keys_holds_nobody_and_signs_nobody_in(
    proxy: dict[str, object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "jwks.json").unlink()
    os.mkfifo(tmp_path / "jwks.json", 0o600)
    assert come(proxy, (HEADER, signed()))[0] is None
    assert "it is no file" in caplog.text


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_keys_that_others_may_write_sign_nobody_in_and_new_ones_count_at_once(
    proxy: dict[str, object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = tmp_path / "jwks.json"
    keys.chmod(0o666)
    assert come(proxy, (HEADER, signed()))[0] is None
    assert "Other users may write" in caplog.text
    keys.chmod(0o644)
    keys.write_text(json.dumps({"keys": [OTHER.as_dict(private=False)]}))
    assert come(proxy, (HEADER, signed()))[0] is None
    assert come(proxy, (HEADER, signed(OTHER)))[0] is not None


def test_keys_are_read_once_in_each_state_of_their_file(proxy: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    read, times = tokens.read_at_most, list[object]()
    monkeypatch.setattr(tokens, "read_at_most", lambda *args, **named: times.append(args) or read(*args, **named))
    for _ in range(3):  # the page, and each of its parts
        assert come(proxy, (HEADER, signed()))[0] is not None
    assert len(times) == 1
