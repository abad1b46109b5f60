"""A server of a few lines that says exactly what it is told to, byte by byte: for what no honest server does."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

HANG = object()  # no answer; the connection stays open
CUT = object()  # no answer; the connection is closed
RESET = object()  # no answer; the connection is reset


def reply(status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """A whole HTTP answer; a body that is not bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(raw)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


@dataclass
class Seen:
    """One request as it arrived; header names are lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Wire:
    """What was asked, and how many connections were made for it."""

    base_url: str
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0


@contextmanager
def wire(*answers: object) -> Iterator[Wire]:
    """Gives each request the next answer, the last one again and again.

    An answer is bytes, HANG, CUT, RESET, bytes and then one of these as a pair, or a function of the connection.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        state = Wire(f"http://127.0.0.1:{listener.getsockname()[1]}")
        open_ones: list[socket.socket] = []

        def serve(connection: socket.socket) -> None:
            with connection, connection.makefile("rb") as stream:
                while request := _read(stream):
                    state.requests.append(request)
                    if not _answer(connection, answers[min(len(state.requests), len(answers)) - 1]):
                        return

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                state.connections += 1
                open_ones.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield state
        listener.shutdown(socket.SHUT_RDWR)


def _read(stream) -> Seen | None:
    try:
        line = stream.readline().decode().strip()
    except OSError:
        return None
    if not line:
        return None
    headers = {}
    while text := stream.readline().decode().strip():
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    return Seen(line, headers, stream.read(int(headers.get("content-length", 0))))


def _answer(connection: socket.socket, answer: object) -> bool:
    """False where the connection is done with."""
    if isinstance(answer, tuple):
        answer, after = answer
    else:
        after = None
    if callable(answer):
        answer(connection)
    if isinstance(answer, bytes):
        connection.sendall(answer)
        answer = after
    if answer is RESET:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return answer not in (CUT, RESET)
