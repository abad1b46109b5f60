"""Wherever and however a server sends the key back, over real HTTP: nobody sees it."""

from __future__ import annotations

import base64
import binascii
import html
import json
import pickle
import re
from contextlib import suppress
from urllib.parse import quote, unquote

import pytest
from pydantic import SecretStr

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.echoes import INSTEAD, Echoes
from lib.avara.retry import RetryPolicy
from lib.errors import ApiError
from tests.avara.records import EXAMPLE, EXAMPLE_ID
from tests.avara.wire import Wire, reply, wire

KEY = 'sk_live_9f"8/e+7~Ab0123456789'


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)


def in_base64(before: str, after: str = ":x", encode=base64.b64encode) -> str:
    return encode(f"{before}{KEY}{after}".encode()).decode()


#: How the key may be written in a text; as it stands on the wire, in JSON or not.
FORMS = {
    "raw": json.dumps(KEY)[1:-1],
    "slash escaped": json.dumps(KEY)[1:-1].replace("/", "\\/"),
    "upper case": json.dumps(KEY.upper())[1:-1],
    "lower case": json.dumps(KEY.lower())[1:-1],
    "in a header": json.dumps(f"Bearer {KEY}")[1:-1],
    **{f"base64, aligned by {at}": in_base64("x" * at) for at in range(3)},
    **{f"urlsafe base64, aligned by {at}": in_base64("x" * at, encode=base64.urlsafe_b64encode) for at in range(3)},
    "base64 of it alone": in_base64("", ""),
    "base64, percent-encoded": quote(in_base64("a:", ""), safe=""),
    "percent-encoded": quote(KEY, safe=""),
    "percent-encoded, each": "".join(f"%{ord(char):02x}" for char in KEY),
    "percent-encoded twice": quote(quote(KEY, safe=""), safe=""),
    "JSON-escaped, each": escaped(KEY),
    "JSON-escaped, one": escaped(KEY[:1]) + json.dumps(KEY[1:])[1:-1],
    "JSON in JSON": json.dumps(json.dumps(KEY))[1:-1],
    "HTML entities": "".join(f"&#x{ord(char):x};" for char in KEY),
    "HTML names": json.dumps(html.escape(KEY).replace("_", "&lowbar;"))[1:-1],
    "hexadecimal": KEY.encode().hex(),
}
HERE = "here-it-is"


def page(**fields: object) -> bytes:
    more = {name: fields.pop(name) for name in ("cursor", "hasMore") if name in fields}
    return reply(200, {"expressCustomers": [EXAMPLE | fields], "hasMore": False, **more})


#: Where it may stand in an answer.
PLACES = {
    "message": reply(400, {"message": f"The key {HERE} is bad"}),
    "error of another shape": reply(422, {"echo": {"authorization": [HERE]}}),
    "page of an error": reply(502, f"<p>{HERE}</p>".encode()),
    "name": page(expressCustomerName=f"Clinic {HERE}"),
    "metadata key": page(metadata={f"k{HERE}": "v"}),
    "metadata value": page(metadata={"k": f"v{HERE}"}),
    "id": page(expressCustomerId=HERE),
    "creator": page(createdByUserId=HERE),
    "problem": page(userCount=HERE),
    "problem at a metadata key": page(metadata={HERE: 5}),
    "no object": reply(200, {"expressCustomers": [HERE], "hasMore": False}),
    "cursor": page(hasMore=True, cursor=HERE),
    "request id": reply(500, {}, {"X-Request-Id": HERE}),
    "redirect": reply(302, b"", {"Location": f"https://x.example/{HERE}"}),
    "coding": reply(200, b"{}", {"Content-Encoding": HERE}),
    "no JSON": reply(400, f"what? {HERE}".encode()),
}


