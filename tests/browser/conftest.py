"""A real Chromium on a real server: the app as `streamlit run` starts it, over HTTP to a sandbox that the test owns."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect, sync_playwright

from lib.journal.journal import Journal
from lib.plans.model import Run
from lib.sandbox import faults
from lib.sandbox.server import SandboxServer

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "test-output"
API_KEY = "ak_browser_tests_0123456789abcdef"
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000  # long, for it is only spent where a test fails or the machine is busy
_START_SECONDS = 90.0
_STOP_SECONDS = 20.0

#: Opened on a page's own address, Streamlit's client looks for its server below that address first, then above it.
#: And its download buttons ask whether their file is there, which it is no more where the dialog has been closed meanwhile.
_PROBE = re.compile(r"/(overview|deactivate|runs|connection)/_stcore/(health|host-config)$|/media/\w+\.json$")

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class App:
    """The app's process. `sandbox` is the API that it talks to; None where it started its own, embedded one."""

    url: str
    home: Path
    log: Path
    process: subprocess.Popen[bytes]
    sandbox: SandboxServer | None

    @property
    def api(self) -> SandboxServer:
        assert self.sandbox is not None, "this app has an embedded sandbox"
        return self.sandbox

    def calls(self, *operations: str) -> list[tuple[str, str]]:
        """(operation, customer id) of the calls that the sandbox saw, oldest first; all or only of these operations."""
        return [(c.operation, c.customer_id) for c in self.api.calls() if not operations or c.operation in operations]

    def records(self, *, active: bool | None = None) -> list[dict[str, Any]]:
        """The sandbox's own records, as they are now: all, or the active or the inactive ones."""
        store = self.api.sandbox.store
        records = [store.read(position) for position in range(len(store))]
        return [record for record in records if active is None or record["isActive"] is active]

    def active_ids(self, count: int) -> list[str]:
        """Of the active customers those with the fewest users, so that a test of something else meets no cap on them."""
        records = sorted(self.records(active=True), key=lambda record: record["userCount"])
        return [record["expressCustomerId"] for record in records[:count]]

    def record(self, customer_id: str) -> dict[str, Any]:
        store = self.api.sandbox.store
        return store.read(store.position(customer_id) or 0)

    def runs(self) -> tuple[Run, ...]:
        """The runs in the app's journal, newest first."""
        journal = Journal(f"sqlite:///{self.home / 'journal.sqlite'}")
        try:
            return tuple(journal.reads.runs(limit=1000))
        finally:
            journal.close()


@dataclass
class Watch:
    """What a page did on the side: every request it made, every error on its console, every alert it opened."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)

    def of(self, page: Page) -> None:
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda opened: self.requests.append(opened.url))
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: (self.alerts.append(dialog.message), dialog.dismiss()))

    def _hear(self, message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        if message.type == "error" and not (_PROBE.search(url) or message.text.startswith("Client Error: Download Button")):
            self.errors.append(f"{message.text} {url}")

    def left(self) -> list[str]:
        """Requests to anywhere but this machine."""
        local = ("127.0.0.1", "localhost", None)  # data: and blob: have no host
        return [url for url in self.requests if urlsplit(url).hostname not in local]


OpenPage = Callable[..., Page]
StartApp = Callable[..., App]


def until(holds: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Waits for something outside the browser (there `expect` waits by itself)."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.05)


@contextmanager
def running_app(
    home: Path, sandbox: SandboxServer | None, settings: str = "", *options: str, journal_url: str = ""
) -> Iterator[App]:
    """`streamlit run app.py` in a process of its own, with this settings.toml, ended as an operator would end it."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "settings.toml").write_text(settings)
    log, port = home.parent / f"{home.name}.log", _free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AVARA_", "EXPRESS_OPS_", "STREAMLIT_"))}
    env |= {"EXPRESS_OPS_HOME": str(home)} | ({"EXPRESS_OPS_DATABASE_URL": journal_url} if journal_url else {})
    if sandbox is not None:
        env |= {"AVARA_API_KEY": sandbox.api_key, "AVARA_BASE_URL": sandbox.base_url}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), *options]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=file, stderr=subprocess.STDOUT)
    app = App(f"http://127.0.0.1:{port}", home, log, process, sandbox)
    try:
        until(lambda: _answers(app), "the app was up", _START_SECONDS)
        yield app
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        finally:
            process.kill()


