"""Sandbox servers for tests: real HTTP on a free loopback port, with the data of a fixed seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from lib.sandbox.server import SandboxServer

SandboxFactory = Callable[..., SandboxServer]


@pytest.fixture
def start_sandbox() -> Iterator[SandboxFactory]:
    """Starts sandboxes with the arguments of SandboxServer (250 customers unless told otherwise); the test's end stops them."""
    with ExitStack() as stack:

        def start(**options: Any) -> SandboxServer:
            return stack.enter_context(SandboxServer(**{"customers": 250, **options}))

        yield start


@pytest.fixture
def sandbox(start_sandbox: SandboxFactory) -> SandboxServer:
    """A fresh sandbox of 250 customers without faults."""
    return start_sandbox()
