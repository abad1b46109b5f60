"""The app as a process of its own, as `streamlit run app.py` starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from websockets.sync.client import connect

from tests.tab import PATIENCE, Tab

T = TypeVar("T")

ROOT = Path(__file__).parents[1]

#: Python runs this at the start of the server's process: it writes down every name that is looked up and every address that is
#: sent to and, asked by SIGUSR1, who the worker is and where the embedded sandbox listens. By SIGUSR2 it is a minute later for
#: the sign-ins of people, or again not.
SPY = """
import os, signal, sys
from datetime import timedelta

def told(name, line):
    with open(os.path.join(os.environ["SPY_FOLDER"], name), "a") as file:
        file.write(line + "\\n")

def heard(event, args):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        told("net", f"{event} {args[0]}")
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(args[-1], tuple):
        told("net", f"{event} {args[-1][0]}")

def asked(*_):
    from lib.ui.resources import get_resources
    resources = get_resources()
    told("who", f"{resources.worker.owner} {id(resources.worker)} {id(resources.journal)} {resources.connection.base_url}")

def later(*_):
    from lib.ui.resources import served
    gate = served().gate
    before = vars(gate).pop("before", None)
    if before is None:
        vars(gate)["before"] = gate._now
    gate._now = before or (lambda now=gate._now: now() + timedelta(minutes=1))
    told("later", "back" if before else "later")

sys.addaudithook(heard)
signal.signal(signal.SIGUSR1, asked)
signal.signal(signal.SIGUSR2, later)
"""


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def get(self, path: str, **headers: str) -> httpx.Response:
        # Plain HTTP: to read this machine's certificates for it would take each poll longer than its answer.
        return httpx.get(f"{self.base_url}{path}", headers=headers, trust_env=False, verify=False, timeout=PATIENCE)

    def health(self) -> dict[str, object]:
        """What /readyz says; "no answer" where nobody listens yet."""
        try:
            return dict(self.get("/readyz").json())
        except httpx.TransportError:
            assert self.process.poll() is None, self.log
            return {"state": "no answer"}

    def spied(self, name: str) -> list[str]:
        """The lines that the spy wrote."""
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []

    def who(self) -> str:
        """The worker, the journal and the sandbox of the process, as it is asked now."""
        before = len(self.spied("who"))
        self.process.send_signal(signal.SIGUSR1)
        return until(lambda: self.spied("who")[before:], "the process told who its worker is")[0]

    @contextmanager
    def a_minute_later(self) -> Iterator[None]:
        """As if it were, for the sign-ins of people, in the block."""

        def turn() -> None:
            before = len(self.spied("later"))
            self.process.send_signal(signal.SIGUSR2)
            until(lambda: len(self.spied("later")) > before, "the process turned its clock")

        turn()
        yield
        turn()

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        """A tab of a browser, at the app's own address."""
        url = f"ws://127.0.0.1:{self.port}/_stcore/stream"
        with connect(url, origin=self.base_url, max_size=None, open_timeout=PATIENCE, proxy=None) as line:
            yield Tab(line)


@contextmanager
def served(folder: Path, *options: str, cwd: Path = ROOT, port: int | None = None, **environment: str) -> Iterator[Served]:
    """The app with its data in `folder`/home; told to stop, if it did not end by itself, when the block is left."""
    (folder / "home").mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(SPY)
    port = port or free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AVARA_", "EXPRESS_OPS_", "STREAMLIT_"))}
    own = {"EXPRESS_OPS_HOME": str(folder / "home"), "SPY_FOLDER": str(folder), "PYTHONPATH": str(folder)}
    python = [sys.executable, "-X", "faulthandler"]
    command = [*python, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(port), *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=cwd, env=clean | own | environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield Served(process, port, folder)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # faulthandler tells where each thread stands
            process.wait(60)
            pytest.fail(f"The server did not end when it was told to:\n{(folder / 'log').read_text()[-20_000:]}")
        finally:
            process.kill()
            process.wait()


def until(tell: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    """The first answer that is true. A poll with a deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := tell()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.05)  # the pause of a poll with a deadline
    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
