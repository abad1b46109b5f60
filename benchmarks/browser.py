"""What the benchmarks of pages share: Streamlit servers of their own, Chromium, and tabs with a clock inside the page."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from benchmarks.api import KEY

ROOT = Path(__file__).parents[1]
CLOCK = (Path(__file__).parent / "clock.js").read_text()
#: The peer that needs packages which the app does without has a place of its own, so that they slow no start of ours.
EXPLORER_PYTHON = ROOT / ".venv-explorer" / "bin" / "python"
PATIENCE = 120.0
#: Of a processor, over a second: a process that takes less is at rest, but for what polls.
_REST = 0.08
_IDLE = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"
_BROKEN = "[data-testid=stException], [data-testid=stAlertContentError]"


@dataclass(frozen=True)
class App:
    """A Streamlit server; `began` is when its process was started, by time.perf_counter. Its memory and processor are read
    from /proc."""

    url: str
    pid: int
    began: float

    def megabytes(self) -> float:
        """Memory of the process, shared pages by its part of them."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024

    def worked(self) -> float:
        """Seconds of a processor that the server has taken so far."""
        user, system = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def rest(self) -> None:
        """Waits until the server has next to nothing to do."""
        until(lambda: self._busy(1.0) < _REST, "the server was at rest")

    def _busy(self, seconds: float) -> float:
        before = self.worked()
        time.sleep(seconds)
        return (self.worked() - before) / seconds


def until(holds: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain until {what}")
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(script: str, env: dict[str, str], python: Path | str = sys.executable) -> Iterator[App]:
    """`streamlit run SCRIPT`, or `streamlit hello`, ready to answer; both with the settings of this repository."""
    port = free_port()
    what = ["hello"] if script == "hello" else ["run", script]
    command = [str(python), "-m", "streamlit", *what, "--server.port", str(port)]
    known = {name: value for name, value in os.environ.items() if not name.startswith(("AVARA_", "EXPRESS_OPS_", "STREAMLIT_"))}
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=known | env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        app = App(f"http://127.0.0.1:{port}", process.pid, began)
        until(lambda: _answers(process, app.url), f"{script} was up")
        yield app
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    try:
        with urlopen(f"{url}/_stcore/health", timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def our_app(base_url: str, home: Path | None = None) -> Iterator[App]:
    """The app on the API at `base_url`, with a data folder of its own unless one is given."""
    with tempfile.TemporaryDirectory() as folder:
        env = {"AVARA_API_KEY": KEY, "AVARA_BASE_URL": base_url, "EXPRESS_OPS_HOME": str(home or folder)}
        with running("app.py", env) as app:
            yield app


@contextmanager
def chromium() -> Iterator[Browser]:
    path = os.environ.get("EXPRESS_OPS_TEST_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Tab:
    """A page of a browser profile of its own, with the clock of clock.js."""

    def __init__(self, browser: Browser) -> None:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        context.add_init_script(CLOCK)
        context.set_default_timeout(PATIENCE * 1000)
        self.page: Page = context.new_page()

    def close(self) -> None:
        self.page.context.close()

    def until(self, holds: str, arg: object = None, *, patience: float = PATIENCE) -> float:
        """Waits until the JavaScript function `holds` gives anything but nothing, looked at before each frame; gives that."""
        return float(self.page.wait_for_function(holds, arg=arg, polling="raf", timeout=patience * 1000).json_value())

    def idle(self) -> None:
        """Waits until the page stands still, in front: what another tab covers draws late and may miss a click."""
        self.page.bring_to_front()
        self.page.locator(_IDLE).wait_for()

    def timed(self, act: Callable[[], object]) -> float:
        """Seconds from the press in `act` until the answer to it is drawn."""
        self.idle()
        self.page.evaluate("() => bench.arm()")
        act()
        return self.answer()

    def answer(self) -> float:
        """Seconds that the answer took for which the clock was started last."""
        return float(self.page.evaluate("() => bench.answer")) / 1000

    def entered(self, box: Locator, text: str) -> float:
        """Seconds from Enter, with `text` in the box, until the answer is drawn."""
        self.idle()
        return float(box.evaluate("(box, text) => bench.enter(box, text)", text)) / 1000

    def whole(self) -> None:
        """Raises AssertionError where the page shows an error."""
        found = self.page.locator(_BROKEN)
        assert found.count() == 0, found.all_inner_texts()
