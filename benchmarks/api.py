"""The APIs that the benchmarks speak to, each in a process of its own: one with ready-made pages, and the sandbox."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what reads the bare bytes, or with the vendor's client, is not to hold our packages
    from lib.avara.client import AvaraClient
    from lib.avara.limiter import Limiter

KEY = "sandbox-key"
PAGE = 100
#: Pages that are made; a longer list repeats them with other ids.
DIFFERENT_PAGES = 1000
HEADERS = {"Authorization": f"Bearer {KEY}", "Accept": "application/json"}


def made_pages(customers: int) -> list[bytes]:
    """Records of the sandbox, 100 a page, as JSON; the ids begin with 0000, which tells repeats apart later."""
    from lib.sandbox import data
    from lib.sandbox.wire import encode

    count = min(customers, DIFFERENT_PAGES * PAGE)
    records = []
    for made in data.customers(count, 1):
        record = made.record
        record["expressCustomerId"] = "cus_0000" + record["expressCustomerId"][8:]
        records.append(encode(record))
    return [b",".join(records[at : at + PAGE]) for at in range(0, count, PAGE)]


def serve(customers: int, latency: float) -> None:
    """Answers any request with the page that its cursor names, one for studies with none, after `latency` seconds. Writes its
    port first.
    """
    pages = made_pages(customers)
    total = -(-customers // PAGE)

    def answer(number: int) -> bytes:
        turn, place = divmod(number, len(pages))
        records = pages[place] if turn == 0 else pages[place].replace(b'"cus_0000', b'"cus_%04x' % turn)
        rest = b'"hasMore":true,"cursor":"%d"' % (number + 1) if number + 1 < total else b'"hasMore":false'
        body = b'{"expressCustomers":[' + records + b"]," + rest + b"}"
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    none = b'{"studies":[],"hasMore":false}'
    no_study = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(none) + none
    ready = [answer(number) for number in range(min(total, len(pages)))]

    def talk(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, suppress(OSError):
            while head := connection.recv(65536):
                line = head.split(b"\r\n", 1)[0]
                number = int(line.partition(b"cursor=")[2].split(b" ")[0].split(b"&")[0] or 0)
                if latency:
                    time.sleep(latency)
                if b"/studies?" in line:
                    connection.sendall(no_study)
                    continue
                connection.sendall(ready[number] if number < len(ready) else answer(number))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()


@contextmanager
def server(customers: int, latency: float = 0.0) -> Iterator[str]:
    """A server process; gives its base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.api", str(customers), str(latency)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@contextmanager
def sandbox(customers: int, latency_ms: float, *options: str) -> Iterator[str]:
    """A fresh sandbox in a process of its own; gives its base URL."""
    command = [sys.executable, "-m", "lib.sandbox", "--port", "0", "--api-key", KEY]
    command += ["--customers", str(customers), "--latency-ms", str(latency_ms), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield next(word.rstrip(".,") for word in line.split() if word.startswith("http://"))
    finally:
        process.terminate()
        process.wait()


def client_of(base_url: str, limiter: Limiter | None = None) -> AvaraClient:
    from pydantic import SecretStr

    from lib.avara.client import AvaraClient
    from lib.avara.connection import Connection

    return AvaraClient(Connection(base_url, SecretStr(KEY), "sandbox", "sandbox"), limiter=limiter)


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]))
