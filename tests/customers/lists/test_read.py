"""One reader for whatever colleagues send: a row says one id, one name, or that it says neither."""

import contextlib
import json
import time
import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.customers import export
from lib.customers.frame import build
from lib.customers.lists import table as limits
from lib.customers.lists.read import UPLOAD_LIMIT, read
from lib.customers.lists.report import Kind, take
from lib.errors import ListUnclear, UploadUnreadable
from tests.customers.lists.cases import CASES, filled, meant, says
from tests.customers.records import an_id, customer, distinct_customers

A, B, C, D, E, F = (an_id(number) for number in range(0xA, 0x10))
ILL, EMPTY, NOT = Kind.ILL_FORMED, Kind.EMPTY, Kind.NOT_MEANT


@pytest.mark.parametrize(("name", "options", "letters"), CASES)
def test_a_colleague_s_list_means_whom_a_person_means_or_is_asked_about(name, options, letters):
    ids = (A, B, C, D, E, F)
    frame = build([customer(number) for number in range(0xA, 0x10)])
    if letters is None:
        with pytest.raises(ListUnclear):
            take(filled(name, ids), lambda: frame, **options)
    else:
        assert list(take(filled(name, ids), lambda: frame, **options).report.found) == meant(letters, ids)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", []),
        (" \n\t\n", []),
        (f"{A}\n{B}\r\n\r\n{C}", [A, B, C]),
        (f"\ufeff{A}\u200b\n\u00a0{B}", [A, B]),
        (f"{A}, {B};{C}", [A, B, C]),
        (f"{A},\n{B},\n", [A, B]),
        (f"\"{A}\"\n'{B}'\n<{C}>", [A, B, C]),
        (f"['{A}', '{B}']", [A, B]),
        (f"'{A}\n»{B}«\n«{C}»\n„{D}“", [A, B, C, D]),
        (f"{A}\n\nNorth\n\n{B}", [A, "North", B]),
        (f"{A}\nNorth\n{B}\n\nSouth\n", [A, "North", B, "South"]),
        (f"> {A}\n>{B}\n» {C}\n{D}>", [ILL] * 4),
        *[(f"{A}{between}{B}", [ILL]) for between in (" > ", " -> ", ">", " » ", " => ", " → ", ">> ", "> <")],
        (f"{A} > {B}\n{C} > {D}", [ILL, ILL]),
        (f"Please close these:\n{A}, {B}\nThanks", ["Please close these:", A, B, "Thanks"]),
        (f"please deactivate {A}, {B} and {C}", [ILL]),
        (f"{A} was checked\n{B} # not this one\n# {C}\n- {D}\n~~{E}~~\n({F})", [ILL] * 6),
        (f"{A}, City\n{B}, Town", [ILL, ILL]),
        (f"Hello all, please take these,\n{A}, and {B}, thanks", ["Hello all, please take these,", ILL]),
        (f"Customers, please find them below\n{A}, and\n{B}", ["Customers, please find them below", ILL, B]),
        ("North Hospital, Boston\nSouth Hospital, Boston", ["North Hospital, Boston", "South Hospital, Boston"]),
        (f"id\n{A}\n{B}", [A, B]),
        ("Hospital\nNorth\n", ["North"]),
        (
            "To deactivate:\nNorth\nKeep Hospital\nClosed Loop Imaging",
            ["To deactivate:", "North", "Keep Hospital", "Closed Loop Imaging"],
        ),
        (f"{A}0\n{A[:-1]}\nusr_{A[4:]}\n{A[4:]}", [ILL, ILL, f"usr_{A[4:]}", A[4:]]),
    ],
)
def test_lines_say_ids_and_names_and_nothing_is_taken_out_of_a_sentence(text, rows):
    assert says(text) == says(text.encode()) == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (f"Express Customer-ID;Name\n{A};City, Medical\n\n{B};x", [A, B]),
        (f"parent_id,expressCustomerId,id\n{C},{A},1\n{C},{B},2", [A, B]),
        (f"id, name\n{A}, North\n{B}, South", [A, B]),
        (f'"name","id"\n"line\nbreak, and {C}","{A}"', [A]),
        (f'sep=^\r\nid^note\r\n{A}^"see {C}"\r\n{B}', [A, B]),
        (f"Customers to close;;\nas of March;;\n\nid;name\n{A};North\n{B};South;", [A, B]),
        (f"name\tcustomer_id\nNorth\t{A}\nonly one cell\n\t\tx", [A, "only one cell", ILL]),
        (f"id,name\n{A},North\n# {B},South\n//{C},West\n{D} (later),East", [A, ILL, ILL, ILL]),
        (f"expressCustomerId,successor\n{A},{B}\n,{C}\n{D}, Inc,{E}", [A, EMPTY, ILL]),
        (f"id,name\n{A},North\n,South\n,\nn/a,West", [A, "South", "n/a"]),
        (f"id,name\n# {A},North\n> {B},South\n1,West", [ILL, ILL, "West"]),
        (f"id,name\n'{A},North\n> {B},South", [A, ILL]),
        (f"name,of,expressCustomerId,note\nNorth, Inc,{C},{A},\nSouth,,{B},new", [ILL, B]),
        (f"id,name\n{A},North,,\n{B},South,,", [A, B]),
        (f"{A},City\n{B},Town", [A, B]),
        (f"{A}\tCity", [A]),
        (f"Customer,Note\n{A},see {C}\n{B},x", [A, B]),
        (f"{A}\tCity\nTown\tInc\t{B}\t{C}", [ILL, ILL]),
        (f"hospital;city\nNorth;{A} is its id\nSouth;x", ["North", "South"]),
        (f"# clean-up\n\n| id | name |\n|---|:-:|\n| `{A}` | a \\| b |\n| ~~{B}~~ | c |\n\nand {C}", [A, ILL, ILL]),
        (f"| id |\n|:-:|\n| {A} |\n\n| successor | id |\n|--|--|\n| {B} | {C} |", [A, ILL, ILL, ILL]),
        (f"id;name\n{A};x\n\nsuccessor;id\n{B};{C}", [A, ILL, ILL]),
        (f"id;name\n{A};x\nid;name\n{B};y", [A, "id", B]),
        (f"id | name\n--|--\n{A} | x\n{B} | y", [A, B]),
        (json.dumps([A, B, 7]), [A, B, "7"]),
        (json.dumps([{"id": A}, {"id": B, "of": {"id": C}}, C]), [A, B, ILL]),
        (json.dumps({"total": 2, "customers": [{"id": A}, {"id": B}]}), [A, B]),
        (json.dumps({"id": A, "successors": [B, C]}), [A]),
        (f'{{"expressCustomerId": "{A}", "parent": "{C}"}}\n{{"id": "{B}"}}\nnot json\n', [A, EMPTY, ILL]),
        (f'{{"expressCustomers": [{{"expressCustomerId": "{A}"}}]}}\n' * 2, [A, A]),
    ],
)
def test_a_table_says_the_customers_of_one_column(text, rows):
    assert says(text) == says(text.encode("utf-16")) == rows


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"keep": [A]}),
        json.dumps([{"keep": A}, {"keep": B}]),
        json.dumps([{"keep": [A]}, {"deactivate": [B]}]),
        f"{json.dumps({'keep': [A]})}\n{json.dumps({'deactivate': [B]})}",
        json.dumps({"group": "keep", "customers": [A]}),
        json.dumps([{"group": "keep", "customers": [A]}, {"group": "close", "customers": [B]}]),
        json.dumps({"keep": True, "expressCustomers": [{"expressCustomerId": A}]}),
        json.dumps([{"group": group, "expressCustomers": [{"id": id_}]} for group, id_ in (("keep", A), ("close", B))]),
    ],
)
def test_what_json_says_beside_or_above_a_list_of_ids_is_not_lost(text):
    with contextlib.suppress(UploadUnreadable):
        assert not {A, B}.intersection(map(str, says(text)))


