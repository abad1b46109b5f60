"""Hostile input: whatever a file, an answer or an address holds, it is read, or refused in words of ours; nothing else comes.

Each example is something sound, of which some is replaced, left out or repeated. `make fuzz` tries each kind for long; a few of
each are tried with all other tests, and what was found stays in tests/corpus/KIND.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import openpyxl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lib.avara import protocol, requests
from lib.avara.reply import Reply, raise_unless_ok
from lib.config import refused, settings_file
from lib.customers.frame import build
from lib.customers.lists.report import Kind, take
from lib.customers.lists.table import INVISIBLE
from lib.customers.reading import snapshot
from lib.customers.reading.snapshot import Snapshot
from lib.errors import ApiError, ExpressOpsError, ViewUnreadable
from lib.evidence.activity import Activity
from lib.evidence.kept import ActivityShelf, _Kept
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import Facts
from lib.plans.plan import Plan
from lib.plans.policy import Policy
from lib.ui.compare import address as compared
from lib.ui.customers import address as customers
from lib.ui.runs import address as runs
from tests.avara.records import EXAMPLE, EXAMPLE_ID, STUDY
from tests.customers.records import NOW, an_id, customer
from tests.runs.fakes import judgement, plan_of

HERE = Path(__file__).parent
EXAMPLES = int(os.environ.get("EXPRESS_OPS_FUZZ_EXAMPLES", "60"))
PAPER = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
Mutant = st.SearchStrategy[bytes]

#: Values that code trips over.
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 15.0, 1e308, 2**53, 2**63, 2**70, 10**400),
    *("", " ", "\ud800", "\x00", "\u202e", "a" * 5000, "１", "nan", "cus_", EXAMPLE_ID.upper(), "0001-01-01T00:00:00+14:00"),
    *("9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "2026-01-01", "P1D", [], {}, [[]], [None], {"": None}),
)
#: What may stand between, before or after the bytes of any text.
PIECES = (
    *(
        b"",
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b'"',
        b"'",
        b"\n",
        b"\r",
        b"\t",
        b",",
        b";",
        b"|",
        b"=",
        b"#",
        b"[",
        b"{",
    ),
    *(b"]", b"}", b"\\", b"\\u0000", b"\\ud800", b"null", b"NaN", b"Infinity", b"1e999", b"-0", b"9" * 400, b"[" * 2000),
    *("\u2028é１\u200b".encode(), "\ud800".encode("utf-16-le", "surrogatepass"), b"%00", b"%FF", b"\x1b[2J", b"<!--", b"=cmd|"),
)


@st.composite
def torn(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """One of these texts with pieces of it replaced, repeated, moved or cut off."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.sampled_from([0, 0, 1, 2, 10, 100, 10**6])))
        some = st.integers(0, max(len(data) - 1, 0)).map(lambda start, data=data: data[start : start + 40])
        put = draw(st.sampled_from(PIECES) | st.binary(max_size=6) | some)
        data = data[:at] + put + data[end:]
    return data


@st.composite
def odd(draw: st.DrawFn, seeds: list[Any]) -> bytes:
    """One of these values as JSON, with others in some places of it."""
    value = {"": deepcopy(draw(st.sampled_from(seeds)))}
    for _ in range(draw(st.integers(0, 3))):
        inside, key = value, ""
        for _ in range(draw(st.integers(0, 6))):
            child = inside[key]
            if not isinstance(child, dict | list) or not child:
                break
            inside, key = child, draw(st.sampled_from(sorted(child) if isinstance(child, dict) else range(len(child))))
        match draw(st.integers(0, 3 if key != "" else 1)):
            case 0 | 1:
                inside[key] = deepcopy(draw(st.sampled_from(ODD)))
            case 2:
                del inside[key]
            case _ if isinstance(inside, dict):
                inside[draw(st.sampled_from(["x", "ID", "hash", f"{key} "]))] = deepcopy(inside[key])
            case _:
                inside += deepcopy([inside[key]])
    return json.dumps(value.get("")).encode()


def seeds_of(kind: str) -> list[bytes]:
    return [file.read_bytes() for file in sorted((HERE / "corpus" / kind).glob("*"))]


@contextmanager
def in_words() -> Iterator[None]:
    """What is refused is refused in a sentence that a terminal and a page can show."""
    try:
        yield
    except ExpressOpsError as error:
        if not (0 < len(error.message) < 2000 and error.message.isprintable()):
            raise AssertionError(f"no words for a person: {error.message!r}") from error
        raise


# --- what is read, and what must hold of what comes of it

