"""A team's servers on this machine, of what is installed here: two app servers, PostgreSQL, HAProxy with TLS and a login.

`make team` runs them until Ctrl+C; the tests stop, kill and start them anew. They are what compose.yaml puts into containers,
with the same configuration of the proxy.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from itertools import chain
from pathlib import Path
from threading import Event

import httpx
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from lib.sandbox.server import SandboxServer
from tests.journal.places import Server
from tests.served import PATIENCE, ROOT, Served, free_port, served, until

KEY = "key-of-the-team-5e21"
NAME, PASSWORD = "robin", "only-for-tries"
COOKIE = "express_ops"
#: What must be installed besides what `make test` installs.
PROGRAMS = ("haproxy", "openssl")


def missing(*more: str) -> str:
    """Which programs are not installed here, in words; empty where none is missing."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    names = [name for name in (*PROGRAMS, *more) if not shutil.which(name, path=path)]
    return f"Not installed: {', '.join(names)} (Debian: apt-get install {' '.join(names)})." if names else ""


class Proxy:
    """HAProxy as deploy/haproxy.cfg configures it, on a loopback port."""

    program = "haproxy"

    def __init__(self, folder: Path, port: int, apps: tuple[int, int], secret: str = "") -> None:
        self.folder, self.port, self._secret = folder, port, secret
        self._apps = apps
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        self.certificate = folder / "certificate.pem"
        key = folder / "key.pem"
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        made = ["-keyout", str(key), "-out", str(self.certificate)]
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        subprocess.run([*new, *subject, *made], check=True, capture_output=True)
        self.certificate.write_text(self.certificate.read_text() + key.read_text())

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"

    def get(self, path: str, *, server: str = "", **headers: str) -> httpx.Response:
        """An answer through the proxy, of that server where one is named."""
        if server:
            headers["cookie"] = f"{COOKIE}={server}"
        login = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
        headers = {"authorization": f"Basic {login}", **headers}
        return httpx.get(f"{self.origin}{path}", headers=headers, verify=self.trusted, trust_env=False, timeout=PATIENCE)

    @cached_property
    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def handshake(self, origin: str, login: str = f"{NAME}:{PASSWORD}") -> int:
        """The status of the answer to a websocket that a page of that origin opens."""
        try:
            with self.line(origin, login) as line:
                return line.response.status_code if line.response else 0
        except InvalidStatus as refused:
            return refused.response.status_code

    def line(self, origin: str = "", login: str = f"{NAME}:{PASSWORD}", cookie: str = "") -> ClientConnection:
        """The websocket of a page of that origin (the app's own); `cookie` is what the proxy gave that browser before."""
        headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
        if cookie:
            headers["Cookie"] = cookie
        url = f"{self.origin.replace('https', 'wss')}/_stcore/stream"
        # The app pings; that a server is gone is told by the proxy, which closes the line.
        options = {"additional_headers": headers, "ssl": self.trusted, "max_size": None, "proxy": None, "ping_interval": None}
        return connect(url, origin=Origin(origin or self.origin), open_timeout=PATIENCE, **options)

    def start(self) -> None:
        own = {
            "EXPRESS_OPS_BIND": f"127.0.0.1:{self.port}",
            "EXPRESS_OPS_CERTIFICATE": str(self.certificate),
            "EXPRESS_OPS_PROXY_SECRET": self._secret,
            **{f"EXPRESS_OPS_APP{number}": f"127.0.0.1:{port}" for number, port in enumerate(self._apps, 1)},
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin",
        }
        command = [shutil.which(self.program, path=own["PATH"]) or self.program, *self._command()]
        with (self.folder / "proxy.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=own, stdout=log, stderr=subprocess.STDOUT)

    def _command(self) -> list[str]:
        people = self.folder / "people.cfg"
        people.write_text(f"userlist people\n    user {NAME} insecure-password {PASSWORD}\n")
        return ["-db", "-f", str(ROOT / "deploy" / "haproxy.cfg"), "-f", str(people)]

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)

    def answers(self) -> bool:
        try:
            return self.get("/").status_code == 200
        except httpx.TransportError:
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "proxy.log").read_text()
            return False


