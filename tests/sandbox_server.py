"""Sandbox servers for tests: real HTTP on a free loopback port, with the data of a fixed seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
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


def ask(server: SandboxServer, method: str, path: str, **body: object) -> dict[str, Any]:
    """What somebody else does to the account meanwhile: the answer of the sandbox to this call."""
    headers = {"Authorization": f"Bearer {server.api_key}"}
    answer = httpx.request(method, f"{server.base_url}/v1/express{path}", json=body, headers=headers, verify=False)
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told


def rename(server: SandboxServer, customer_id: str, name: str) -> None:
    """Somebody else gives a customer another name."""
    ask(server, "PATCH", f"/{customer_id}", expressCustomerName=name)


def study_comes_in(server: SandboxServer, customer_id: str, **fields: object) -> None:
    """A study of a customer comes in: now, or at `createdAt`."""
    headers = {"Authorization": f"Bearer {server.api_key}"}
    told = {"expressCustomerId": customer_id, **fields}
    httpx.post(f"{server.base_url}/_sandbox/studies", json=told, headers=headers, verify=False).raise_for_status()
