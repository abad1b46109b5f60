"""What the process needs is made once for everybody, and a start that fails leaves nothing open."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from lib.accounts import embedded
from lib.errors import ConfigError, NotStarted
from lib.runs.worker import Worker
from lib.sandbox.server import SandboxServer
from lib.ui import resources as wiring
from lib.ui import startup
from lib.ui.startup import Startup
from tests.pages.world import World


class Maker:
    """Makes numbers; fails as long as there is a problem."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.made, self.tries, self.problem = 0, 0, problem

    def __call__(self) -> int:
        self.tries += 1
        if self.problem is not None:
            raise self.problem
        self.made += 1
        return self.made


def test_it_is_made_once_for_all_threads_and_never_anew_after_the_end() -> None:
    maker = Maker()
    held = Startup(maker)
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: held.get(), range(80))) == {1}
    assert held.end() == 1
    assert held.end() is None
    with pytest.raises(NotStarted, match="being stopped"):
        held.get()
    assert maker.tries == 1


def test_a_page_that_is_still_drawn_when_all_is_closed_opens_nothing_anew(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.patch.setattr(embedded, "SANDBOX_CUSTOMERS", 5)
        before, here = set(threading.enumerate()), wiring.served()
        wiring.get_resources()
        wiring.release()
        for ask in (wiring.served, wiring.get_resources, partial(here.of, "")):
            with pytest.raises(NotStarted, match="being stopped"):
                ask()
        assert set(threading.enumerate()) - before == set()


@pytest.mark.parametrize(
    ("problem", "words"), [(ConfigError("X is wrong."), "X is wrong."), (OSError("inner"), "log says why")]
)
def test_a_failure_stands_for_a_while_and_is_then_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, problem: Exception, words: str
) -> None:
    maker = Maker(problem)
    held = Startup(maker)
    for _ in range(3):
        with pytest.raises(NotStarted, match=words):
            held.get()
    assert maker.tries == 1
    monkeypatch.setattr(startup, "AGAIN_AFTER", 0.0)
    with pytest.raises(NotStarted, match=words):
        held.get()
    assert maker.tries == 2
    assert len(caplog.records) == 1  # the log tells it once
    maker.problem = None
    assert held.get() == 1


@pytest.mark.parametrize("part", ["journal", "worker"])
def test_a_start_that_fails_lets_go_of_what_it_had(tmp_path: Path, part: str) -> None:
    with World(tmp_path) as world:
        world.patch.setattr(embedded, "SANDBOX_CUSTOMERS", 5)
        if part == "journal":
            (tmp_path / "journal.sqlite").write_text("this is no database " * 100)
        else:  # it beats already when it fails

            def start(worker: Worker) -> None:
                worker._heart.start()
                raise RuntimeError

            world.patch.setattr(Worker, "start", start)
        before = set(threading.enumerate())
        with pytest.raises(NotStarted):
            wiring.get_resources()
        assert set(threading.enumerate()) - before == set()
        SandboxServer(customers=5, state=tmp_path / "sandbox.sqlite").start().stop()  # nobody has it in use any more
