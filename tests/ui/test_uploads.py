"""How much of uploads the server holds for a tab, and for all tabs together."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from lib.ui.signed_in import uploads
from lib.ui.signed_in.uploads import ALL_IS_FULL, OF_A_TAB, OF_ALL, TAB_IS_FULL, BoundedUploads
from tests.served import PATIENCE, served, until

FILE = 50 * 2**20  # what `server.maxUploadSize` says


async def taken(scope: Scope, receive: Receive, send: Send) -> None:
    await Request(scope, receive).body()
    await PlainTextResponse("taken")(scope, receive, send)


@pytest.mark.parametrize(
    ("held", "length", "words"),
    [
        ({}, FILE, "taken"),
        ({"tab": OF_A_TAB * FILE - 2**20}, 2**19, "taken"),
        ({"tab": OF_A_TAB * FILE - 2**20}, 2**21, TAB_IS_FULL),
        ({"tab": OF_A_TAB * FILE - 2**20}, None, TAB_IS_FULL),
        ({"tab": (OF_A_TAB - 1) * FILE}, None, "taken"),
        ({"other": OF_A_TAB * FILE}, FILE, "taken"),
        ({str(tab): OF_A_TAB * FILE for tab in range(OF_ALL // OF_A_TAB)}, 2**21, ALL_IS_FULL),
    ],
)
def test_a_file_is_taken_while_its_tab_and_all_tabs_hold_less_than_they_may(
    held: dict[str, int], length: int | None, words: str
) -> None:
    client = TestClient(BoundedUploads(taken, lambda: held))
    content = iter([b"in pieces"]) if length is None else b""
    headers = {} if length is None else {"content-length": str(length)}
    assert client.put("/_stcore/upload_file/tab/file", content=content, headers=headers).text == words
    assert client.delete("/_stcore/upload_file/tab/file").text == "taken"
    assert client.post("/elsewhere").text == "taken"


def test_files_that_are_on_their_way_count() -> None:
    arrived, answers = asyncio.Event(), []

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await arrived.wait()
        await taken(scope, receive, send)

    bounded = BoundedUploads(slow, dict)

    async def put(session: str) -> None:
        scope = {"type": "http", "method": "PUT", "path": f"/_stcore/upload_file/{session}/file", "headers": []}

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            answers.extend([message["body"].decode()] if "body" in message else [])

        await bounded(scope, receive, send)

    async def at_once() -> None:
        sending = [asyncio.create_task(put(session)) for session in (*["tab"] * (OF_A_TAB + 1), "other")]
        await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        assert answers == [TAB_IS_FULL]
        arrived.set()
        await asyncio.gather(*sending)
        await put("tab")

    asyncio.run(at_once())
    assert answers == [TAB_IS_FULL, *["taken"] * (OF_A_TAB + 2)]


class Uploading:
    """A file on its way to a tab: what it is made to `send` comes, None at its end; `answer` is what it ends with."""

    def __init__(self, bounded: BoundedUploads, session: str, length: int) -> None:
        self._parts, self._answers = asyncio.Queue[bytes | None](), list[tuple[int, str]]()
        headers = [(b"content-length", str(length).encode())]
        scope = {"type": "http", "method": "PUT", "path": f"/_stcore/upload_file/{session}/file", "headers": headers}
        self._task = asyncio.create_task(bounded(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        body = await self._parts.get()
        return {"type": "http.request", "body": body or b"", "more_body": body is not None}

    async def _send(self, message: Message) -> None:
        self._answers.append((message.get("status", 0), message.get("body", b"").decode()))

    async def send(self, *parts: bytes | None) -> None:
        """Returns once they are taken, or the file is answered."""
        for part in parts:
            self._parts.put_nowait(part)
        while not self._parts.empty() and not self._task.done():
            await asyncio.sleep(0)

    async def answer(self) -> tuple[int, str]:
        await asyncio.wait_for(self._task, PATIENCE)
        (status, _), (_, words) = self._answers
        return status, words


def test_uploads_that_send_nothing_lock_nobody_out_and_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_QUIET", 1.0, raising=False)

    async def at_once() -> None:
        bounded = BoundedUploads(taken, dict)
        silent = [Uploading(bounded, f"tab-{number}", FILE) for number in range(OF_ALL) for _ in range(OF_A_TAB)]
        for one in silent:
            await one.send(b"a")
        other = Uploading(bounded, "other", 5)
        await other.send(b"names", None)
        assert await other.answer() == (200, "taken")
        assert {await one.answer() for one in silent} == {(408, uploads.NOTHING_CAME)}
        assert len(silent) == OF_ALL * OF_A_TAB
        again = Uploading(bounded, "tab-0", FILE)
        await again.send(None)
        assert await again.answer() == (200, "taken")

    asyncio.run(at_once())


def test_what_comes_is_counted_for_all_tabs_and_refused_on_its_way_where_there_is_no_more_room() -> None:
    room = 7 * 2**20

    async def at_once() -> None:
        bounded = BoundedUploads(taken, lambda: {str(tab): OF_A_TAB * FILE for tab in range(4)} | {"5": OF_A_TAB * FILE - room})
        one, other = (Uploading(bounded, f"tab-{number}", 6 * 2**20) for number in range(2))
        for size in (0, 3 * 2**20):
            for upload in (one, other):
                await upload.send(bytes(size))
        await one.send(bytes(3 * 2**20), None)
        assert await one.answer() == (413, ALL_IS_FULL)
        await other.send(bytes(3 * 2**20), None)
        assert await other.answer() == (200, "taken")

    asyncio.run(at_once())


def test_a_tab_that_is_full_is_told_and_takes_more_once_a_file_is_gone(tmp_path: Path) -> None:
    with (
        served(tmp_path, "--server.maxUploadSize", "1", AVARA_API_KEY="key-7f31", AVARA_BASE_URL="http://127.0.0.1:1") as app,
        httpx.Client(base_url=app.base_url, trust_env=False, timeout=PATIENCE) as browser,
        ExitStack() as open_,
    ):
        until(lambda: app.health() != {"state": "no answer"}, "the app answered")
        tab = open_.enter_context(app.tab())
        tab.send(BackMsg(rerun_script=ClientState()))
        while (message := ForwardMsg.FromString(bytes(tab.line.recv(timeout=PATIENCE)))).WhichOneof("type") != "new_session":
            pass
        session = message.new_session.initialize.session_id
        headers = {"origin": app.base_url, "x-xsrftoken": browser.get("/_stcore/health").cookies["_streamlit_xsrf"]}

        def put(name: object, size: int) -> httpx.Response:
            file = {"f": ("list.csv", bytes(size), "text/csv")}
            return browser.put(f"/_stcore/upload_file/{session}/{name}", headers=headers, files=file)

        answers = [put(number, 900 * 2**10) for number in range(OF_A_TAB + 1)]
        assert [answer.status_code for answer in answers] == [*[204] * OF_A_TAB, 413]
        assert answers[-1].text == TAB_IS_FULL
        assert browser.delete(f"/_stcore/upload_file/{session}/0", headers=headers).status_code == 204
        assert put("another", 900 * 2**10).status_code == 204
        assert {put(f"empty-{number}", 0).status_code for number in range(40)} == {204, 413}
