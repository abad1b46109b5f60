"""Dealing with runs one after the other, so that one of which nothing can be made keeps no other from its turn."""

from __future__ import annotations

import logging
from collections.abc import Callable

from lib.errors import JournalUnavailable
from lib.plans.model import Run

logger = logging.getLogger(__name__)


class Spared:
    """Does something with a run. Where that fails, as with one that is damaged, the log says so once: it is tried on and on.

    Raises JournalUnavailable, which is no single run's fault.
    """

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, run_id: str, act: Callable[[], Run | None]) -> Run | None:
        try:
            return act()
        except JournalUnavailable:
            raise
        except Exception:
            if run_id not in self._told:
                logger.exception("%s is left, and nothing can be made of it", run_id)
            self._told.add(run_id)
        return None
