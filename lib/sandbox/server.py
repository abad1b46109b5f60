"""The sandbox as a server in a thread of this process: for the app without a key, for tests, and for the command line."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from lib.sandbox.app import application
from lib.sandbox.core import Sandbox
from lib.sandbox.data import ANCHOR
from lib.sandbox.faults import parse
from lib.sandbox.limiter import rate_limit as limit_of
from lib.sandbox.store import CallRecord, Given, Store

DEFAULT_KEY = "sandbox-key"
DEFAULT_CUSTOMERS = 10_000
DEFAULT_SEED = 1
_START_SECONDS = 30.0


class SandboxServer:
    """A sandbox on a loopback port; `port=0` takes a free one. Use as a context manager, or `start` and `stop`.

    `more_keys` open it as `api_key` does. Faults are texts of faults.py, a rate limit one of limiter.py;
    `state` is the SQLite file kept over restarts, None keeps nothing; `given` customers come after those that
    are made. Raises FaultError, LimitError and StateError before anything runs, OSError where the port is taken.
    """

    def __init__(
        self,
        *,
        customers: int = DEFAULT_CUSTOMERS,
        seed: int = DEFAULT_SEED,
        api_key: str = DEFAULT_KEY,
        more_keys: Sequence[str] = (),
        port: int = 0,
        state: Path | str | None = None,
        latency_ms: float = 0,
        load_ms: float = 0,
        rate_limit: str | float | None = None,
        faults: Sequence[str] = (),
        anchor: date = ANCHOR,
        given: Iterable[Given] = (),
    ) -> None:
        for text in faults:
            parse(text)
        if rate_limit:
            limit_of(str(rate_limit), seed)
        self.api_key, self._more_keys = api_key, tuple(more_keys)
        self.customers, self.seed = customers, seed
        self._port, self._state, self._anchor = port, Path(state) if state else None, anchor
        self._given = tuple(given)
        self._speed = {"latency_ms": latency_ms, "load_ms": load_ms}
        self._rate_limit, self._faults = rate_limit, tuple(faults)
        self._running: _Running | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox behind the running server."""
        if self._running is None:
            raise RuntimeError("The sandbox server is not running. Call start() first.")
        return self._running.sandbox

    def start(self) -> Self:
        """Makes the data, binds the port and returns when the server answers."""
        store = Store(self.customers, self.seed, self._anchor, self._state, given=self._given)
        sandbox = Sandbox(store, (self.api_key, *self._more_keys), rate_limit=self._rate_limit, **self._speed)
        sandbox.set_faults(self._faults)
        listener = _listener(self._port)
        self._port = listener.getsockname()[1]  # a restart comes back on the same port
        self._running = _Running(sandbox, listener)
        self._running.start()
        return self

    def stop(self) -> None:
        """Ends hanging requests, waits for the others and closes the state. Harmless when not running."""
        running, self._running = self._running, None
        if running:
            running.stop()
            running.sandbox.store.close()

    def wait(self) -> None:
        """Blocks until the server stops."""
        if self._running:
            self._running.join()

    def set_faults(self, faults: Sequence[str]) -> None:
        """Switches on exactly these faults from the next request on. Raises FaultError."""
        self.sandbox.set_faults(faults)

    def add_study(self, customer_id: str, at: datetime | None = None, *, is_cancelled: bool = False) -> None:
        """A study of this customer comes in, made now unless `at` says otherwise. Raises KeyError for an unknown one."""
        position = self.sandbox.store.position(customer_id)
        if position is None:
            raise KeyError(customer_id)
        self.sandbox.store.add_study(position, at, is_cancelled=is_cancelled)

    def calls(self) -> list[CallRecord]:
        """The sandbox's own record of the API calls, oldest first."""
        return self.sandbox.store.calls()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _listener(port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only on sockets that name TCP; with it on, every answer would wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere this option would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


class _Running(threading.Thread):
    """uvicorn with its own event loop, in a thread."""

    def __init__(self, sandbox: Sandbox, listener: socket.socket) -> None:
        super().__init__(name="sandbox-server", daemon=True)
        self.sandbox = sandbox
        self._listener = listener
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._server: uvicorn.Server | None = None

    def start(self) -> None:
        super().start()
        if not self._ready.wait(_START_SECONDS):
            raise RuntimeError("The sandbox server did not start.")

    def run(self) -> None:
        asyncio.run(self._serve())

    def stop(self) -> None:
        if self._loop and self._stopping and self.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self.join()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        config = uvicorn.Config(
            application(self.sandbox, self._cut, self._stopping),
            http=H11Protocol,
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=2,
        )
        self._server = _Server(config, self._ready, self._stopping)
        await self._server.serve(sockets=[self._listener])

    def _cut(self, scope: Scope, at_once: bool) -> None:  # noqa: FBT001 - as responses.Cut says
        for protocol in list(self._server.server_state.connections) if self._server else ():
            if isinstance(protocol, H11Protocol) and protocol.client == tuple(scope["client"]):
                transport = protocol.transport
                if at_once:  # lingering for 0 seconds makes the kernel send a reset (socket(7))
                    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    transport.abort()
                else:
                    transport.close()


class _Server(uvicorn.Server):
    """uvicorn that says when it is up and stops at once when told to, without looking ten times a second."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._ready, self._stopping = ready, stopping

    async def main_loop(self) -> None:
        self._ready.set()
        await self._stopping.wait()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0.005)  # lets idle connections go, or uvicorn's own shutdown would wait for its next look
