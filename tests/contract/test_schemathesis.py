"""schemathesis drives the sandbox from the sandbox's own OpenAPI document, with good and bad data."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from lib.sandbox import openapi, wire
from lib.sandbox.api import ENDPOINTS
from lib.sandbox.data import EXAMPLE_ID
from lib.sandbox.server import SandboxServer

FIRST_CURSORS = {
    "/v1/express": wire.cursor("customers", 10),
    "/v1/viewer/studies": wire.cursor("viewer", 3, 1),
    "/v1/autoScribe/studies": wire.cursor("autoScribe", 3, 1),
}
schema = schemathesis.openapi.from_dict(openapi.document())


@pytest.fixture(scope="module")
def server():
    with SandboxServer(customers=250) as running:
        yield running


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_sandbox_keeps_the_promises_of_its_document(case, server):
    if case.meta.generation.mode.is_positive:  # what only the server can know: an id that exists, a cursor that it gave out
        if "expressCustomerId" in case.path_parameters:
            case.path_parameters["expressCustomerId"] = EXAMPLE_ID
        if "cursor" in case.query:
            case.query["cursor"] = FIRST_CURSORS[case.path]
    case.call_and_validate(base_url=server.base_url, headers={"Authorization": f"Bearer {server.api_key}"})


def test_the_document_names_every_endpoint():
    documented = {
        (method.upper(), path.replace("{expressCustomerId}", "{id}"))
        for path, item in openapi.document()["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert documented == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS.values()}
