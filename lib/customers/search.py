"""Which customers hold a word in their name, id or metadata."""

from __future__ import annotations

import threading
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lib.customers.metadata import MetadataIndex
from lib.customers.text import arrow_strings, fold_all

#: Shorter words are not looked for in ids: in random hexadecimal characters "ed" would match every tenth customer.
SHORTEST_ID_PART = 4
#: Answers kept for the words searched last, one byte a customer each: typing on and paging ask for the same words again.
WORDS_KEPT = 32

_ID_CHARACTERS = frozenset("cus_0123456789abcdef")


class SearchText:
    """The folded names, ids and metadata of a frame. Metadata is searched in its different keys and values, once each."""

    def __init__(self, ids: pd.Series[str], names: pd.Series[str], metadata: MetadataIndex) -> None:
        self._id_column, self._name_column, self._metadata = ids, names, metadata
        self._masks: dict[str, npt.NDArray[np.bool_]] = {}
        self._lock = threading.Lock()

    def mask(self, word: str) -> npt.NDArray[np.bool_]:
        """True for each row that holds the folded `word` (see `text.words`). Read-only; shared between callers."""
        with self._lock:
            found = self._masks.get(word)
        if found is None:
            found = self._search(word)
            found.setflags(write=False)
            with self._lock:
                self._masks[word] = found
                if len(self._masks) > WORDS_KEPT:
                    del self._masks[next(iter(self._masks))]
        return found

    def warm(self) -> None:
        """Folds the text now, so that the first search does not wait for it."""
        _ = self._names, self._ids, self._keys, self._values

    def _search(self, word: str) -> npt.NDArray[np.bool_]:
        found = _holds(self._names, word)
        if len(word) >= SHORTEST_ID_PART and _ID_CHARACTERS.issuperset(word):
            found |= _holds(self._ids, word)
        metadata = self._metadata
        for words, codes in ((self._values, metadata.value_codes), (self._keys, metadata.key_codes)):
            held = _holds(words, word)
            if held.any():  # most words stand in no metadata, and there are many pairs to look through
                found[metadata.rows[held[codes]]] = True
        return found

    @cached_property
    def _names(self) -> pa.Array:
        return fold_all(arrow_strings(self._name_column))

    @cached_property
    def _ids(self) -> pa.Array:
        return fold_all(arrow_strings(self._id_column))

    @cached_property
    def _keys(self) -> pa.Array:
        return fold_all(arrow_strings(self._metadata.keys))

    @cached_property
    def _values(self) -> pa.Array:
        return fold_all(arrow_strings(self._metadata.values))


def _holds(texts: pa.Array, word: str) -> npt.NDArray[np.bool_]:
    return np.array(pc.match_substring(texts, word).to_numpy(zero_copy_only=False), dtype=np.bool_)