@pytest.mark.parametrize(
    "text",
    [
        f"id,Customer ID\n{A},{B}",
        f"name,successor\nNorth,{A}",
        f"{A},{B}\n{C},{D}",
        f"{A} {B}\n{C} {D}",
        f"{A}\n{B}, {C}",
        f"{A},x,{C}\n{B},y,{C}",
        f"expressCustomerId,expressCustomerId\n{A},{B}",
        "Krankenhaus;Ort\nNord;Kiel\n",
        json.dumps([{"old": A, "new": B}]),
    ],
)
def test_where_two_columns_could_hold_the_customers_the_list_is_asked_about(text):
    with pytest.raises(ListUnclear) as asked:
        says(text)
    assert asked.value.needs == "column"


def test_what_was_not_read_and_what_may_be_missing_is_said():
    assert "March" in read(f"To close in March;\nid;name\n{A};x").remarks[0]
    assert "another page" in read(json.dumps({"expressCustomers": [{"expressCustomerId": A}], "hasMore": True})).remarks[0]
    told = read(f"id;name\n{A};Köln".encode("cp1252"))
    assert "not UTF-8" in told.remarks[0]
    assert told.rows[0].cells == (A, "Köln")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_may_have_any_usual_encoding(encoding):
    assert read(f"id;name\n{A};Łódź".encode(encoding)).rows[0].cells == (A, "Łódź")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"abc\0d" * 9, "can't be read"),
        (bytes(UPLOAD_LIMIT + 1), "larger than 50 MB"),
        (f'id,name\n{A},"open\n{B},x', "line 2"),
        ("id,name\n" + '"' + "x" * 200_000 + '",y', "line 2"),
        ('{"id": "a", "id": "b"}', "same key twice"),
        ("x\n" * (limits.MOST_ROWS + 1), "200,000 rows"),
        (f"Close:\n{A}\n\nStay:\n{B}", "line 4 .* a part begins"),
        (f"{A}\n# Keep these\n{B}", "a part begins"),
        (f"id,name\n{A},North\nKEEP,\n{B},South", "line 3 .* a part begins"),
        (f"<!--\n{A}\n-->\n{B}", "a part begins"),
        ("Deactivate\nNorth\n\nKeep\nSouth", "line 4 .* a part begins"),
        ("Hospital;City\nNorth;Kiel\nPlease do not close these;\nSouth;Kiel", "line 3 .* a part begins"),
        ("Nord\nBehalten\nSüd", "line 2 .* a part begins"),
        ("North\nSouth\nTo deactivate\nEast", "line 3 .* a part begins"),
        ("To close:\nNorth\nOthers:\nSouth", "line 3 .* a part begins"),
        ("Keep\nNorth", "line 1 .* a part begins"),
        (f"Keep these\n{A}", "line 1 .* a part begins"),
        *[
            (f"{A}\n{B}\n\n{heading}\n{C}", "line 4 .* a part begins")
            for heading in ("Exceptions", "Not these", "Active customers", "Ausnahmen", "À garder", "Pas encore")
        ],
        *[(f"North\nSouth\n{heading}\nEast", "line 3 .* a part begins") for heading in ("Exceptions", "On hold", "Ausnahmen")],
        (f"id,name\n{A},North\nExceptions,\n{B},South", "line 3 .* a part begins"),
        *[
            (f"{heading}\n{A}\n{B}", "line 1 .* a part begins")
            for heading in (
                *(
                    "Don’t deactivate",
                    "Everyone but",
                    "WHERE id NOT IN (",
                    "id (do not deactivate)",
                    "Exclude ids",
                    "No desactivar",
                ),
                *("Hospitals we keep", "These must not be touched", "Still active"),
            )
        ],
        ("North\nSouth\nStill active\nEast", "line 3 .* a part begins"),
        (f"Hospitals we keep;\nid;name\n{A};North", "line 1 .* a part begins"),
        (f"## Keep\n\n| id |\n|----|\n| {A} |", "line 1 .* a part begins"),
    ],
)
def test_what_is_no_list_is_refused_in_words(source, words):
    with pytest.raises(UploadUnreadable, match=words):
        read(source)


