"""Exports read back: exact for machines, and safe in spreadsheets for people."""

import csv
import io
import json
from datetime import UTC, datetime
from functools import partial

import numpy as np
import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from lib.avara.models import Customer
from lib.customers import export, workbook
from lib.customers.facets import facet_keys
from lib.customers.frame import build
from lib.customers.workbook import xlsx_bytes
from lib.errors import ExportTooLarge
from lib.spreadsheet import guard, unguard
from tests.customers.records import API_KEY_ID, USER_ID, an_id, customer, distinct_customers

FIXED = [
    "expressCustomerId",
    "expressCustomerName",
    "isActive",
    "userCount",
    "createdAt",
    "updatedAt",
    "createdByUserId",
    "createdByApiKeyId",
    "createdBy",
]
HOSTILE = [
    customer(
        1,
        name='=HYPERLINK("http://evil.example","x")',
        created_by_user_id=USER_ID,
        created_by_api_key_id=API_KEY_ID,
        created_at=datetime(2024, 1, 15, 9, 0, 0, 123_000, tzinfo=UTC),
        metadata={"=cmd|' /C calc'!A0": "@SUM(1)", "site": "http://x.example", "phone": "+48 22 123"},
    ),
    customer(
        2, name='＝1+1\r\nsecond line, "quoted"', is_active=False, user_count=0, updated_at=None, metadata={"site": "0042"}
    ),
    customer(3, name="_x0041_ \x07 bell", created_at=None, metadata={}),
]
HOSTILE_KEYS = ["site", "=cmd|' /C calc'!A0", "phone"]


def in_excel(at):
    """Excel knows no time zones: its cells hold times in UTC."""
    return at.replace(tzinfo=None)


def all_of(frame):
    return np.arange(len(frame))


def read_csv(data):
    assert data.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    return header, rows


def read_xlsx(data):
    sheet = openpyxl.load_workbook(io.BytesIO(data), read_only=False).active
    return sheet, [[cell.value for cell in row] for row in sheet.iter_rows()]


@given(distinct_customers)
def test_json_lines_hold_the_records_exactly(records):
    frame = build(records)
    data = export.to_jsonl(frame, all_of(frame))
    lines = data.decode().split("\n")[:-1]
    assert [Customer.model_validate_json(line) for line in lines] == records
    for line, record in zip(lines, records, strict=True):
        assert json.loads(line) == json.loads(record.model_dump_json(by_alias=True))


@given(distinct_customers)
@settings(max_examples=50)
def test_parquet_holds_the_records_exactly(records):
    frame = build(records)
    table = pq.read_table(io.BytesIO(export.to_parquet(frame, all_of(frame))))
    assert str(table.schema.field("createdAt").type) == "timestamp[us, tz=UTC]"
    assert str(table.schema.field("metadata").type).startswith("map<string, string")
    rows = table.to_pylist(maps_as_pydicts="strict")
    fields = Customer.model_fields
    assert rows == [
        {
            fields[name].alias or name: str(value) if name == "created_by_api_key_id" and value else value
            for name, value in record
        }
        for record in records
    ]


@given(distinct_customers)
@settings(max_examples=50)
def test_a_csv_gives_every_text_back_by_taking_one_apostrophe_away(records):
    frame = build(records)
    keys = [key for key, _ in facet_keys(frame)]
    header, rows = read_csv(export.to_csv(frame, all_of(frame), keys))
    assert [unguard(name) for name in header] == [*FIXED, *(f"metadata.{key}" for key in keys)]
    for row, record in zip(rows, records, strict=True):
        assert all(guard(unguard(cell)) == cell for cell in row)
        cells = dict(zip(FIXED, row, strict=False))
        assert cells["expressCustomerId"] == record.id
        assert unguard(cells["expressCustomerName"]) == record.name
        assert cells["isActive"] == str(record.is_active).lower()
        assert cells["userCount"] == str(record.user_count)
        assert cells["updatedAt"] == ("" if record.updated_at is None else record.updated_at.isoformat().replace("+00:00", "Z"))
        values = [unguard(value) for value in row[len(FIXED) :]]
        assert values == [record.metadata.get(key, "") for key in keys]


def test_a_csv_of_hostile_records_starts_no_formula():
    frame = build(HOSTILE)
    data = export.to_csv(frame, all_of(frame), HOSTILE_KEYS)
    header, rows = read_csv(data)
    assert header == [*FIXED, "metadata.site", "metadata.=cmd|' /C calc'!A0", "metadata.phone"]
    assert not [cell for row in [header, *rows] for cell in row if cell[:1] in tuple("=+-@\t\r\n\0＝＋－＠")]
    assert rows[0] == [
        HOSTILE[0].id,
        '\'=HYPERLINK("http://evil.example","x")',
        "true",
        "3",
        "2024-01-15T09:00:00.123000Z",
        "2025-03-15T14:20:00Z",
        USER_ID,
        str(API_KEY_ID),
        "user",
        "http://x.example",
        "'@SUM(1)",
        "'+48 22 123",
    ]
    assert b'"userCount"' in data, "every cell is quoted"


