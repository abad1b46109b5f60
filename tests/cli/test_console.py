"""Lines for people, JSON for programs, and one line of progress on a terminal."""

import io
import json

import pytest

from lib.cli.console import Console, Outlet, plain, progress_line, states
from lib.cli.exits import Exit
from lib.errors import AlreadyStarted
from lib.plans.model import Totals


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_drawn_over_itself_and_wiped_before_a_line():
    out, err = io.StringIO(), Terminal()
    console = Console(Outlet(out), Outlet(err), as_json=False)
    console.progress("1 of 9")
    console.progress("2 of 9")
    console.say("Done")
    assert err.getvalue() == "\r1 of 9\x1b[K\r2 of 9\x1b[K\r\x1b[K"
    assert out.getvalue() == "Done\n"


@pytest.mark.parametrize(("err", "as_json"), [(io.StringIO(), False), (Terminal(), True)])
def test_where_no_person_watches_no_progress_is_drawn(err, as_json):
    Console(Outlet(io.StringIO()), Outlet(err), as_json=as_json).progress("1 of 9")
    assert err.getvalue() == ""


def test_json_is_all_that_a_program_gets_and_ascii():
    out, err = io.StringIO(), Terminal()
    console = Console(Outlet(out), Outlet(err), as_json=True)
    console.say("for people")
    console.hint("for people")
    console.row("thing", name="\x9b\u202eÄ")
    console.fail(AlreadyStarted("Started.", run_id="run_1"), Exit.REFUSED)
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert rows[0] == {"kind": "thing", "name": "\x9b\u202eÄ"}
    assert rows[1] == {"kind": "error", "error": "AlreadyStarted", "message": "Started.", "exit": 2, "run_id": "run_1"}
    assert out.getvalue().isascii()
    assert err.getvalue() == ""


@pytest.mark.parametrize(
    ("account", "label", "words", "line"),
    [
        ("", "", ("apply", "p.json"), "apply p.json"),
        ("main", "", ("list",), "list --account main"),
        ("main", "Main account", ("resume", "run_1"), "resume run_1 --account main --arm 'Main account'"),
        ("main", "Main account", ("show", "run_1"), "show run_1 --account main"),  # changes nothing
    ],
)
def test_a_command_to_copy_is_of_the_same_account_and_arms_what_it_changes(account, label, words, line):
    console = Console(Outlet(None), Outlet(None), as_json=False, account=account)
    console.label = label
    assert console.command(*words) == f"python -m lib.runs {line}"


@pytest.mark.parametrize(
    ("totals", "rate", "left", "line"),
    [
        (Totals(planned=3), 0.0, None, "0 of 3: 3 planned"),
        (
            Totals(verified=12, skipped=1, in_flight=2, planned=1985),
            3.25,
            611.0,
            "13 of 2,000, 3.2 a second, 10 minutes left: 12 verified, 1 skipped, 1,985 planned, 2 in flight",
        ),
        (Totals(verified=3), 3.0, 0.0, "3 of 3: 3 verified"),
    ],
)
def test_the_progress_line(totals, rate, left, line):
    assert progress_line(totals, rate, left) == line


def test_it_says_how_long_the_api_asked_to_wait():
    line = "1 of 2, the API asked to wait, 41 seconds left: 1 verified, 1 planned"
    assert progress_line(Totals(verified=1, planned=1), 0.0, None, 41.0) == line
    assert "wait" not in progress_line(Totals(verified=1, planned=1), 0.0, None, 0.4)


def test_states_that_nobody_is_in_are_left_out():
    assert states(Totals(not_applied=1)) == "1 not applied"


def test_data_is_one_printable_line():
    assert plain("\x1b[2J A\nB\u202e C") == "[2J A B C"
