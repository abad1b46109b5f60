"""The key appears nowhere: not in errors, reprs, logs (all of them at DEBUG), the data folder, receipts, exports or pages."""

from __future__ import annotations

import base64
import logging
import pickle
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.avara.retry import RetryPolicy
from lib.config import load_settings
from lib.customers import export
from lib.errors import ApiError
from lib.plans.model import Action
from lib.plans.plan import PlannedCustomer, make_plan
from lib.receipts.export import Format
from lib.receipts.export import export as take
from tests.pages.world import KEY, World
from tests.runs.fakes import ROBIN
from tests.sandbox_server import SandboxFactory

#: The key as it stands in the header, and as it would in a basic login or a URL.
FORMS = (KEY.encode(), base64.b64encode(KEY.encode()), KEY.encode().hex().encode())


def holds_key(data: bytes | str) -> bool:
    data = data.encode() if isinstance(data, str) else data
    return any(form.lower() in data.lower() for form in FORMS)


class Kept(logging.Handler):
    """Everything that any logger says, with its arguments and its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {record.args!r}")


@pytest.fixture
def log() -> Iterator[Kept]:
    """Every logger at DEBUG, also those that libraries made quiet."""
    root, kept = logging.getLogger(), Kept()
    names = [name for name, logger in root.manager.loggerDict.items() if isinstance(logger, logging.Logger)]
    loggers = [
        root,
        *(logging.getLogger(name) for name in {*names, "httpx", "httpcore", "httpcore.http11", "httpcore.connection"}),
    ]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.propagate = True
    root.addHandler(kept)
    yield kept
    root.removeHandler(kept)
    for logger, level, propagate in before:
        logger.level, logger.propagate = level, propagate


def test_the_search_would_find_the_key(log: Kept) -> None:
    logging.getLogger("httpcore.http11").debug("sent %r", {"authorization": f"Bearer {KEY}"})
    assert holds_key(log.lines[-1])
    assert holds_key(base64.b64encode(KEY.encode()))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path / "home") as made:
        yield made


def test_a_whole_session_leaves_the_key_nowhere(world: World, log: Kept) -> None:
    sandbox = world.sandbox(customers=130, faults=["http-503=0.2", "still-active=0.2", "drift=0.3", "bad-record"])
    for at, form in enumerate(FORMS * 20):  # which a server sends back with everybody's record
        told = form.decode()
        sandbox.sandbox.store.change(at, expressCustomerName=f"Clinic {told}", metadata={f"k-{told}"[:90]: f"v {told.upper()}"})
    session = world.open()
    pages = [session.everything]
    resources, frame = world.resources, world.resources.loads.frame()
    now = datetime.now(UTC)
    records = frame.records(frame.rows[frame.rows["is_active"]]["id"].tolist()[:12])
    plan = make_plan(
        [PlannedCustomer(record=record, read_at=now) for record in records],
        action=Action.DEACTIVATE,
        reason="Contract ended",
        operator="Robin",
        fingerprint=resources.connection.fingerprint,
        connection_label=resources.connection.label,
        base_url=resources.connection.base_url,
        now=now,
    )
    run_id = resources.journal.record(plan, now, who=ROBIN).id
    resources.worker.submit(run_id, who=ROBIN)
    assert resources.worker.join(run_id, 90)
    for page, query in (
        ("runs", {"run": run_id}),
        *((page, {}) for page in ("overview", "runs", "compare", "deactivate", "connection")),
    ):
        pages.append(session.go(page, **query).everything)
    pages.append(session.press("test_connection").everything)
    sandbox.sandbox.faults.revoked = True
    pages.append(session.press("test_connection").everything)
    everything = np.arange(len(frame))
    files = [
        plan.to_json().encode(),
        *(take(resources.journal, run_id, form, who=ROBIN, now=now).body for form in Format),
        *(make(frame, everything, ["region"]) for make in (export.to_csv, export.to_xlsx)),
        *(make(frame, everything) for make in (export.to_jsonl, export.to_parquet)),
    ]
    assert any(b"[API key]" in page for page in pages)
    assert not [number for number, page in enumerate(pages) if holds_key(page)]
    assert not [number for number, file in enumerate(files) if holds_key(file)]
    told = [file for file in world.home.rglob("*") if file.is_file()]
    assert any("journal" in file.name for file in told)
    assert any("snapshot" in file.name for file in told)
    assert not [file for file in told if holds_key(file.read_bytes())]
    assert any(line.startswith("httpcore") for line in log.lines)
    assert not [line for line in log.lines if holds_key(line)]


def test_no_value_that_carries_the_key_shows_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AVARA_API_KEY", KEY)
    monkeypatch.setenv("AVARA_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("EXPRESS_OPS_HOME", str(tmp_path))
    settings = load_settings()
    connection = settings.connection()
    assert connection is not None
    with AvaraClient(connection) as client:
        for value in (
            settings,
            connection,
            client,
            connection.fingerprint,
            connection.label,
            connection.host,
            vars(connection),
        ):
            assert not holds_key(repr(value))
            assert not holds_key(str(value))


FAULTS = (
    "bad-json@get",
    "truncated@get",
    "html-error@get",
    "http-500@get",
    "http-503@get",
    "timeout-before@get",
    "reset-after@get",
    "wrong-id@get",
)


@pytest.mark.parametrize("fault", [*FAULTS, "refused", "down"])
def test_no_error_of_the_client_holds_the_key_wherever_one_looks(start_sandbox: SandboxFactory, log: Kept, fault: str) -> None:
    sandbox = start_sandbox(customers=5, api_key=KEY if fault != "refused" else "another")
    if fault in FAULTS:
        sandbox.set_faults([fault])
    connection = Connection(base_url=sandbox.base_url, api_key=SecretStr(KEY), label="test")
    customer_id = sandbox.sandbox.store.read(2)["expressCustomerId"]
    if fault == "down":
        sandbox.stop()
    with AvaraClient(connection, timeout=0.3, retry=RetryPolicy(retries=0)) as client:
        with pytest.raises(ApiError) as caught:
            client.get_customer(customer_id)
        error = caught.value
        chain: list[BaseException] = []
        link: BaseException | None = error
        while link is not None:
            chain.append(link)
            link = link.__cause__ or link.__context__
        for one in chain:
            for text in (repr(one), str(one), repr(vars(one)), "".join(traceback.format_exception(one))):
                assert not holds_key(text)
        assert not holds_key(pickle.dumps([error.args, vars(error)]))
        # A rich traceback shows the locals of each frame as their repr.
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "/lib/" in frame.f_code.co_filename.replace("\\", "/") and "site-packages" not in frame.f_code.co_filename:
                assert not holds_key(repr(frame.f_locals))
    assert not [line for line in log.lines if holds_key(line)]