def test_a_workbook_of_hostile_records_holds_no_formula_and_no_link():
    frame = build(HOSTILE)
    sheet, rows = read_xlsx(export.to_xlsx(frame, all_of(frame), HOSTILE_KEYS))
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "b", "d"}
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.hyperlink]
    assert sheet["B2"].quotePrefix, "nor does it become one when somebody edits it"
    assert not sheet["A2"].quotePrefix
    assert rows[0] == [*FIXED, "metadata.site", "metadata.=cmd|' /C calc'!A0", "metadata.phone"]
    assert rows[1][:6] == [
        HOSTILE[0].id,
        HOSTILE[0].name,
        True,
        3,
        in_excel(HOSTILE[0].created_at),
        in_excel(HOSTILE[0].updated_at),
    ]
    assert rows[2][1] == '＝1+1\nsecond line, "quoted"'
    assert rows[2][9] == "0042", "digits stay text"
    assert (rows[2][2], rows[2][3], rows[2][5]) == (False, 0, None)
    assert "bell" in rows[3][1]
    assert "\x07" not in rows[3][1]


@given(distinct_customers)
@settings(max_examples=25)
def test_every_workbook_can_be_opened_and_has_one_row_a_customer(records):
    frame = build(records)
    _, rows = read_xlsx(export.to_xlsx(frame, all_of(frame), ["region"]))
    assert [row[0] for row in rows[1:]] == [record.id for record in records]
    assert [row[3] for row in rows[1:]] == [r.user_count if r.user_count < 10**15 else str(r.user_count) for r in records]


def test_a_text_too_long_for_a_cell_is_cut_and_says_so():
    _, rows = read_xlsx(xlsx_bytes(["note"], [["x" * 40_000]]))
    assert len(rows[1][0]) == workbook.EXCEL_CHARACTERS
    assert rows[1][0].endswith("… [cut: 40,000 characters]")


def test_more_than_a_sheet_can_hold_is_an_error_in_words(monkeypatch):
    monkeypatch.setattr(workbook, "EXCEL_ROWS", 3)
    assert xlsx_bytes(["n"], [[1], [2]])
    with pytest.raises(ExportTooLarge, match="at most 2 rows"):
        xlsx_bytes(["n"], [[1], [2], [3]])
    with pytest.raises(ExportTooLarge, match="16,385"):
        xlsx_bytes(["n"] * 16_385, [])


def test_the_metadata_keys_that_are_asked_for_are_columns_in_that_order_and_no_others():
    frame = build([customer(1, metadata={"a": "1", "b": "2"}), customer(2, metadata={"c": "3"})])
    header, rows = read_csv(export.to_csv(frame, all_of(frame), ["b", "none", "a"]))
    assert header[len(FIXED) :] == ["metadata.b", "metadata.none", "metadata.a"]
    assert [row[len(FIXED) :] for row in rows] == [["2", "", "1"], ["", "", ""]]


def test_a_workbook_has_columns_as_wide_as_what_is_in_them():
    sheet, _ = read_xlsx(xlsx_bytes(["n", "name", "note"], [[1, "Clinic of a longer name", "x" * 500]]))
    widths = [sheet.column_dimensions[letter].width for letter in "ABC"]
    assert widths[0] < 10 < 23 < widths[1] < 30 < widths[2] < 80


def test_a_time_that_excel_can_not_hold_is_text():
    _, rows = read_xlsx(xlsx_bytes(["at"], [[datetime(1, 1, 1, tzinfo=UTC)], [datetime(1950, 1, 1, tzinfo=UTC)]]))
    assert [row[0] for row in rows[1:]] == ["0001-01-01T00:00:00Z", in_excel(datetime(1950, 1, 1, tzinfo=UTC))]


@pytest.mark.parametrize(
    "to_file", [partial(export.to_csv, keys=[]), export.to_jsonl, export.to_parquet, partial(export.to_xlsx, keys=["k1"])]
)
def test_files_hold_the_chosen_rows_in_their_order(to_file):
    frame = build([customer(n, metadata={f"k{m}": str(n) for m in range(n)}) for n in range(4)])
    assert to_file(frame, np.array([2, 0])) != to_file(frame, np.array([0, 2]))
    assert to_file(frame, np.array([], dtype=np.int64)) is not None
    lines = export.to_jsonl(frame, np.array([2, 0])).splitlines()
    assert [Customer.model_validate_json(line) for line in lines] == frame.records([an_id(2), an_id(0)])
    assert json.loads(lines[0])["metadata"] == {"k0": "2", "k1": "2"}