RECORDS = [customer(number, name=f"Hospital {number}") for number in range(1, 6)]
FRAME = build(RECORDS)
PLAN = plan_of(RECORDS, ticket="OPS-7", filter_text="no users", judged={RECORDS[0].id: judgement()})


def a_plan(data: bytes, _: Path) -> None:
    plan = Plan.from_json(data)
    assert Plan.from_json(plan.to_json()) == plan


def a_signed_plan(data: bytes, folder: Path) -> None:
    """Whoever writes a plan by hand can reckon its hash, too."""
    body = json.loads(data)
    try:
        plan = Plan.model_validate_json(json.dumps(body), extra="forbid", by_alias=True, by_name=False)
    except ValidationError:
        a_plan(json.dumps({"hash": "0" * 64, "plan": body}).encode(), folder)
    else:
        a_plan(plan.to_json().encode(), folder)


def a_list(data: bytes, _: Path) -> None:
    report = take(data, lambda: FRAME, already=False).report
    assert sum(report.counts.values()) == len(report.entries)
    assert set(report.found) <= {record.id for record in RECORDS}
    if not data.startswith(b"PK"):
        said = "".join(data.decode(encoding, "ignore") for encoding in ("utf-8", "utf-16-le", "utf-16-be")).casefold()
        said = said.translate(dict.fromkeys(map(ord, INVISIBLE)))  # which a reader does not see within an id either
        for entry in report.of(Kind.FOUND):
            assert entry.by_name or entry.ids[0] in said, entry


def settings_of(data: bytes, folder: Path) -> None:
    (folder / "settings.toml").write_bytes(data)
    (folder / "settings.toml").chmod(0o600)
    try:
        Policy.model_validate(settings_file(folder))
    except ValidationError as error:
        raise refused(folder, error) from None


def a_kept_list(data: bytes, _: Path) -> None:
    found = snapshot.from_bytes(data, "f" * 16)
    again = snapshot.from_bytes(b"".join(snapshot.to_bytes(found, "f" * 16)), "f" * 16)
    assert again.frame.rows.equals(found.frame.rows)


def a_signed_kept_list(data: bytes, folder: Path) -> None:
    manifest = snapshot._Manifest(
        fingerprint="f" * 16, started_at=NOW, finished_at=NOW, customers=len(FRAME), pairs=len(FRAME.metadata)
    )
    signed = manifest.model_copy(update={"sha256": manifest.digest(memoryview(data))})
    a_kept_list(snapshot._first_line(signed) + data, folder)


