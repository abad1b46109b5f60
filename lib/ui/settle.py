"""Keeps the collection of garbage short.

Streamlit 1.67 collects all garbage after every run, and nobody else's page is served meanwhile: over all that the imports have
made it takes some 0.1 s, several times as long as the run. What is there once a page has been drawn stays for good, so it is
put where the collector does not look. That keeps what is garbage at that moment as well, so it happens once a page, right after
such a collection.
"""

from __future__ import annotations

import gc
from collections import Counter

_FIRST_DRAWN = 2
_begun: Counter[str] = Counter()


def settle(page: str) -> None:
    """Call it when a run of `page` begins. At the second one of this process the collector lets go of all there is."""
    _begun[page] += 1
    if _begun[page] == _FIRST_DRAWN:
        gc.freeze()
