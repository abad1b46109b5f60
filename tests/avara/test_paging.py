"""Pages of a list: each asked for when it is wanted, none after a stop, and no circle of cursors without end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from lib.avara import requests
from lib.avara.models import CustomerPage
from lib.avara.paging import Pages
from lib.avara.requests import Request
from lib.errors import BadAnswer, CursorRepeated, Withdrawn


def build(cursor: str | None) -> Request:
    return requests.list_customers(cursor, 100)


@dataclass
class Api:
    """Answers a cursor with the page that leads to the next one; `meanwhile` happens while a request waits for its turn."""

    following: dict[str | None, str | None] = field(default_factory=lambda: {None: "1", "1": "2", "2": "3", "3": None})
    faults: dict[str | None, Exception] = field(default_factory=dict)
    meanwhile: Callable[[str | None], object] = id
    asked: list[str | None] = field(default_factory=list)

    def ask(self, request: Request, wanted: Callable[[], bool]) -> CustomerPage:
        cursor = dict(request.params).get("cursor")
        self.meanwhile(cursor)
        if not wanted():
            raise Withdrawn
        self.asked.append(cursor)
        if cursor in self.faults:
            raise self.faults[cursor]
        return CustomerPage((), (), self.following[cursor])

    def pages(self, cursor: str | None = None) -> Pages[CustomerPage]:
        return Pages(self.ask, build, cursor)


def test_each_page_is_asked_for_when_it_is_wanted():
    api = Api()
    pages = api.pages()
    assert api.asked == []
    assert [next(pages).next_cursor, api.asked] == ["1", [None]]
    assert [page.next_cursor for page in pages] == ["2", "3", None]
    assert api.asked == [None, "1", "2", "3"]


def test_a_list_goes_on_from_a_cursor():
    api = Api()
    assert len(list(api.pages("2"))) == 2
    assert api.asked == ["2", "3"]


@pytest.mark.parametrize("at", [None, "1", "2", "3"])
@pytest.mark.parametrize("error", [BadAnswer("odd"), ZeroDivisionError("ours")])
def test_an_error_of_a_page_comes_after_the_pages_before_it(at, error):
    came: list[CustomerPage] = []
    pages = Api(faults={at: error}).pages()
    with pytest.raises(type(error)):
        came.extend(pages)
    assert len(came) == int(at or 0)
    assert list(pages) == []


@pytest.mark.parametrize("at", [None, "1", "3"])
def test_after_a_stop_nothing_is_sent_though_it_was_waiting_for_its_turn(at):
    api = Api()
    pages = api.pages()
    api.meanwhile = lambda cursor: cursor == at and pages.stop()
    assert len(list(pages)) == int(at or 0)
    assert at not in api.asked


def test_a_stop_while_the_reader_is_elsewhere_ends_the_pages():
    api = Api()
    pages = api.pages()
    next(pages)
    pages.stop()
    assert list(pages) == []
    assert api.asked == [None]


@pytest.mark.parametrize(
    ("following", "begin"),
    [({None: "a", "a": "b", "b": "c", "c": "b"}, None), ({None: "a", "a": "a"}, None), ({"a": "a"}, "a")],
)
def test_of_a_circle_of_cursors_no_page_is_asked_for_twice(following, begin):
    api = Api(following)
    with pytest.raises(CursorRepeated):
        list(api.pages(begin))
    assert api.asked == list(following)