def kept_activity(data: bytes, folder: Path) -> None:
    shelf = ActivityShelf(folder, "f" * 16)
    shelf.file.parent.mkdir(exist_ok=True)
    shelf.file.write_bytes(hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
    known, trouble = shelf.read(NOW - timedelta(days=1), NOW)
    assert not (known and trouble)
    for seen in known.values():
        assert seen.words
        assert seen.within(90, NOW) in (True, False, None)


def rules(data: bytes, _: Path) -> None:
    found = RuleSet.from_json(data)
    assert RuleSet.from_json(found.to_json()) == found
    for record in RECORDS[:2]:
        assert found.judge(Facts(record, NOW, Activity(NOW))).words
        assert found.explain(Facts(record, NOW, None)) is not None


REQUESTS = [
    (requests.list_customers(None, 100), protocol.read_customer_page),
    (requests.list_studies("viewer", None, 100, EXAMPLE_ID), protocol.read_study_page),
    (requests.get_customer(EXAMPLE_ID), protocol.read_same_customer),
    (requests.deactivate(EXAMPLE_ID), protocol.read_customer),
]


def an_answer(data: bytes, _: Path) -> None:
    """The first bytes choose the status and a header; the rest is the body."""
    head, _, body = data.partition(b"\n")
    words = head.decode("latin-1").split(" ", 1)
    status = int(words[0]) if words[0].isascii() and words[0].isdigit() and len(words[0]) == 3 else 200
    said = words[1] if len(words) > 1 else ""
    headers = {"retry-after": said, "x-request-id": said, "location": said, "date": said}
    for request, read in REQUESTS:
        reply = Reply(status, headers, body, datetime(2026, 1, 1, tzinfo=UTC))
        with suppress(ApiError), in_words():
            raise_unless_ok(request, reply)
            assert read(request, reply) is not None


def an_address(data: bytes, _: Path) -> None:
    query = parse_qs(data.decode("utf-8", "surrogateescape"), keep_blank_values=True)
    for page in (customers, runs, compared):
        with suppress(ViewUnreadable), in_words():
            assert page.spelled(page.read(query)) == {name: values[0] for name, values in query.items()}


def workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (["id", "decision"], *([record.id, "deactivate"] for record in RECORDS)):
        book.active.append(row)
    book.save(file := BytesIO())
    return file.getvalue()


IDS = [record.id for record in RECORDS]
LISTS = [
    "\n".join(IDS).encode(),
    ("id,name,decision\n" + "".join(f'{record.id},"{record.name}",keep\n' for record in RECORDS)).encode(),
    ("sep=;\nid;name\n" + "".join(f"{record.id};{record.name}\n" for record in RECORDS)).encode("utf-16"),
    json.dumps([{"id": one, "decision": "deactivate"} for one in IDS]).encode(),
    json.dumps({"expressCustomers": [EXAMPLE], "hasMore": False}).encode(),
    ("| id | name |\n|---|---|\n" + "".join(f"| {record.id} | {record.name} |\n" for record in RECORDS)).encode(),
    "\n".join(record.name for record in RECORDS).encode(),
]
TOML = [
    b"""recent_days = 30
preflight = true
protected.ids = ["cus_00000000000000000000000000000001"]
[caps]
max_customers = 500
max_users = 5000
max_percent = 10
[canary]
size = 5
[snapshot]
keep = true
days = 30
[activity]
stands_for_hours = 24
""",
]
PAGES = [
    b"200 2\n" + json.dumps({"expressCustomers": [EXAMPLE], "hasMore": True, "cursor": "abc"}).encode(),
    b"200 2\n" + json.dumps({"studies": [STUDY], "hasMore": False}).encode(),
    b"200 2\n" + json.dumps(EXAMPLE).encode(),
    b'429 7\n{"message": "Slow down."}',
    b"503 Mon, 01 Jan 2024 00:00:00 GMT\n<html><title>No</title></html>",
    b"302 https://u:p@example.com/x?y=z\n",
]
ADDRESSES = [
    b"status=active&users=1-5&days=365&sort=-updated_at&rows=50&page=2",
    b"from=2020-01-01&to=2021-12-31&dates=unknown&by=user&ours=ignored",
    b"run=run_0123456789abcdef&state=finished",
    b"from=2026-11-01&to=2026-11-29",
]
KEPT = b"".join(map(bytes, snapshot.to_bytes(Snapshot(FRAME, (), NOW, NOW), "f" * 16)))
SEEN = {an_id(1): Activity(NOW, NOW - timedelta(days=4), (1, 2, 3, 4), 1, 0, whole=True)}
ACTIVITY = json.loads(_Kept.of(SEEN, "f" * 16).model_dump_json())

Target = Callable[[bytes, Path], None]
KINDS: dict[str, tuple[Target, Mutant]] = {
    "plan": (a_plan, torn([PLAN.to_json().encode(), *seeds_of("plan")])),
    "signed-plan": (a_signed_plan, odd([json.loads(PLAN.to_json())["plan"]])),
    "list": (a_list, torn([*LISTS, *seeds_of("list")])),
    "json-list": (a_list, odd([json.loads(LISTS[3]), json.loads(LISTS[4])])),
    "workbook": (a_list, torn([workbook()])),
    "settings": (settings_of, torn([*TOML, *seeds_of("settings")])),
    "kept-list": (a_kept_list, torn([KEPT])),
    "signed-kept-list": (a_signed_kept_list, torn([KEPT[KEPT.index(b"\n") + 1 :]])),
    "kept-activity": (kept_activity, odd([ACTIVITY])),
    "rules": (rules, torn([one.to_json() for one in PRESETS])),
    "odd-rules": (rules, odd([json.loads(one.to_json()) for one in PRESETS])),
    "answer": (an_answer, torn(PAGES)),
    "odd-answer": (
        an_answer,
        odd([json.loads(page.partition(b"\n")[2]) for page in PAGES[:3]]).map(lambda body: b"200 2\n" + body),
    ),
    "address": (an_address, torn([*ADDRESSES, *seeds_of("address")])),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_it_holds_is_read_or_refused_in_words(kind: str, tmp_path: Path) -> None:
    target, mutants = KINDS[kind]

    @PAPER
    @given(mutants)
    def holds(data: bytes) -> None:
        with suppress(ExpressOpsError), in_words():
            target(data, tmp_path)

    holds()


@pytest.mark.parametrize("file", sorted((HERE / "corpus").glob("*/*")), ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_was_found_stays_mended(file: Path, tmp_path: Path) -> None:
    target, _ = KINDS[file.parent.name]
    with suppress(ExpressOpsError), in_words():
        target(file.read_bytes(), tmp_path)
