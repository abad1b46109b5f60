"""Text as a reader sees it, and as it is compared where a different spelling must not make a difference. Pure."""

from __future__ import annotations

import re
import unicodedata

#: Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties), which a page draws as nothing, and the empty Braille cell.
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_UNSEEN = ("Cc", "Cf")
#: So much is shown of what was typed right.
_SHOWN = 20


def visible(text: str) -> str:
    """What a reader sees of it: without invisible characters and outer blanks, any inner blanks as one space, in NFC."""
    return _without_unseen(text, "NFC")


def folded(text: str) -> str:
    """What spellings of one text have in common: `visible`, and without case and compatibility forms (NFKC)."""
    before = None
    while text != before:  # folding case can leave what has a compatibility form of its own, and the other way round
        before, text = text, _without_unseen(_without_unseen(text, "NFKC").casefold(), "NFKC")
    return text


def what_is_wrong(typed: str, wanted: str) -> str:
    """In words; empty where nothing is typed, and where it is the same.

    It must be exact, but for what nobody sees: outer and repeated spaces, invisible characters, the Unicode form. What shows
    nothing is never right.
    """
    got, asked = visible(typed), visible(wanted)
    if not typed or got == asked != "":
        return ""
    if not got:
        return "Nothing can be seen of what you typed."
    if asked.startswith(got):
        return "Right so far. Go on."
    if got.casefold() == asked.casefold():
        return "Capital and small letters are not the same."
    same = next((at for at, pair in enumerate(zip(got, asked, strict=False)) if len(set(pair)) > 1), len(asked))
    after = f" after “{'…' if same > _SHOWN else ''}{got[max(same - _SHOWN, 0) : same]}”" if same else ""
    return f"This does not match{after}."


def _without_unseen(text: str, form: str) -> str:
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    blanks_apart = " ".join(text.split())  # first: a line break is a control character, but one that can be seen
    seen = "".join(char for char in _IGNORABLE.sub("", blanks_apart) if unicodedata.category(char) not in _UNSEEN)
    return " ".join(unicodedata.normalize(form, seen).split())  # type: ignore[arg-type]  # one of the four forms
