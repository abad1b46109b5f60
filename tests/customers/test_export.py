"""Exports read back: exact for machines, and safe in spreadsheets for people."""

import csv
import io
import json
from datetime import UTC, datetime

import numpy as np
import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from lib.avara.models import Customer
from lib.customers import export, workbook
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
    header, rows = read_csv(export.to_csv(frame, all_of(frame)))
    assert header[: len(FIXED)] == FIXED
    keys = [unguard(name).removeprefix("metadata.") for name in header[len(FIXED) :]]
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
    data = export.to_csv(frame, all_of(frame))
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
    sheet, rows = read_xlsx(export.to_xlsx(frame, all_of(frame)))
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "b"}
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.hyperlink]
    assert rows[0] == [*FIXED, "metadata.site", "metadata.=cmd|' /C calc'!A0", "metadata.phone"]
    assert rows[1][:6] == [
        HOSTILE[0].id,
        '\'=HYPERLINK("http://evil.example","x")',
        True,
        3,
        "2024-01-15T09:00:00.123000Z",
        "2025-03-15T14:20:00Z",
    ]
    assert rows[2][1] == '\'＝1+1\nsecond line, "quoted"'
    assert rows[2][9] == "0042", "digits stay text"
    assert (rows[2][2], rows[2][3], rows[2][5]) == (False, 0, None)
    assert "bell" in rows[3][1]
    assert "\x07" not in rows[3][1]


@given(distinct_customers)
@settings(max_examples=25)
def test_every_workbook_can_be_opened_and_has_one_row_a_customer(records):
    frame = build(records)
    _, rows = read_xlsx(export.to_xlsx(frame, all_of(frame)))
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


def test_very_many_metadata_keys_become_one_column():
    records = [customer(n, metadata={f"key {n}": "=1"}) for n in range(export.MOST_KEY_COLUMNS + 1)]
    header, rows = read_csv(export.to_csv(build(records), np.arange(len(records))))
    assert header == [*FIXED, "metadata"]
    assert json.loads(rows[7][-1]) == {"key 7": "=1"}
    assert len(read_csv(export.to_csv(build(records), np.arange(5)))[0]) == len(FIXED) + 5, (
        "only keys of what is exported count"
    )


@pytest.mark.parametrize("to_file", [export.to_csv, export.to_jsonl, export.to_parquet, export.to_xlsx])
def test_files_hold_the_chosen_rows_in_their_order(to_file):
    frame = build([customer(n, metadata={f"k{m}": str(n) for m in range(n)}) for n in range(4)])
    assert to_file(frame, np.array([2, 0])) != to_file(frame, np.array([0, 2]))
    assert to_file(frame, np.array([], dtype=np.int64)) is not None
    lines = export.to_jsonl(frame, np.array([2, 0])).splitlines()
    assert [Customer.model_validate_json(line) for line in lines] == frame.records([an_id(2), an_id(0)])
    assert json.loads(lines[0])["metadata"] == {"k0": "2", "k1": "2"}
