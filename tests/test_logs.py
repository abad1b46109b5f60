"""What a line of the log looks like, whoever says it, and that a trouble is told when it begins and when it is over."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from lib.logs import Trouble
from tests.served import ROOT

#: Says things as a page, as Streamlit (whose loggers come out in a form of their own) and as another library.
SAYS = """
import logging
import streamlit.logger
from lib import logs
early = streamlit.logger.get_logger("streamlit.early")
streamlit.logger.setup_formatter = logs.hand_over
logs.set_up(as_json={as_json})
logs.set_up(as_json={as_json})
early.error("said early")
streamlit.logger.get_logger("streamlit.late").error("said late of %s", "0c6cbd1e-4dc5-4e4f-9d1e-6bd7c5a8c001")
logging.getLogger("httpx").info("GET https://api.example.org/customers?name=St. Mary")
logging.getLogger("lib.runs").info("run_1: finish", extra={{"facts": {{"run": "run_1", "verified": 3}}}})
logging.getLogger("lib.ui.door").warning("from %s", "evil\\n2026-01-01 INFO lib: forged\\x1b[31m")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("lib.ui.shell").exception("A page broke")
"""


def said(*, as_json: bool) -> list[str]:
    program = [sys.executable, "-c", SAYS.format(as_json=as_json)]
    return subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True).stderr.splitlines()


def test_each_line_is_text_with_its_time_level_and_name() -> None:
    lines = said(as_json=False)
    time, *first = lines[0].split(" ", 1)
    assert first == ["ERROR streamlit.early: said early"]
    assert timedelta(0) < datetime.now(UTC) - datetime.fromisoformat(time) < timedelta(minutes=5)
    assert [re.sub(r"^\S+ ", "", line) for line in lines[1:5]] == [
        "ERROR streamlit.late: said late of (a session)",
        "INFO lib.runs: run_1: finish run=run_1 verified=3",
        r"WARNING lib.ui.door: from evil\n2026-01-01 INFO lib: forged\x1b[31m",
        "ERROR lib.ui.shell: A page broke",
    ]
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_each_line_is_json_with_what_is_said_of_a_run_under_its_names() -> None:
    told = [json.loads(line) for line in said(as_json=True)]
    assert all(datetime.fromisoformat(one["time"]).tzinfo for one in told)
    assert [(one["level"], one["name"], one["message"]) for one in told] == [
        ("ERROR", "streamlit.early", "said early"),
        ("ERROR", "streamlit.late", "said late of (a session)"),
        ("INFO", "lib.runs", "run_1: finish"),
        ("WARNING", "lib.ui.door", "from evil\n2026-01-01 INFO lib: forged\x1b[31m"),
        ("ERROR", "lib.ui.shell", "A page broke"),
    ]
    assert (told[2]["run"], told[2]["verified"]) == ("run_1", 3)
    assert told[4]["traceback"].endswith("ZeroDivisionError: division by zero")


def test_a_trouble_is_told_once_when_it_begins_or_is_another_and_once_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    trouble = Trouble(logging.getLogger("lib.test"), "The journal is away")
    for words in ("", "", "no answer", "no answer", "refused", "", "", "no answer"):
        trouble.is_now(words)
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("WARNING", "The journal is away: no answer"),
        ("WARNING", "The journal is away: refused"),
        ("INFO", "The journal is away: that is over"),
        ("WARNING", "The journal is away: no answer"),
    ]
