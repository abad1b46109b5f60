from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from lib.avara.connection import Connection, is_loopback
from lib.errors import ConfigError

KEY = "sk_live_0123456789"


def connection(base_url: str = "https://api.avarasoftware.com", key: str = KEY) -> Connection:
    return Connection(base_url, SecretStr(key), "production")


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("https://api.avarasoftware.com", "https://api.avarasoftware.com"),
        ("https://api.avarasoftware.com/", "https://api.avarasoftware.com"),
        ("  https://proxy.example/avara/ \n", "https://proxy.example/avara"),
        ("https://10.0.0.1:8443", "https://10.0.0.1:8443"),
        ("http://127.0.0.1:4010", "http://127.0.0.1:4010"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://localhost:4010/", "http://localhost:4010"),
        ("http://[::1]:4010", "http://[::1]:4010"),
        ("HTTPS://API.example", "https://api.example"),
        ("https://api.example:443/", "https://api.example"),
        ("https://api.example:0443", "https://api.example"),
        ("https://api.example:", "https://api.example"),
        ("https://api.example:80", "https://api.example:80"),
        ("https://Api.Example/Path/", "https://api.example/Path"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("http://[::1]:80/a", "http://[::1]/a"),
    ],
)
def test_a_base_url_is_https_or_http_to_this_machine(given_url, kept):
    assert connection(given_url).base_url == kept


def test_however_a_base_url_is_spelt_its_account_is_one():
    """RFC 3986, 6.2.2.1 and 6.2.3. Two would let two live runs have the same customer, and one of them be no production."""
    spelt = ("https://api.example", "HTTPS://api.example/", "https://API.EXAMPLE:443", " https://api.example:443/ ")
    assert len({connection(url).fingerprint for url in spelt}) == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.avarasoftware.com",
        "ftp://api.avarasoftware.com",
        "https://",
        "http://api.avarasoftware.com",  # the key would cross a network in clear
        "http://10.0.0.1",
        "http://localhost.evil.example",
        "http://app.localhost",  # many resolvers look this up in the network
        "http://app.localhost:4010/",
        "http://localhost.",
        "http://127.1",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "http://evil.example#@127.0.0.1",
        "http://0.0.0.0",
        "https://user@api.example",
        "https://user:word@api.example",
        "https://api.example?a=b",
        "https://api.example#part",
        "https://api.example:99999",
        "https://[::1",
    ],
)
def test_any_other_base_url_is_refused(url):
    with pytest.raises(ConfigError, match="AVARA_BASE_URL"):
        connection(url)


@pytest.mark.parametrize("key", ["", " ", "a b", "key\n", "key\t", "kéy", "key\x00", "k\u200bey"])
def test_a_key_that_can_not_be_sent_is_refused_without_being_shown(key):
    with pytest.raises(ConfigError) as refusal:
        connection(key=key)
    assert refusal.value.message == "AVARA_API_KEY is empty or holds spaces or unprintable characters. Copy it again."


def test_the_key_is_in_no_text_of_a_connection():
    made = connection()
    for text in (repr(made), str(made), f"{made}", made.fingerprint, made.host, repr(vars(made))):
        assert KEY not in text


def test_the_fingerprint_tells_keys_and_addresses_apart_and_stays_the_same():
    prints = [
        connection().fingerprint,
        connection(key="other").fingerprint,
        connection("https://other.example").fingerprint,
    ]
    assert len(set(prints)) == 3
    assert connection("https://api.avarasoftware.com/").fingerprint == prints[0]
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in prints)


@given(st.text(max_size=40))
def test_any_text_is_either_refused_in_words_or_safe(text):
    try:
        made = connection(text)
    except ConfigError:
        return
    assert made.base_url.lower().startswith("https://") or is_loopback(made.host.rsplit(":", 1)[0])


def test_a_connection_survives_a_copy():
    assert pickle.loads(pickle.dumps(connection())) == connection()