@pytest.mark.parametrize(
    "source",
    [
        b"," * 49_000_000,
        b"\n" * 49_000_000,
        b"id,name\n" + b",,,,,,,,,\n" * 4_900_000,
        b"[" * 49_000_000,
        b"[" + b"[]," * 16_000_000 + b"[]]",
        b'{"a":' * 100_000,
        b"\t" * 49_000_000,
        b"cus_" * 12_000_000,
        f"{A}, ".encode() * 1_200_000,
        b"| --- " * 8_000_000,
        b'"' * 49_000_000,
        b"sep=x\n" + b"x" * 49_000_000,
        b"a;" * 60_000 + b"\n" + b"b;" * 60_000,
    ],
    ids=range(13),
)
def test_a_hostile_file_is_refused_or_read_in_little_time_and_memory(source):
    began = time.process_time()
    tracemalloc.start(1)
    with contextlib.suppress(UploadUnreadable):
        read(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - began < 30
    assert peak < 700_000_000


@given(st.text() | st.binary() | st.text(alphabet=f'"\n\t,;|[]{{}}: -{A}', max_size=200))
def test_nothing_that_is_given_crashes(noise):
    with contextlib.suppress(UploadUnreadable):
        says(noise)


_BESIDE = [f"see {A}", f"# {B}", f"({C})", f"{D}?", f"{A} or {B}", f"~~{E}~~", "North", "", "keep"]


@given(
    st.lists(st.lists(st.sampled_from([*_BESIDE, F, F.upper()]), min_size=1, max_size=4), max_size=6),
    st.sampled_from([",", ";", "\t", "|", ", ", " | ", " ", "\n"]),
)
def test_no_id_is_taken_out_of_a_cell_or_line_that_is_more_than_ids(rows, between):
    with contextlib.suppress(UploadUnreadable):
        assert {said.lower() for said in says("\n".join(between.join(row) for row in rows)) if said[:4].lower() == "cus_"} <= {
            F
        }


@given(distinct_customers, st.sampled_from([partial(export.to_csv, keys=[]), export.to_jsonl]))
def test_our_own_exports_are_lists(records, to_file):
    frame = build(records)
    made = take(to_file(frame, np.arange(len(frame))), lambda: frame)
    assert made.report.found == tuple(record.id for record in records)
    assert len(made.report.entries) == len(records)


def test_our_own_workbooks_are_lists():
    frame = build([customer(0xA, name="Keep Hospital"), customer(0xB, name="=1+1", metadata={"closed": "yes"})])
    assert take(export.to_xlsx(frame, np.arange(2), ["closed"]), lambda: frame).report.found == (A, B)
