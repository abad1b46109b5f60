"""Pasted and uploaded ids: every id where ids belong, nothing from elsewhere, and a word about all that can't be picked."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.customers import export, idlist
from lib.customers.frame import build
from lib.customers.idlist import UPLOAD_LIMIT, IdReport, check, decode, parse
from lib.errors import UploadUnreadable
from tests.customers.records import an_id, customer, distinct_customers

A, B, C = an_id(0xA), an_id(0xB), an_id(0xC)
FRAME = build([customer(0xA), customer(0xB, is_active=False), customer(0xC)])


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \n,;\t ", []),
        (f"{A}\n{B}\r\n{C}", [A, B, C]),
        (f"{A}, {B};{C}", [A, B, C]),
        (f'"{A}","{B}"', [A, B]),
        (f"'{A}' “{B}” <{C}>", [A, B, C]),
        (f"\ufeff{A}\u200b\n\u00a0{B}", [A, B]),
        (f"['{A}', '{B}']", [A, B]),
        (json.dumps([A, B]), [A, B]),
        (json.dumps([{"id": A}, {"expressCustomerId": B, "id": C}]), [A, B]),
        (
            f'{{"expressCustomerId": "{A}", "parent": "{C}"}}\n{{"id": "{B}"}}\nnot json\n{{"x": 1}}',
            [A, B, "not json", '{"x": 1}'],
        ),
        (f"please deactivate {A}, {B} and {C}", ["please", "deactivate", A, B, "and", C]),
        (f"id\n{A}\n{B}", [A, B]),
        (f"Express Customer ID;Name\n{A};City, Medical\n\n{B};x", [A, B]),
        (f"parent_id,expressCustomerId,id\n{C},{A},1\n{C},{B},2", [A, B]),
        (f"name\tcustomer_id\n'=1\t{A}\nonly one cell\n", [A, "only one cell"]),
        (f'"name","id"\n"line\nbreak, and {C}","{A}"', [A]),
        (f"{A},City {C}\n{B},Town", [A, B]),
        (f"Customer,Note\n{A},see {C}\n{B},x", ["Customer", A, B]),
        (f"id, {A}, {B}", ["id", A, B]),
        (f"{A},{B}\n{C},{A}", [A, B, C, A]),
    ],
)
def test_ids_are_taken_from_where_ids_belong(text, tokens):
    assert list(parse(text).tokens) == tokens
    assert list(parse(text.encode()).tokens) == tokens


def test_a_table_with_ids_in_several_columns_is_refused_rather_than_guessed():
    with pytest.raises(UploadUnreadable, match="Several columns"):
        parse(f"{A},x,{C}\n{B},y,{C}")


@pytest.mark.parametrize(
    "encoded",
    [
        "Łódź {}".encode(),
        "\ufeffŁódź {}".encode(),
        "Łódź {}".encode("utf-16"),
        "Łódź {}".encode("utf-16-le"),
        "Łódź {}".encode("utf-16-be"),
        "Köln {}".encode("latin-1"),
    ],
)
def test_an_upload_may_have_any_usual_encoding(encoded):
    assert decode(encoded) in ("Łódź {}", "Köln {}")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"\x89PNG\r\n\x1a\n" + b"abc\0d" * 9, "can't be read"),
        (bytes(UPLOAD_LIMIT + 1), "larger than 50 MB"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_words(data, words):
    with pytest.raises(UploadUnreadable, match=words):
        parse(data)


def test_the_report_names_everything_that_was_given():
    unknown = an_id(0xF)
    text = "\n".join([B, A, unknown, A.upper(), "cus_12", "x" * 200, unknown, B.replace("cus_", "CUS_"), "cus_12"])
    assert check(FRAME, text) == IdReport(
        found=(B, A),
        unknown=(unknown,),
        repeated=(B, A, unknown),
        ill_formed=("cus_12", "x" * 59 + "…"),
        inactive=(B,),
    )


def test_an_empty_list_gives_an_empty_report():
    assert check(FRAME, "") == check(FRAME) == check(build([]), "") == IdReport((), (), (), (), ())


def test_texts_and_files_are_read_each_on_its_own():
    report = check(FRAME, A, f"id,parent\n{B},{C}\n".encode())
    assert report.found == (A, B)


def test_an_id_is_the_same_in_any_case_whether_it_is_known_or_not():
    upper, lacking = an_id(0xA).replace("a", "A"), an_id(0xF)
    assert check(build([customer(1, id=upper)]), A).found == (upper,)
    report = check(build([customer(1, id=upper)]), f"{A} {upper} {lacking} {lacking.replace('f', 'F')}")
    assert (report.found, report.unknown, report.repeated) == ((upper,), (lacking,), (upper, lacking))


@pytest.mark.parametrize("text", [f"{A[:-1]}ſ", f"{A}\u0660", A[:-1] + "１", A + "0", "cuſ_" + A[4:]])
def test_look_alikes_are_no_ids(text):
    report = check(FRAME, text)
    assert (report.found, report.unknown, len(report.ill_formed)) == ((), (), 1)


@given(distinct_customers, st.sampled_from([export.to_csv, export.to_jsonl]))
def test_our_own_exports_can_be_uploaded(records, to_file):
    frame = build(records)
    report = check(frame, to_file(frame, np.arange(len(frame))))
    assert report.found == tuple(record.id for record in records)
    assert (report.unknown, report.repeated, report.ill_formed) == ((), (), ())


@given(st.text() | st.binary(), st.lists(st.sampled_from([A, B, C, A.upper(), an_id(0xF), "junk", ""]), max_size=6))
def test_nothing_that_is_given_crashes_and_nothing_is_lost(noise, tokens):
    with contextlib.suppress(UploadUnreadable):
        check(FRAME, noise)
    report = check(FRAME, "\n".join(tokens))
    assert set(report.found) == {token.lower() for token in tokens} & {A, B, C}
    assert set(report.unknown) == set(tokens) & {an_id(0xF)}
    assert set(report.ill_formed) == set(tokens) & {"junk"}
    assert idlist.parse("\n".join(tokens)).tokens == tuple(token for token in tokens if token)
