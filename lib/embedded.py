"""The embedded sandbox, which a session without a key works on: one on a data folder, which all who work there share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lib.config import SANDBOX_KEY
from lib.errors import ConfigError

if TYPE_CHECKING:
    from lib.sandbox.server import SandboxServer

#: So many customers live in it.
SANDBOX_CUSTOMERS = 10_000


@dataclass(frozen=True)
class EmbeddedSandbox:
    """Where the sandbox answers; `server` is None where another process has it."""

    base_url: str
    server: SandboxServer | None = None

    @classmethod
    def open(cls, state: Path, *, start: bool) -> Self:
        """Join the sandbox that another process has on this state file; where none has and `start` says so, begin it here.

        Raises ConfigError in words.
        """
        # With a key there is no sandbox, and nobody waits until its server is imported.
        from lib.sandbox.server import SandboxServer  # noqa: PLC0415
        from lib.sandbox.state import StateError, is_held  # noqa: PLC0415

        place = _place(state)
        if is_held(state) and place.exists():
            return cls(place.read_text())
        if not start:
            raise ConfigError(
                "AVARA_API_KEY is not set, so there is no API to ask, and no app that runs here has its sandbox open. "
                "Set AVARA_API_KEY (and AVARA_BASE_URL for another address), or start the app, then try again."
            )
        server = SandboxServer(customers=SANDBOX_CUSTOMERS, api_key=SANDBOX_KEY, state=state)
        try:
            server.start()
            place.touch(0o600)
            place.write_text(server.base_url)
        except (StateError, OSError) as exc:
            server.stop()
            raise ConfigError(
                f"The embedded sandbox can't start: {exc} If Express Ops runs here already, use that, or set EXPRESS_OPS_HOME."
            ) from exc
        return cls(server.base_url, server)

    def close(self) -> None:
        """Stop it, where it is this process's."""
        if self.server is not None:
            self.server.stop()


def _place(state: Path) -> Path:
    """The file that says where the sandbox of a state file answers, for as long as a process holds that."""
    return state.with_suffix(".url")
