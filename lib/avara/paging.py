"""A list page by page, the next one requested while the last one is still being read and used."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from lib.avara.reply import Reply
from lib.avara.requests import Request
from lib.errors import ApiError, CursorRepeated


class Page(Protocol):
    """What a list is made of."""

    @property
    def next_cursor(self) -> str | None: ...


P = TypeVar("P", bound=Page)

Sent = Reply | ApiError
#: Makes one attempt, unless the function given says, when its turn has come, that nobody wants it any more.
Send = Callable[[Request, Callable[[], bool]], Sent]
#: Reads a page, and tells the cursor of the next one as soon as it is known; see protocol.parse_customer_page.
ReadPage = Callable[[Request, Reply, Callable[[str], object]], P]
#: Seconds that an answer takes before it is worth waiting for in another thread; any network takes longer. Where answers come
#: at once, from this machine, two threads only take the interpreter from each other, and the load takes longer.
WORTH_AHEAD = 0.005
#: Makes attempts with the last argument until one can be read.
Ask = Callable[[Request, Callable[[Request, Reply], P], Callable[[Request], Sent]], P]


class Pages(Generic[P]):
    """An iterator over the pages of a list.

    The first request is made when the first page is asked for. Who asks for a second page will want them all: from then on each
    page is requested as soon as its cursor is known, before the last one is checked (see WORTH_AHEAD). Raises ApiError;
    CursorRepeated where a list would never end.
    """

    def __init__(
        self, send: Send, ask: Ask[P], build: Callable[[str | None], Request], read: ReadPage[P], cursor: str | None
    ) -> None:
        self._line = _Line(send)
        self._pages = _pages(self._line, ask, build, read, cursor)

    def __iter__(self) -> Iterator[P]:
        return self

    def __next__(self) -> P:
        return next(self._pages)

    def stop(self) -> None:
        """No request is sent from now on. May be called from any thread; a page that is under way may still be given."""
        self._line.stop()


def _pages(
    line: _Line, ask: Ask[P], build: Callable[[str | None], Request], read: ReadPage[P], cursor: str | None
) -> Iterator[P]:
    first = build(cursor)  # built before the first page is asked for: a bad argument shows where it was given
    seen = {cursor}

    def pages() -> Iterator[P]:
        request, all_wanted = first, False

        def goes_on(to: str) -> None:
            if all_wanted and to not in seen:
                line.send_ahead(build(to))

        try:
            while line.open():
                page = ask(request, lambda asked, reply: read(asked, reply, goes_on), line.send)
                if page.next_cursor is not None:
                    goes_on(page.next_cursor)
                yield page
                if page.next_cursor is None:
                    return
                if page.next_cursor in seen:
                    raise CursorRepeated(method=request.method, path=request.path)
                seen.add(page.next_cursor)
                request, all_wanted = build(page.next_cursor), True
        except ApiError:
            if line.open():  # else it is only the end that was asked for
                raise
        finally:
            line.stop()

    return pages()


class _Line:
    """Sends for one list: an attempt at a time, and one ahead in a thread of its own. Nothing any more once it was stopped."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._stopped = threading.Event()
        self._took = 0.0
        self._ahead: tuple[Request, SimpleQueue[Sent | BaseException]] | None = None
        self._orders: SimpleQueue[tuple[Request, SimpleQueue[Sent | BaseException]] | None] | None = None

    def open(self) -> bool:
        return not self._stopped.is_set()

    def stop(self) -> None:
        self._stopped.set()
        if self._orders is not None:
            self._orders.put(None)

    def send(self, request: Request) -> Sent:
        """One attempt: the one that was made ahead, if it was this."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead[0] != request:
            return self._timed(request)
        answer = ahead[1].get()
        if isinstance(answer, Reply | ApiError):
            return answer
        raise answer

    def send_ahead(self, request: Request) -> None:
        """Make the attempt now, for `send` to give; nothing happens where it is under way, or not worth it."""
        if self._took < WORTH_AHEAD or (self._ahead is not None and self._ahead[0] == request):
            return
        if self._orders is None:
            self._orders = SimpleQueue()
            threading.Thread(target=self._work, args=(self._orders,), name="next-page", daemon=True).start()
        self._ahead = request, SimpleQueue()
        self._orders.put(self._ahead)

    def _work(self, orders: SimpleQueue[tuple[Request, SimpleQueue[Sent | BaseException]] | None]) -> None:
        while order := orders.get():
            request, answer = order
            try:
                answer.put(self._timed(request))
            except BaseException as error:  # noqa: BLE001 - whoever waits for the answer hears of it
                answer.put(error)

    def _timed(self, request: Request) -> Sent:
        began = time.monotonic()
        try:
            return self._send(request, self.open)
        finally:
            self._took = time.monotonic() - began
