"""Pages requested ahead: never before they are wanted, never after a stop, and with the outcome that asking one by one has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from lib.avara import paging, requests
from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.models import CustomerPage
from lib.avara.paging import Pages
from lib.avara.reply import Reply
from lib.avara.requests import Request
from lib.avara.retry import RetryPolicy
from lib.errors import ApiError, BadAnswer, CursorRepeated, NoAnswer
from tests.avara.records import EXAMPLE
from tests.avara.wire import reply, wire


@pytest.fixture(autouse=True)
def always_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "WORTH_AHEAD", 0.0)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.001)


def build(cursor: str | None) -> Request:
    return requests.list_customers(cursor, 100)


def asked(request: Request) -> str | None:
    return dict(request.params).get("cursor")


@dataclass
class Api:
    """Answers cursor "n" with page n of `count`; at the cursors in `faults` with something else, once."""

    count: int = 4
    faults: dict[str | None, object] = field(default_factory=dict)
    requests: list[str | None] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(1_000_000))
    while_reading: Callable[[str | None], object] = id

    def send(self, request: Request, wanted: Callable[[], bool]) -> Reply | ApiError:
        if not wanted():
            return ApiError()
        self.requests.append(asked(request))
        self.threads.add(threading.current_thread().name)
        assert self.gate.acquire(timeout=20)
        fault = self.faults.pop(asked(request), None)
        if isinstance(fault, BaseException) and not isinstance(fault, ApiError):
            raise fault
        if isinstance(fault, ApiError):
            return fault
        return Reply(200, {}, str(asked(request)).encode(), datetime(2026, 1, 1, tzinfo=UTC))

    def read(self, request: Request, sent: Reply, goes_on: Callable[[str], object]) -> CustomerPage:
        assert sent.body == str(asked(request)).encode(), "the answer to another request"
        number = int(asked(request) or 0)
        following = str(number + 1) if number + 1 < self.count else None
        if following:
            goes_on(following)
        self.while_reading(asked(request))
        return CustomerPage((), (), following)

    def ask(self, request, read, send):
        """As the client's, but it asks again for ever."""
        while True:
            sent = send(request)
            if isinstance(sent, Reply):
                return read(request, sent)
            assert isinstance(sent, ApiError), "anything else is raised by `send`"
            if not isinstance(sent, NoAnswer):
                raise sent

    def pages(self, cursor: str | None = None) -> Pages[CustomerPage]:
        return Pages(self.send, self.ask, build, self.read, cursor)


def helpers() -> int:
    """Threads that ask ahead."""
    return sum(thread.name == "next-page" for thread in threading.enumerate())


def test_the_first_page_is_asked_for_alone():
    wait_for(lambda: helpers() == 0)
    api = Api()
    pages = api.pages()
    assert api.requests == []
    next(pages)
    assert helpers() == 0
    del pages
    assert api.requests == [None]
    assert api.threads == {threading.current_thread().name}


def test_from_the_second_page_on_the_next_is_requested_before_the_last_is_checked():
    api = Api(count=5)

    def while_reading(cursor: str | None) -> None:
        if cursor in {"1", "2", "3"}:
            wait_for(lambda: str(int(cursor) + 1) in api.requests)

    api.while_reading = while_reading
    assert [page.next_cursor for page in api.pages()] == ["1", "2", "3", "4", None]
    assert api.requests == [None, "1", "2", "3", "4"]


def test_where_answers_come_at_once_no_other_thread_takes_part(monkeypatch):
    monkeypatch.setattr(paging, "WORTH_AHEAD", 60.0)
    api = Api()
    assert len(list(api.pages())) == 4
    assert api.threads == {threading.current_thread().name}


@pytest.mark.parametrize("at", [None, "1", "2", "3"])
def test_a_page_that_fails_is_asked_for_again_whoever_asked_first(at):
    api = Api(faults={at: NoAnswer()})
    assert len(list(api.pages())) == 4
    assert sorted(api.requests, key=str) == sorted([None, "1", "2", "3", at], key=str)


@pytest.mark.parametrize("at", [None, "1", "2", "3"])
@pytest.mark.parametrize("error", [BadAnswer("odd"), ZeroDivisionError("ours")])
def test_an_error_of_a_page_comes_after_the_pages_before_it(at, error):
    came: list[CustomerPage] = []
    pages = Api(faults={at: error}).pages()
    with pytest.raises(type(error)):
        came.extend(pages)
    assert len(came) == int(at or 0)
    assert list(pages) == []


