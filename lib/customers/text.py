"""Text as people search and sort it: no case, no accents, no invisible characters, numbers by their size."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

#: Letters that Unicode does not decompose into a base letter and an accent, so that "lodz" finds "Łódź".
_BARE_LETTERS = {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ı": "i", "ŧ": "t", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"}
#: Combining accents, soft hyphen, zero-width characters, and the marks that set the direction of writing.
_UNSEEN = re.compile("[\u0300-\u036f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
#: Texts changed in one go; few enough that other threads get their turn in between.
_BULK = 2_000
_DIGITS = re.compile("[0-9]+")


def fold(text: str) -> str:
    """The text without case, accents, compatibility forms and invisible characters: "GDAŃSK" and "gdansk" become one."""
    if text.isascii():
        return text.lower()
    bare = _UNSEEN.sub("", unicodedata.normalize("NFKD", text.casefold())).casefold()
    for letter, plain in _BARE_LETTERS.items():
        bare = bare.replace(letter, plain)
    return unicodedata.normalize("NFC", bare)


def words(text: str) -> tuple[str, ...]:
    """The different folded words of a search text, in their order."""
    return tuple(dict.fromkeys(fold(text).split()))


def fold_all(texts: pa.Array) -> pa.Array:
    """`fold` for a whole string column without nulls; only texts outside ASCII pass through Python."""
    folded = pc.ascii_lower(texts)
    beyond = pc.invert(pc.string_is_ascii(texts))
    if not pc.any(beyond).as_py():
        return folded
    special = texts.filter(beyond).to_pylist()
    return pc.replace_with_mask(folded, beyond, pa.array(_in_bulk(fold, special), folded.type))


def arrow_strings(texts: pd.Series[str] | pd.Index[str]) -> pa.Array:
    """A pandas string column as one Arrow array; the characters are shared, not copied."""
    column = pa.array(texts, pa.large_string())
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def natural_keys(texts: list[str]) -> list[str]:
    """Sort keys for folded texts: digits compare as numbers ("ward 2" before "ward 10"), whatever their length."""
    return _in_bulk(lambda text: _DIGITS.sub(_sized, text), texts)


def _in_bulk(change: Callable[[str], str], texts: list[str]) -> list[str]:
    """`change` for each text, done on longer texts joined by line breaks, which is much quicker."""
    changed: list[str] = []
    for start in range(0, len(texts), _BULK):
        part = texts[start : start + _BULK]
        together = change("\n".join(part)).split("\n")
        # A text with a line break inside would blur where each ends.
        changed += together if len(together) == len(part) else [change(text) for text in part]
    return changed


def _sized(digits: re.Match[str]) -> str:
    # One character for the number of digits makes a longer number sort after every shorter one.
    number = digits[0].lstrip("0")
    return chr(ord("0") + min(len(number), 10_000)) + number
