"""People who logged in, and their tabs of the app."""

from __future__ import annotations

import time

from tests.pages.world import Session, World
from tests.served import until

PEOPLE = """
[people]
viewer = ["*@example.com"]
operator = ["robin@example.com"]
approver = ["group:leads"]
"""
ISSUER = "https://login.example.com"


def claims(email: str, **more: object) -> dict[str, object]:
    now = time.time()
    return {"is_logged_in": True, "iss": ISSUER, "sub": f"sub of {email}", "email": email, "iat": now, "exp": now + 3600} | more


def opened(world: World, settings: str) -> World:
    """The app with these settings and all customers loaded."""
    world.customers = world.sandbox(customers=60)
    world.home.mkdir(exist_ok=True)
    world.home.joinpath("settings.toml").write_text(settings)
    world.resources.loads.start()
    until(lambda: world.resources.loads.complete, "all customers were read")
    return world


def tab(
    page: str = "customers", /, email: str = "kim@example.com", user: dict[str, object] | None = None, **query: str
) -> Session:
    session = Session()
    session.at.user = claims(email) if user is None else user
    session.run()
    return session if page == "customers" else session.go(page, **query)
