"""Keeps the collection of garbage short.

Streamlit 1.67 collects all garbage after every run, and nobody's page is served meanwhile, not even by the last messages of
that run: over all that the imports have made it takes some 0.1 s, several times as long as the run. What is there when a page
is drawn first, and once it has been drawn, stays for good, so it is put where the collector does not look. That keeps what is
garbage at that moment as well, so it happens twice a page and no more; before the second time such a collection has just been.
"""

from __future__ import annotations

import gc
from collections import Counter

_RUNS = 2
_begun: Counter[str] = Counter()


def settle(page: str) -> None:
    """Call it when a run of `page` begins. At the first two of this process the collector lets go of all there is."""
    _begun[page] += 1
    if _begun[page] <= _RUNS:
        gc.freeze()
