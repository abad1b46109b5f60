"""The words of errors: what happened, fit for a page, a terminal and a notebook alike."""

import ast
import re
import sys
from pathlib import Path

import pytest

from lib import errors
from lib.cli.console import Console, Outlet
from lib.cli.exits import Exit
from lib.errors import ExpressOpsError, IllegalTransition, RunNotFound
from lib.ui import notices

ROOT = Path(__file__).parents[1]
#: Everything that pages, the command line and notebooks share.
CORE = sorted({*(ROOT / "lib").rglob("*.py")} - {*(ROOT / "lib" / "ui").rglob("*.py"), *(ROOT / "lib/cli").rglob("*.py")})
OF_ONE_PLACE = re.compile(r"\b(pages?|press|button|click|reload|upload|download|drop|python -m|notebook|cell)\b", re.IGNORECASE)
CLASSES = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, ExpressOpsError)}


def words_in(path):
    """The texts that the code gives to errors and to what the journal keeps for people."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in {*CLASSES, "Words"}:
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_the_core_says_names_nothing_that_only_one_place_has(path):
    # Of a list that the API sends in pages an error may speak.
    told = [words for words in words_in(path) if OF_ONE_PLACE.search(re.sub(r"page cursor|(no|last|next|a) page", "", words))]
    assert told == []


@pytest.mark.parametrize("kind", CLASSES.values(), ids=lambda kind: kind.__name__)
def test_an_error_says_what_happened_wherever_one_works(kind):
    assert not OF_ONE_PLACE.search(kind().message.replace("page cursor", ""))
    assert not re.search(r"python -m|terminal", notices.told(kind()))


def test_a_page_adds_what_can_be_done_on_a_page():
    assert notices.told(IllegalTransition("It is running.")) == "It is running. Reload the page to see its state."


@pytest.mark.parametrize(
    ("error", "command"),
    [
        (IllegalTransition("It is running.", run_id="run_1"), "python -m lib.runs show run_1"),
        (errors.AlreadyStarted(run_id="run_2"), "python -m lib.runs show run_2"),
        (errors.RunsOverlap(run_id="run_3"), "python -m lib.runs show run_3"),
        (RunNotFound(), "python -m lib.runs list"),
        (errors.EmptyPlan(), ""),
    ],
)
def test_the_command_line_adds_the_command_that_shows_more(capfd, error, command):
    Console(Outlet(sys.stdout), Outlet(sys.stderr), as_json=False).fail(error, Exit.REFUSED)
    told = capfd.readouterr().err
    assert told.startswith(error.message)
    assert told.rstrip().endswith(command)
