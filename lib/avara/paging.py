"""A list, page by page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from lib.avara.requests import Request
from lib.errors import ApiError, BadAnswer, CursorRepeated


class Page(Protocol):
    """What a list is made of."""

    @property
    def next_cursor(self) -> str | None: ...
    @property
    def is_cut_off(self) -> bool: ...


P = TypeVar("P", bound=Page)

#: Gives the page that was asked for, unless the function given says, before it is sent, that nobody wants it any more.
Ask = Callable[[Request, Callable[[], bool]], P]


class Pages(Generic[P]):
    """An iterator over the pages of a list, each requested when it is asked for.

    Raises ApiError; CursorRepeated where a list would never end, BadAnswer after a page that is cut off.
    """

    def __init__(self, ask: Ask[P], build: Callable[[str | None], Request], cursor: str | None) -> None:
        self._ask, self._build = ask, build
        self._stopped = threading.Event()
        # The first request is built before its page is asked for: a bad argument shows where it was given.
        self._pages = self._from(build(cursor), {cursor})

    def __iter__(self) -> Iterator[P]:
        return self

    def __next__(self) -> P:
        return next(self._pages)

    def stop(self) -> None:
        """No request is sent from now on. May be called from any thread; a page that is under way may still be given."""
        self._stopped.set()

    def _from(self, request: Request, seen: set[str | None]) -> Iterator[P]:
        while not self._stopped.is_set():
            try:
                page = self._ask(request, lambda: not self._stopped.is_set())
            except ApiError:
                if self._stopped.is_set():  # only the end that was asked for
                    return
                raise
            yield page
            if page.is_cut_off:
                raise BadAnswer("The list says that there is more, and not where.", method=request.method, path=request.path)
            if page.next_cursor is None:
                return
            if page.next_cursor in seen:
                raise CursorRepeated(method=request.method, path=request.path)
            seen.add(page.next_cursor)
            request = self._build(page.next_cursor)