def test_after_a_stop_no_request_is_sent_but_the_one_under_way():
    api, came = Api(count=9, gate=threading.Semaphore(2)), []
    pages = api.pages()
    reader = threading.Thread(target=lambda: came.extend(pages))
    reader.start()
    wait_for(lambda: len(api.requests) == 3)  # pages 0 and 1 have come, 2 is under way
    pages.stop()
    api.gate.release(100)
    reader.join(20)
    assert not reader.is_alive()
    assert api.requests == [None, "1", "2"]
    assert list(pages) == []


def test_a_stop_while_the_reader_is_elsewhere_ends_the_pages():
    api = Api(count=9)
    pages = api.pages()
    next(pages)
    pages.stop()
    assert list(pages) == []
    assert api.requests == [None]


def test_a_cursor_that_turns_out_otherwise_is_followed_and_the_answer_to_the_other_is_dropped():
    api = Api(count=4)

    def read(request, sent, goes_on):
        assert sent.body == str(asked(request)).encode()
        number = int(asked(request) or 0)
        goes_on("99")
        return CustomerPage((), (), str(number + 1) if number < 3 else None)

    pages = Pages(api.send, api.ask, build, read, None)
    assert [page.next_cursor for page in pages] == ["1", "2", "3", None]
    assert [cursor for cursor in api.requests if cursor != "99"] == [None, "1", "2", "3"]


def test_an_answer_that_was_asked_for_in_error_is_not_taken_where_asking_ahead_has_ceased(monkeypatch):
    api = Api(count=4)

    def read(request, sent, goes_on):
        assert sent.body == str(asked(request)).encode()
        monkeypatch.setattr(paging, "WORTH_AHEAD", 0.0)
        goes_on("99")
        monkeypatch.setattr(paging, "WORTH_AHEAD", 60.0)
        number = int(asked(request) or 0)
        return CustomerPage((), (), str(number + 1) if number < 3 else None)

    assert len(list(Pages(api.send, api.ask, build, read, None))) == 4


def test_the_thread_ends_with_the_pages():
    wait_for(lambda: helpers() == 0)
    pages = Api(count=9).pages()
    next(pages), next(pages)
    assert helpers() == 1
    del pages
    wait_for(lambda: helpers() == 0)


def connected(base_url: str, key: str = "k", **options: object) -> AvaraClient:
    return AvaraClient(Connection(base_url, SecretStr(key), "test", "sandbox"), sleep=lambda _: None, **options)


def test_over_http_the_pages_are_those_that_come_one_by_one(start_sandbox, monkeypatch):
    sandbox = start_sandbox(faults=["http-500@list=0.2", "truncated@list=0.2", "bad-json@list=0.2"])
    with connected(sandbox.base_url, sandbox.api_key, retry=RetryPolicy(retries=20)) as client:
        ahead = [page.customers for page in client.iter_pages(limit=10)]
        monkeypatch.setattr(paging, "WORTH_AHEAD", 60.0)
        assert ahead == [page.customers for page in client.iter_pages(limit=10)]
    assert sum(map(len, ahead)) == 250


def test_a_circle_of_cursors_is_not_gone_round_ahead_either():
    page = {"expressCustomers": [EXAMPLE], "hasMore": True}
    with wire(*(reply(200, {**page, "cursor": cursor}) for cursor in "abcb")) as server:
        with connected(server.base_url) as client, pytest.raises(CursorRepeated):
            list(client.iter_pages())
        assert len(server.requests) == 4


def test_of_a_circle_no_page_is_asked_for_twice():
    built: list[str | None] = []
    following = {None: "a", "a": "b", "b": "c", "c": "b"}

    def building(cursor: str | None) -> Request:
        built.append(cursor)
        return build(cursor)

    def read(request, _, goes_on):
        goes_on(following[asked(request)])
        return CustomerPage((), (), following[asked(request)])

    api = Api()
    with pytest.raises(CursorRepeated):
        list(Pages(api.send, api.ask, building, read, None))
    assert set(built) == set(following)
    assert built.count("b") == built.count("c")  # coming round to it again asks for nothing
