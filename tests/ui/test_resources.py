"""What the server's session says of itself, and what it tries again by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.sandbox.server import SandboxServer
from lib.ui import resources as wiring
from tests.pages.world import World
from tests.served import until


def refuse_the_key(sandbox: SandboxServer) -> None:
    sandbox.sandbox.faults.revoked = True


def break_the_list(sandbox: SandboxServer) -> None:
    sandbox.set_faults(["http-500@list"])


def mend(sandbox: SandboxServer) -> None:
    sandbox.sandbox.faults.revoked = False
    sandbox.set_faults([])


@pytest.mark.parametrize(
    ("break_", "while_first_read", "once_read"),
    [(refuse_the_key, "refused the key", "refused the key"), (break_the_list, "API failed", "")],
)
def test_a_server_that_can_do_nothing_with_its_account_says_why_and_tries_again_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, break_: object, while_first_read: str, once_read: str
) -> None:
    monkeypatch.setattr(wiring, "_READ_AGAIN_AFTER", 0.0)
    with World(tmp_path) as world:
        sandbox = world.sandbox(customers=20)
        resources = world.resources
        assert resources.trouble() == ""  # nobody has asked for the list yet
        break_(sandbox)
        resources.loads.start()
        until(lambda: while_first_read in (resources.trouble() or "-"), "it said why")
        mend(sandbox)
        until(lambda: resources.loads.complete and not resources.trouble(), "it had read the list after all")
        break_(sandbox)
        resources.loads.reload()
        until(lambda: resources.loads.newest.failure, "the list could not be read again")
        assert once_read in resources.trouble()
        assert bool(resources.trouble()) == bool(once_read)  # the list of before is there to work with
