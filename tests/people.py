"""An app in which people sign in: its settings, the provider at which they log in, and the proxy that signs them in."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import oidc_provider_mock

from lib.sandbox.server import SandboxServer
from tests.served import Served, served, until
from tests.team import NAME, PASSWORD, Proxy

COOKIE_SECRET = "cookie-secret-of-the-people-tests-0123"
KEY = "key-of-the-people-tests-3d7a"
SECRET = "secret-of-the-proxy-of-the-people-tests"
#: As HAProxy's user, in headers.
LOGIN = {"Authorization": f"Basic {base64.b64encode(f'{NAME}:{PASSWORD}'.encode()).decode()}"}


def login_at(folder: Path, issuer: str, port: int | str = "{port}") -> tuple[str, str]:
    """The options by which an app has people log in at this provider."""
    secrets = folder / "secrets.toml"
    secrets.write_text(
        f"""
        [auth]
        redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
        cookie_secret = "{COOKIE_SECRET}"
        client_id = "express-ops"
        client_secret = "client-secret-of-the-people-tests"
        server_metadata_url = "{issuer}/.well-known/openid-configuration"
        """
    )
    secrets.chmod(0o600)
    return "--secrets.files", str(secrets)


@contextmanager
def provider(*emails: str) -> Iterator[str]:
    """A provider that knows these people, each by the part before the @; its address."""
    users = [
        oidc_provider_mock.User(sub=email.partition("@")[0], claims={"email": email, "email_verified": True})
        for email in emails
    ]
    with oidc_provider_mock.run_server_in_thread(user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"


def with_settings(folder: Path, people: str, **proxy: object) -> Path:
    """Write the settings of a server before which a proxy signs people in."""
    home, secret = folder / "home", folder / "secret"
    home.mkdir(parents=True, exist_ok=True)
    secret.write_text(SECRET)
    secret.chmod(0o600)
    named = {"addresses": ["127.0.0.1"], "secret_file": str(secret)} | proxy
    told = "\n".join(f"{name} = {value!r}" for name, value in named.items())
    home.joinpath("settings.toml").write_text(f"[people]\n{people}\n[people.proxy]\n{told}\n")
    return folder


@contextmanager
def proxied(folder: Path, port: int, *, customers: int = 20) -> Iterator[Served]:
    """An app that a HAProxy on this port may stand before (see `proxy_before`): NAME is an operator, the others are viewers."""
    with_settings(folder, f'operator = ["user:{NAME}"]\nviewer = ["*@example.com"]', name="X-Forwarded-User")
    options = ("--server.corsAllowedOrigins", f"https://localhost:{port}", "--server.address", "0.0.0.0")
    with (
        SandboxServer(customers=customers, api_key=KEY) as sandbox,
        served(folder, *options, AVARA_API_KEY=KEY, AVARA_BASE_URL=sandbox.base_url) as app,
    ):
        until(lambda: app.health() == {"ok": True}, "the app was up")
        yield app


@contextmanager
def proxy_before(app: Served, folder: Path, port: int, kind: type[Proxy] = Proxy) -> Iterator[Proxy]:
    proxy = kind(folder, port, (app.port, app.port), SECRET)
    proxy.start()
    try:
        until(proxy.answers, "the proxy answered")
        yield proxy
    finally:
        proxy.stop()