def _answers(app: App) -> bool:
    assert app.process.poll() is None, f"the app ended:\n{app.log.read_text()}"
    try:
        with urlopen(f"{app.url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except HTTPError as refused:
        return b"in trouble" in refused.read()  # started; a test that has the API fail opens its pages all the same
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


#: Switched off by Playwright as well, which a second such option would undo; then a renderer that every new tab keeps ready for
#: Chromium's own pages, which nobody sees here.
_WITHOUT = "HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,MediaRouter,PaintHolding,OptimizationHints,PreloadTopChromeWebUI"


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """It keeps an event loop running in its process, where other folders' tests need none: it ends with this folder's."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    path = os.environ.get("EXPRESS_OPS_TEST_CHROMIUM") or shutil.which("chromium")
    assert path, "No Chromium. Install it, or set EXPRESS_OPS_TEST_CHROMIUM to its path."
    browser = playwright.chromium.launch(executable_path=path, args=[*CHROMIUM_OPTIONS, f"--disable-features={_WITHOUT}"])
    yield browser
    browser.close()


@pytest.fixture(scope="module", autouse=True)
def quick_faults() -> Iterator[None]:
    """A request that is never answered is cut after 2 s, so that no test waits for the client's own limit of 60."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faults, "HANG_SECONDS", 2.0)
        yield


@pytest.fixture(scope="module")
def customers() -> int:
    """How many customers the module's sandbox has; a module that needs another number says so."""
    return 250


@pytest.fixture(scope="module")
def settings() -> str:
    """The settings.toml of the module's app; a module that needs another says so."""
    return ""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, customers: int, settings: str) -> Iterator[App]:
    """One app for the module. Tests leave it without faults, without live runs, and with most customers active."""
    with (
        SandboxServer(customers=customers, api_key=API_KEY) as sandbox,
        running_app(tmp_path_factory.mktemp("app") / "home", sandbox, settings) as running,
    ):
        yield running


@pytest.fixture
def start_app(tmp_path: Path) -> Iterator[StartApp]:
    """Starts apps of one test; takes options of Streamlit, and those of SandboxServer, or `embedded=True` for an app without a
    key."""
    with ExitStack() as stack:

        def start(*streamlit: str, embedded: bool = False, settings: str = "", **options: object) -> App:
            sandbox = None
            if not embedded:
                sandbox = stack.enter_context(SandboxServer(**{"customers": 250, "api_key": API_KEY, **options}))
            home = tmp_path / f"home-{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(running_app(home, sandbox, settings, *streamlit))

        yield start


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="package")
def looks(chromium: Browser) -> Iterator[Callable[[int, int, str], BrowserContext]]:
    """A browser profile for each size and colour scheme. Its cache saves every tab after the first the reading of Streamlit's
    scripts; the app's sessions belong to tabs, so tests share nothing of theirs."""
    made: dict[tuple[int, int, str], BrowserContext] = {}

    def look(width: int, height: int, scheme: str) -> BrowserContext:
        if (width, height, scheme) not in made:
            context = chromium.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                reduced_motion="reduce",
                accept_downloads=True,
            )
            context.set_default_timeout(PATIENCE_MS)
            made[width, height, scheme] = context
        return made[width, height, scheme]

    yield look
    for context in made.values():
        context.close()


@pytest.fixture
def open_page(
    looks: Callable[[int, int, str], BrowserContext], watch: Watch, request: pytest.FixtureRequest
) -> Iterator[OpenPage]:
    """Opens tabs. Whatever a test does in them, nothing may leave this machine, no alert may open and no error may reach the
    console."""
    pages: list[Page] = []

    def open_(*, width: int = 1280, height: int = 900, scheme: str = "light") -> Page:
        page = looks(width, height, scheme).new_page()
        pages.append(page)
        watch.of(page)
        return page

    yield open_
    failed = getattr(request.node, "failed_in_call", False)
    for number, page in enumerate(pages):
        if failed and not page.is_closed():
            name = re.sub(r"[^\w.-]+", "-", f"{request.node.name}-{number}")
            page.screenshot(path=OUTPUT / "failures" / f"{name}.png")
        page.close()
    if not failed:
        assert watch.left() == []
        assert watch.alerts == []
        assert watch.errors == []


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Tells the fixtures that the test failed, and puts the app's log into the report."""
    report = yield
    if report.when == "call" and report.failed:
        item.failed_in_call = True
        running = getattr(item, "funcargs", {}).get("app")
        if isinstance(running, App):
            report.sections.append(("the app's log", running.log.read_text(errors="replace")[-8_000:]))
    return report
