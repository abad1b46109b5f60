"""The loads of one connection over a session: the one on show, and the one that runs behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from lib.avara.models import Customer
from lib.customers.frame import CustomerFrame
from lib.customers.load import Load, LoadState


class Loads:
    """Shared by everyone on the connection (design decision 4). All methods may be called from any thread.

    While a reload runs, the last complete load stays on show; a reload that fails or is cancelled changes nothing of it.
    """

    def __init__(self, new_load: Callable[[], Load]) -> None:
        self._new_load = new_load
        self._lock = threading.Lock()
        self._complete: Load | None = None
        self._newest: Load | None = None

    def start(self) -> None:
        """Begin the first load; nothing happens when there is one already."""
        with self._lock:
            if self._newest is None:
                self._newest = self._new_load()
                self._newest.start()

    def reload(self) -> None:
        """Begin another load behind the one on show; nothing happens while one is running."""
        with self._lock:
            if self._newest is not None and self._newest.progress().state is LoadState.LOADING:
                return
            self._keep_complete()
            self._newest = self._new_load()
            self._newest.start()

    @property
    def newest(self) -> Load | None:
        return self._newest

    @property
    def shown(self) -> Load | None:
        """The last complete load, else what has come of the first one."""
        with self._lock:
            self._keep_complete()
            return self._complete or self._newest

    @property
    def complete(self) -> bool:
        shown = self.shown
        return shown is not None and shown.complete

    def frame(self) -> CustomerFrame:
        """The customers on show. Complete or not: ask `shown.complete` before planning from it."""
        shown = self.shown
        if shown is None:
            self.start()
            return self.frame()
        return shown.frame()

    def active_total(self) -> int | None:
        """How many customers are active, by the last complete load; None where there is none yet."""
        shown = self.shown
        return int(shown.frame().rows["is_active"].sum()) if shown is not None and shown.complete else None

    def update(self, records: Iterable[Customer]) -> None:
        """Put records that were just read in the place of the older ones, after a run."""
        fresh = list(records)
        with self._lock:
            loads = {load for load in (self._complete, self._newest) if load is not None}
        for load in loads:
            load.update(fresh)

    def _keep_complete(self) -> None:
        if self._newest is not None and self._newest.complete:
            self._complete = self._newest