def holds_key(text: str) -> bool:
    """Whether somebody who knows how to read all this finds the key in it."""
    seen = [text]
    for _ in range(4):
        seen += [unquote(seen[-1]), html.unescape(seen[-1]), re.sub(r'\\+(["\\/])', r"\1", seen[-1])]
        seen.append(re.sub(r"\\+u(00[0-9a-f]{2})", lambda found: chr(int(found[1], 16)), seen[-1]))
        seen.append(unquote(html.unescape(seen[-1])))
    for run in re.findall(r"[A-Za-z0-9+/_=-]{16,}", " ".join(seen)):
        for at in range(4):
            whole = run[at:].rstrip("=").replace("-", "+").replace("_", "/")
            with suppress(binascii.Error, ValueError):
                seen.append(base64.b64decode(whole + "=" * (-len(whole) % 4)).decode("latin-1"))
            with suppress(ValueError):
                seen.append(bytes.fromhex(run).decode("latin-1"))
    return any(KEY.lower() in one.lower() for one in seen)


@pytest.mark.parametrize("form", FORMS)
def test_the_search_would_find_it(form):
    assert holds_key(json.loads(f'"{FORMS[form]}"'))


def put(answer: bytes, form: str) -> bytes:
    """The answer with this in its place."""
    head, _, body = answer.replace(HERE.encode(), form.encode()).partition(b"\r\n\r\n")
    return re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head) + b"\r\n\r\n" + body


def connection_to(server: Wire) -> Connection:
    return Connection(server.base_url, SecretStr(KEY), "test")


def told_of(client: AvaraClient) -> list[str]:
    """All that comes of the next answer."""
    try:
        read = next(client.iter_pages())
    except ApiError as error:
        return [str(error), str(error.request_id), repr(vars(error)), repr(pickle.dumps(error))]
    told = [repr(list(read.customers)), *map(str, read.problems), repr(read.problems), str(read.next_cursor)]
    return told + [one.model_dump_json() for one in read.customers]


@pytest.mark.parametrize("form", FORMS)
def test_no_key_that_comes_back_is_seen_wherever_it_stood(form):
    answers, policy = [put(answer, FORMS[form]) for answer in PLACES.values()], RetryPolicy(retries=0)
    with wire(*answers) as server, AvaraClient(connection_to(server), retry=policy) as client:
        told = {place: told_of(client) for place in PLACES}
    assert [place for place, texts in told.items() if any(map(holds_key, texts))] == []
    unseen = {place for place, texts in told.items() if not any(INSTEAD in text for text in texts)}
    assert unseen <= {"error of another shape"}


@pytest.mark.parametrize("coding", ["utf-16", "utf-32", "utf-16-be"])
def test_in_a_body_of_wider_characters_it_is_found_too(coding):
    clean = Echoes(SecretStr(KEY)).hidden(json.dumps({"message": f"key {KEY}"}).encode(coding))
    assert clean is None or not holds_key(clean.replace(b"\0", b"").decode("latin-1"))


def test_a_body_in_which_it_can_be_found_and_not_replaced_is_not_read():
    tangled = "".join(f"&#x26;#x{ord(char):x};" for char in KEY)  # entities of entities
    policy = RetryPolicy(retries=0)
    with wire(reply(400, {"message": tangled})) as server, AvaraClient(connection_to(server), retry=policy) as client:
        told = told_of(client)
    assert not any(map(holds_key, told))


@pytest.mark.parametrize("key", ["k", "clinic", "sandbox"])
def test_a_key_that_could_be_a_word_changes_nobody_s_name(key):
    body = json.dumps({"expressCustomerName": "Sandbox Clinic of Kiel"}).encode()
    assert Echoes(SecretStr(key)).hidden(body) == body


def test_what_holds_no_key_is_not_touched_and_no_repr_shows_one():
    body = json.dumps({"n": "Smith & Söhne, 100 % \\u0041 &amp; 中"}).encode()
    echoes = Echoes(SecretStr(KEY))
    assert echoes.hidden(body) is body
    assert "sk_live" not in repr(echoes)
    assert EXAMPLE_ID in echoes.hidden_text(EXAMPLE_ID)
