"""The log of this process: a line for each thing that happens, its own and its libraries', on the standard error.

A line is text or, for programs, a JSON object. It has the time (UTC), the level and the name of who says it. What is logged
holds ids and counts, and never a customer's name, a key or the id of a browser's session.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping

#: What would end a line, or be an order to a terminal.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


#: The id of a browser's session, by which somebody else could ask for it; and who may come to speak of one.
_SESSION = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_KNOW_SESSIONS = ("streamlit", "starlette", "uvicorn", "lib.ui")


class _Text(logging.Formatter):
    """`2026-11-29T09:14:47.123Z INFO lib.journal.log: words, with name=value behind them`, a traceback below."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        line = self._line(record)
        return _SESSION.sub("(a session)", line) if record.name.startswith(_KNOW_SESSIONS) else line

    def _line(self, record: logging.LogRecord) -> str:
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        record.message = " ".join([record.message, *(f"{name}={value}" for name, value in _facts(record).items())])
        return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], super().formatMessage(record))


class _Json(_Text):
    def _line(self, record: logging.LogRecord) -> str:
        told = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "name": record.name,
            "message": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)


def _facts(record: logging.LogRecord) -> Mapping[str, object]:
    """What was logged besides the words, by `extra={"facts": {...}}`."""
    facts: Mapping[str, object] = getattr(record, "facts", {})
    return facts


def set_up(*, as_json: bool = False, level: int = logging.INFO) -> None:
    """Have every logger's lines come out in one form. Libraries say only what went wrong: of requests they name addresses.

    To be called again once a library has set up loggers of its own.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if as_json else _Text())
    logging.basicConfig(handlers=[handler])  # changes nothing where somebody listens already
    logging.captureWarnings(capture=True)
    logging.getLogger("lib").setLevel(level)
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # addresses hold the codes of logins and the ids of sessions
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and logger.handlers:  # one without is silent on purpose, as uvicorn's of requests
            hand_over(logger)


def hand_over(logger: logging.Logger) -> None:
    """Have a logger's lines come out as all others do, instead of in a form of its own."""
    logger.handlers.clear()
    logger.propagate = True


class Trouble:
    """What is wrong with `what` (a sentence's beginning), looked at again and again: said when it begins or is another one,
    and once when it is over.
    """

    def __init__(self, logger: logging.Logger, what: str) -> None:
        self._logger, self._what, self._words = logger, what, ""

    def is_now(self, words: str) -> None:
        """`words` are empty where nothing is wrong."""
        if words and words != self._words:
            self._logger.warning("%s: %s", self._what, words)
        elif self._words and not words:
            self._logger.info("%s: that is over", self._what)
        self._words = words