class Nginx(Proxy):
    """nginx as deploy/nginx.conf configures it, with what a team writes into it."""

    program = "nginx"

    def _command(self) -> list[str]:
        password = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True, capture_output=True, text=True).stdout
        (self.folder / "people").write_text(f"{NAME}:{password}")
        site = (ROOT / "deploy" / "nginx.conf").read_text()
        certificate = str(self.certificate)
        written = {"443": f"127.0.0.1:{self.port}", "NAME": "localhost", "CERTIFICATE": certificate, "KEY": certificate}
        written |= {"PEOPLE": str(self.folder / "people"), "SECRET": self._secret}
        written |= {f"127.0.0.1:850{number}": f"127.0.0.1:{port}" for number, port in enumerate(self._apps, 1)}
        for word, meant in written.items():
            site = re.sub(rf'(?<=[ "]){re.escape(word)}(?=[ ;"])', meant, site)
        (self.folder / "site.conf").write_text(site)
        user = "user root; " if os.getuid() == 0 else ""
        site = "http { access_log proxy.log; include site.conf; }"
        (self.folder / "nginx.conf").write_text(f"daemon off; pid nginx.pid; {user}error_log stderr; events {{}} {site}")
        return ["-p", str(self.folder), "-c", "nginx.conf"]


class Team:
    """All of it. `apps` are by the names that the proxy's cookie has for them."""

    def __init__(self, folder: Path, sandbox: SandboxServer, settings: str, port: int | None, kept: int) -> None:
        self.folder, self.sandbox, self._settings, self._kept = folder, sandbox, settings, kept
        self._ports = {"app1": free_port(), "app2": free_port()}
        ports = (self._ports["app1"], self._ports["app2"])
        self.database = Server()
        self.journal_url = self.database.new_place().url
        self.proxy = Proxy(folder / "haproxy", port or free_port(), ports)
        #: Not started: the other configuration of the documentation.
        self.nginx = Nginx(folder / "nginx", free_port(), ports)
        self.apps: dict[str, Served] = {}
        self._running = ExitStack()

    def start(self) -> None:
        for name in self._ports:
            self.start_app(name)
        self.proxy.start()
        until(self.proxy.answers, "the proxy was up")
        until(lambda: all(app.health() == {"ok": True} for app in self.apps.values()), "both servers were ready")

    def start_app(self, name: str) -> None:
        folder = self.folder / name
        (folder / "home").mkdir(parents=True, exist_ok=True)
        (folder / "home" / "settings.toml").write_text(self._settings)
        account = {"AVARA_API_KEY": self.sandbox.api_key, "AVARA_BASE_URL": self.sandbox.base_url}
        known_as = [("--server.corsAllowedOrigins", proxy.origin) for proxy in (self.proxy, self.nginx)]
        kept = ("--server.disconnectedSessionTTL", str(self._kept))
        started = served(
            folder, *chain(*known_as, kept), port=self._ports[name], EXPRESS_OPS_DATABASE_URL=self.journal_url, **account
        )
        self.apps[name] = self._running.enter_context(started)

    def stop(self) -> None:
        self.proxy.stop()
        self._running.close()
        self.database.stop()


@contextmanager
def team(folder: Path, *, settings: str = "", port: int | None = None, kept: int = 120, **sandbox: object) -> Iterator[Team]:
    """`kept`: for how many seconds a session is kept whose tab is gone (120 is Streamlit's own)."""
    with SandboxServer(**{"customers": 250, "api_key": KEY, **sandbox}) as api:
        made = Team(folder, api, settings, port, kept)
        try:
            made.start()
            yield made
        finally:
            made.stop()


def main() -> None:
    """Run them until Ctrl+C."""
    if missing():
        sys.exit(missing())
    with tempfile.TemporaryDirectory(prefix="express-ops-team-") as place, team(Path(place), port=8443, customers=10_000) as it:
        sys.stdout.write(
            f"Express Ops for a team, with a sandbox for the API: {it.proxy.origin} as {NAME}, password {PASSWORD}\n"
            f"Its certificate is made for this. The servers: {', '.join(app.base_url for app in it.apps.values())}. "
            f"Their logs are in {place}. Ctrl+C ends it.\n"
        )
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            Event().wait()


if __name__ == "__main__":
    main()
