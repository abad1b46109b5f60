"""The start: what the process needs is made once, for everybody; where that fails, it is told and tried again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from lib.errors import ExpressOpsError, NotStarted

T = TypeVar("T")

#: Seconds for which a failed start stands before it is tried again.
AGAIN_AFTER = 5.0
ENDED = "Express Ops is being stopped, so nothing is read or changed any more. Reload this page once it was started again."

logger = logging.getLogger(__name__)


class Startup(Generic[T]):
    """Holds what `make` made, from the first `get` to `end`. All methods may be called from any thread.

    Streamlit's cache is no place for it: any browser's message clears that, and a second one would be made beside the first.
    `make` lets go of what it had opened before it raises.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self.made: T | None = None
        #: Why it could not be made, in words; empty where it could, or nobody has asked.
        self.problem, self._failed_at = "", 0.0
        self._ended = False

    def get(self) -> T:
        """What was made, or is made now. Raises NotStarted in words; that stands for a while, then a `get` tries again."""
        with self._lock:
            if self._ended:
                raise NotStarted(ENDED)
            if self.made is None:
                if self.problem and time.monotonic() - self._failed_at < AGAIN_AFTER:
                    raise NotStarted(self.problem)
                self.made = self._try()
            return self.made

    def end(self) -> T | None:
        """What was made, if anything was, for the caller to close. Nothing is made any more, by a page that is still drawn."""
        with self._lock:
            made, self.made, self.problem, self._ended = self.made, None, "", True
            return made

    def _try(self) -> T:
        """Make it, or keep the problem; the log tells a problem once, however often it is tried."""
        before, self.problem = self.problem, ""
        try:
            return self._make()
        except ExpressOpsError as error:
            self.problem = error.message
            if self.problem != before:
                logger.error("%s", error.message)  # noqa: TRY400 - the words say it all
        except Exception:
            self.problem = NotStarted().message
            if self.problem != before:
                logger.exception("The start went wrong")
        self._failed_at = time.monotonic()
        raise NotStarted(self.problem)


class Starter:
    """Calls `start` in a thread of its own until it succeeds: what was in the way may be gone in a moment."""

    def __init__(self, start: Callable[[], None]) -> None:
        self._start = start
        self._ending = threading.Event()
        self._thread = threading.Thread()
        self.started = False
        #: Why the last try failed, in words; empty where none did.
        self.problem = ""

    def begin(self) -> None:
        self._ending.clear()
        self.started, self.problem = False, ""
        self._thread = threading.Thread(target=self._run, name="start", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Try no more; returns once the try under way is over."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not (self.started or self._ending.is_set()):
            try:
                self._start()
            except NotStarted as error:
                self.problem = error.message
                self._ending.wait(AGAIN_AFTER)
            except Exception:
                logger.exception("The start went wrong")
                self.problem = NotStarted().message
                return
            else:
                self.started, self.problem = True, ""
