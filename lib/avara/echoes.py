"""The API key, should a server send it back: taken out of an answer before anything else sees it. Pure.

It may come back as it was sent, in another case, percent-encoded, escaped as in JSON or HTML, in base64 (also as a part of
something longer) or in hexadecimal, and in any of these within another. What stays hidden after all is found and told.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from html import unescape
from html.entities import html5
from urllib.parse import unquote_to_bytes

from pydantic import SecretStr

#: What stands in its place.
INSTEAD = "[API key]"
#: A shorter key can't be told from a word of somebody's name.
_SHORTEST = 8
#: Encodings within one another that are looked into.
_DEPTH = 3


class Echoes:
    """Knows one key in all its forms. Its `repr` shows none of them."""

    def __init__(self, key: SecretStr) -> None:
        forms = _forms(key.get_secret_value())
        self._plain = tuple(form.lower().encode() for form in forms)
        self._written = re.compile("|".join(map(_written, forms)).encode(), re.IGNORECASE) if forms else None

    def hidden(self, body: bytes) -> bytes | None:
        """`body` with the key replaced; None where it holds it in a form that can't be taken out."""
        if self._written is None or not self._holds(body):
            return body
        clean = self._written.sub(INSTEAD.encode(), body)
        return None if self._holds(clean) else clean

    def hidden_text(self, text: str) -> str:
        """The same of a header or a message; only the replacement where nothing else helps."""
        clean = self.hidden(text.encode("utf-8", "surrogatepass"))
        return INSTEAD if clean is None else clean.decode("utf-8", "surrogatepass")

    def _holds(self, body: bytes) -> bool:
        plain = _decoded(body).lower()
        return any(form in plain for form in self._plain)


def _forms(key: str) -> list[str]:
    """The key, its hexadecimal digits, and what of its base64 is the same whatever stands before and after it."""
    if len(key) < _SHORTEST:
        return []
    forms = [key, key.encode().hex()]
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):
            whole = encode(b"\0" * before + key.encode()).decode().rstrip("=")
            first, last = -(-before * 8 // 6), (before + len(key)) * 8 // 6
            forms.append(whole[first:last])
    return list(dict.fromkeys(forms))


def _written(form: str) -> str:
    """A pattern of all ways to write it, character by character; zeros between them are those of UTF-16 and UTF-32."""
    return r"\x00*".join(map(_character, form))


def _character(char: str) -> str:
    names = [re.escape(f"&{name}") for name, meant in html5.items() if meant == char]
    code = ord(char)
    ways = [rf"\\+u00{code:02x}", rf"%(?:25)*{code:02x}", rf"&\#0*{code};?", rf"&\#x0*{code:x};?", *sorted(names, reverse=True)]
    ways += [rf"\\+{re.escape(char)}"] if char in '"\\/' else []
    return f"(?:{re.escape(char)}|{'|'.join(ways)})"


def _decoded(body: bytes) -> bytes:
    """What is read in the end."""
    body = body.replace(b"\0", b"")
    for _ in range(_DEPTH):
        before = body
        for begin, sign, read in _ENCODINGS:
            if begin in body and sign.search(body):
                body = read(body)
        if body == before:
            break
    return body


def _unescaped(body: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: found[2] or bytes.fromhex(found[1].decode()), body)


def _without_references(body: bytes) -> bytes:
    return unescape(body.decode("utf-8", "replace")).encode("utf-8", "replace")


_ESCAPED = re.compile(rb'\\+(?:u00([0-9a-fA-F]{2})|(["\\/]))')
#: How each is told and read. Without its sign nothing of ASCII is in it, and a lone & or % is none. Each page of customers is
#: looked through, and most hold none: told by the first byte alone, that takes next to no time.
_ENCODINGS = (
    (b"%", re.compile(rb"%[2-7][0-9a-fA-F]"), unquote_to_bytes),
    (b"\\", re.compile(rb'\\(?:u00[2-7]|["\\/])'), _unescaped),
    (b"&", re.compile(rb"&[#a-zA-Z]"), _without_references),
)
