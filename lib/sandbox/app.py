"""The sandbox as an ASGI application: HTTP in, a call to the sandbox, HTTP out."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lib.sandbox import api, faults
from lib.sandbox.core import Sandbox
from lib.sandbox.data import stamp
from lib.sandbox.openapi import document
from lib.sandbox.responses import Cut, Hang, Reset, Truncated
from lib.sandbox.wire import MAX_BODY, Answer, Call, RefusedError, body_object, encode


def application(sandbox: Sandbox, cut: Cut, stopping: asyncio.Event) -> Starlette:
    """The ASGI application of `sandbox`. `cut` cuts the connection of a request; `stopping` releases those that hang."""
    methods: dict[str, dict[str, str]] = defaultdict(dict)
    for name, endpoint in api.ENDPOINTS.items():
        methods[endpoint.path][endpoint.method] = name

    async def serve(request: Request) -> Response:
        call = await _call(methods[request.scope["route"].path][request.method], request)
        outcome = sandbox.refuse(call, request.headers.get("authorization", ""), time.monotonic())
        if outcome is None:
            struck = sandbox.faults.strike(call)
            sandbox.under_way += 1
            try:
                await _wait(sandbox, (not faults.SLOW.isdisjoint(struck)) * faults.SLOW_SECONDS)
            finally:
                sandbox.under_way -= 1
            outcome = sandbox.carry_out(call, struck)
        match outcome.ending:
            case "hang":
                return Hang(cut, stopping, faults.HANG_SECONDS)
            case "reset":
                return Reset(cut)
            case "half":
                return Truncated(cut, outcome.answer.body, {"x-request-id": outcome.request_id})
        return _response(outcome.answer, outcome.request_id)

    return Starlette(
        routes=[*(Route(path, serve, methods=list(of)) for path, of in methods.items()), *_own_routes(sandbox)],
        exception_handlers={HTTPException: _http_error, RefusedError: _refused, Exception: _own_error},
    )


async def _wait(sandbox: Sandbox, slow: float) -> None:
    """As long as the answer takes, and `slow` seconds more. A latency that is taken back meanwhile holds no call any longer."""
    since, more = time.monotonic(), sandbox.delay - sandbox.latency + slow
    while (left := since + sandbox.latency + more - time.monotonic()) > 0:
        await asyncio.sleep(min(left, 0.1))


def _own_routes(sandbox: Sandbox) -> list[Route]:
    """The sandbox's own routes: the same key (but for the OpenAPI document), and never a fault, a limit or a record."""

    def guarded(run: Callable[[bytes], object]) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            if not sandbox.authorized(request.headers.get("authorization", "")):
                return _response(faults.unauthorized())
            return _response(Answer(200, encode(run(await request.body()))))

        return answer

    def switched_on(_: bytes) -> object:
        return {"faults": [str(setting) for setting in sandbox.faults.settings]}

    def switch(body: bytes) -> object:
        texts = body_object(body).get("faults")
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise RefusedError(400, "invalid_faults", 'The body must be {"faults": ["NAME[@OPERATION][=RATE]", ...]}.')
        try:
            sandbox.set_faults(texts)
        except faults.FaultError as exc:
            raise RefusedError(400, "invalid_faults", str(exc)) from exc
        return switched_on(body)

    async def openapi(_: Request) -> Response:
        return _response(Answer(200, encode(document())))

    return [
        Route("/openapi.json", openapi, methods=["GET"]),
        Route(
            "/_sandbox/calls", guarded(lambda _: {"calls": [asdict(call) for call in sandbox.store.calls()]}), methods=["GET"]
        ),
        Route("/_sandbox/faults", guarded(switched_on), methods=["GET"]),
        Route("/_sandbox/faults", guarded(switch), methods=["PUT"]),
        Route("/_sandbox/studies", guarded(partial(_add_study, sandbox)), methods=["POST"]),
    ]


def _add_study(sandbox: Sandbox, body: bytes) -> object:
    """A study comes in. Fields: expressCustomerId; createdAt, now where it is left out; isCancelled."""
    given = body_object(body)
    position = sandbox.store.position(str(given.get("expressCustomerId")))
    if position is None:
        raise RefusedError(404, "not_found", "There is no customer with that expressCustomerId.")
    try:
        at = datetime.fromisoformat(given["createdAt"]).astimezone(UTC) if "createdAt" in given else None
    except (ValueError, TypeError, OverflowError):
        raise RefusedError(400, "invalid_time", "createdAt must be a time: 2026-11-02T08:15:00Z.") from None
    added = sandbox.store.add_study(position, at, is_cancelled=given.get("isCancelled") is True)
    return {"createdAt": stamp(added.at), "isCancelled": added.is_cancelled}


async def _call(operation: str, request: Request) -> Call:
    body = await request.body() if request.method != "GET" else b""
    if len(body) > MAX_BODY:
        raise RefusedError(413, "too_large", f"The body may have at most {MAX_BODY:,} bytes.")
    customer_id = request.path_params.get("id", "")
    return Call(operation, request.method, request.url.path, customer_id, dict(request.query_params), body)


def _response(answer: Answer, request_id: str = "") -> Response:
    headers = {**answer.headers, "x-request-id": request_id or f"req_{uuid.uuid4().hex}"}
    return Response(answer.body, answer.status, headers, answer.media_type)


def _refused(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, RefusedError)  # noqa: S101 - Starlette calls this for nothing else
    return _response(exc.answer)


def _http_error(_: Request, exc: Exception) -> Response:
    """Starlette's own refusals: no such path (404), another method (405)."""
    assert isinstance(exc, HTTPException)  # noqa: S101
    return _response(Answer(exc.status_code, encode({"message": exc.detail}), exc.headers or {}))


def _own_error(_: Request, __: Exception) -> Response:
    """A mistake in the sandbox itself; uvicorn logs it, the state is as the last whole operation left it."""
    return _response(Answer(500, encode({"message": "The sandbox made a mistake."})))
