"""The embedded sandbox, which a session without a key works on: one on a data folder, which all who work there share."""

from __future__ import annotations

import os
import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lib.config import SANDBOX_KEY
from lib.errors import ConfigError

if TYPE_CHECKING:
    from lib.sandbox.server import SandboxServer

#: So many customers live in it.
SANDBOX_CUSTOMERS = 10_000
#: Seconds in which a process that has the state file says where it answers; between two looks; for a connection.
_SAID_WITHIN, _LOOK, _ANSWERS_WITHIN = 5.0, 0.1, 1.0
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d{1,5})", re.ASCII)


@dataclass(frozen=True)
class EmbeddedSandbox:
    """Where the sandbox answers; `server` is None where another process has it."""

    base_url: str
    state: Path
    server: SandboxServer | None = None

    @classmethod
    def open(cls, state: Path, place: Path, *, start: bool) -> Self:
        """Join the sandbox that another process has on this state file; where none has and `start` says so, begin it here.
        `place` is the file that says where it answers.

        Raises ConfigError in words.
        """
        # With a key there is no sandbox, and nobody waits until its server is imported.
        from lib.sandbox.state import StateError, is_held  # noqa: PLC0415

        why = ""
        deadline = time.monotonic() + _SAID_WITHIN
        while not why or time.monotonic() < deadline:
            if is_held(state) and (base_url := _told(place)):
                return cls(base_url, state)
            if not start:
                raise ConfigError(
                    "AVARA_API_KEY is not set, so there is no API to ask, and no app that runs here has its sandbox open. "
                    "Set AVARA_API_KEY (and AVARA_BASE_URL for another address), or start the app, then try again."
                )
            try:
                server = _started(state, 0 if _answers(_port(place)) else _port(place))
                _tell(place, server.base_url)
            except (StateError, OSError) as exc:
                why = str(exc)
                time.sleep(_LOOK)  # whoever has it is about to say where it answers, or only looked at it
            else:
                return cls(server.base_url, state, server)
        raise ConfigError(
            f"The embedded sandbox can't start: {why} If Express Ops runs here already, use that, or set EXPRESS_OPS_HOME."
        )

    def kept_up(self) -> Self:
        """Where the process that had it is gone: the same sandbox, at the same address, begun here; else this one."""
        from lib.sandbox.state import StateError  # noqa: PLC0415

        port = int(self.base_url.rpartition(":")[2])
        if self.server is not None or _answers(port):
            return self
        with suppress(StateError, OSError):  # another one has just done it
            return replace(self, server=_started(self.state, port))
        return self

    def close(self) -> None:
        """Stop it, where it is this process's. Whoever begins it again does so at the same address, if that is free."""
        if self.server is not None:
            self.server.stop()


def _started(state: Path, port: int) -> SandboxServer:
    """The sandbox of this state file, at this port. Raises StateError where another process has it, and OSError."""
    from lib.sandbox.server import SandboxServer  # noqa: PLC0415

    server = SandboxServer(customers=SANDBOX_CUSTOMERS, api_key=SANDBOX_KEY, state=state, port=port)
    try:
        return server.start()
    except BaseException:
        server.stop()
        raise


def _told(place: Path) -> str:
    """The address that stands there, if something answers at it; empty where none does."""
    port = _port(place)
    return f"http://127.0.0.1:{port}" if _answers(port) else ""


def _port(place: Path) -> int:
    """The port of the address that stands there; 0 where there is none."""
    with suppress(OSError, UnicodeDecodeError):
        found = _ADDRESS.fullmatch(place.read_text())
        return int(found[1]) if found and int(found[1]) < 2**16 else 0
    return 0


def _answers(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=_ANSWERS_WITHIN).close()
        return True
    return False


def _tell(place: Path, base_url: str) -> None:
    """Write the address whole or not at all, in the place of whatever was there."""
    part = place.with_name(f"{place.name}.{os.getpid()}")
    part.touch(0o600)
    part.write_text(base_url)
    part.replace(place)
