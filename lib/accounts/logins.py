"""Logins that were ended before they ran out: kept in the data folder, so that they stay ended after a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from lib.errors import ConfigError
from lib.files import read_at_most, replace_whole, shown

FILE = "ended-logins.json"
_MOST_BYTES = 2**24
#: The longest that `hours` of the settings, or Streamlit's cookie, lets a login last: either may be made longer meanwhile.
_LONGEST = timedelta(days=31)
_ENDED = TypeAdapter(dict[str, datetime])

logger = logging.getLogger(__name__)


class EndedLogins:
    """By the key of each, until when it is remembered (UTC). Any thread may ask, and any server with this folder."""

    def __init__(self, home: Path) -> None:
        self._file, self._lock = home / FILE, threading.Lock()
        self._read_at: object = None
        self._ended: Mapping[str, datetime] = {}

    def __contains__(self, key: str) -> bool:
        """Raises ConfigError where that can't be told: then no login is good."""
        with self._lock:
            self._read()
            return key in self._ended

    def add(self, key: str, until: datetime, now: datetime) -> None:
        """End the login with this key, which runs out `until`."""
        with self._lock:
            try:
                self._read()
            except ConfigError as error:
                logger.warning("%s", error.message)
            kept = {one: end for one, end in self._ended.items() if now < end}
            self._ended = {**kept, key: max(until, now + _LONGEST)}
            try:
                replace_whole(self._file, _ENDED.dump_json(dict(self._ended)))
                self._read_at = self._changed_at()
            except OSError as exc:
                logger.warning("A login is ended until this server stops, no longer: %s (%s)", shown(self._file), exc.strerror)

    def _read(self) -> None:
        if (changed := self._changed_at()) == self._read_at:
            return
        if changed:
            try:
                self._ended = {**self._ended, **_ENDED.validate_json(read_at_most(self._file, _MOST_BYTES, ends=True))}
            except (OSError, ValidationError):
                raise ConfigError(
                    f"{shown(self._file)} can't be read, so no login is good. Remove it, and start again."
                ) from None
        self._read_at = changed

    def _changed_at(self) -> tuple[int, ...]:
        try:
            found = self._file.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_size, found.st_mtime_ns
