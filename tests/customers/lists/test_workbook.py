"""Workbooks: the sheet that counts, cells as people see them, and files made to harm."""

import io
import zipfile

import openpyxl
import pytest
import xlsxwriter

from lib.customers.lists import workbook
from lib.customers.lists.read import read
from lib.customers.lists.report import Kind
from lib.errors import ListUnclear, UploadUnreadable
from tests.customers.lists.cases import says
from tests.customers.records import an_id

A, B, C = an_id(0xA), an_id(0xB), an_id(0xC)


def xlsx(hide=(), **sheets):
    """A workbook of these sheets, each a list of rows."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for line, row in enumerate(rows):
                sheet.write_row(line, 0, row)
            for line in hide:
                sheet.set_row(line, options={"hidden": True})
    return out.getvalue()


def ods(*rows):
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    body = "".join(f"<table:table-row>{''.join(map(cell.format, row))}</table:table-row>" for row in rows)
    names = "".join(f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text"))
    content = f'<office:document-content{names}><office:body><office:spreadsheet><table:table table:name="One">{body}'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr("content.xml", content + "</table:table></office:spreadsheet></office:body></office:document-content>")
    return out.getvalue()


@pytest.mark.parametrize(
    "made",
    [
        xlsx(One=[["id", "name"], [A, "North"], [B, 7]]),
        xlsx(Empty=[], One=[[], ["To close"], [], ["id", "name"], [A, "North"], [B, True]]),
        ods(["id", "name"], [A, "North"], [B, "South"]),
    ],
)
def test_a_workbook_is_a_table_as_any_other(made):
    assert says(made) == [A, B]


def test_its_rows_have_the_numbers_that_a_spreadsheet_shows_and_whole_numbers_no_point():
    rows = read(xlsx(One=[[], ["id", "name"], [], [A, 7.0], [B, 2.5]])).rows
    assert [(row.line, row.cells) for row in rows] == [(4, (A, "7")), (5, (B, "2.5"))]


def test_which_of_several_sheets_counts_is_asked_and_what_was_read_is_said():
    made = xlsx(hide=[1], March=[["id"], [A]], April=[["id"], [B]])
    with pytest.raises(ListUnclear, match="March, April") as asked:
        read(made)
    assert (asked.value.needs, asked.value.among) == ("sheet", ("March", "April"))
    assert says(made, "April") == [B]
    assert [("April" in told, "hidden" in told) for told in read(made, "April").remarks] == [(True, False), (False, True)]
    with pytest.raises(ListUnclear, match="No sheet is called May"):
        read(made, "May")


def test_a_formula_counts_as_what_it_came_to():
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "name"])
        sheet.write_formula(1, 0, f'="cus_"&"{A[4:]}"', None, A)
        sheet.write_formula(2, 0, "=1/0", None, "#DIV/0!")
    assert says(out.getvalue())[0] == A


def test_the_only_sheet_is_asked_about_where_its_name_says_who_stays():
    made = xlsx(Keep=[["id"], [A]], Notes=[])
    with pytest.raises(ListUnclear, match="called Keep") as asked:
        read(made)
    assert (asked.value.needs, asked.value.among) == ("sheet", ("Keep", "Notes"))
    assert says(made, "Keep") == [A]


@pytest.mark.parametrize("left", [0, 2])
def test_a_cell_that_is_merged_over_rows_says_the_same_of_each_of_them(left):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        sheet.merge_range(0, left, 0, left + 1, "To close in March")
        for line, row in enumerate([["id", "decision"], [A, "keep"], [B], [C, "close"]], start=1):
            sheet.write_row(line, left, row)
        sheet.merge_range(2, left + 1, 3, left + 1, "keep")
    assert says(out.getvalue(), where=[("decision", "close")]) == [Kind.NOT_MEANT, Kind.NOT_MEANT, C]
    with pytest.raises(ListUnclear, match="keep: 2, close: 1"):
        says(out.getvalue())


def far_corners():
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active["A1"], book.active["XFD1048576"] = "id", A
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: b"PK\x03\x04 not a list", "damaged"),
        (lambda: xlsx(One=[["id"], [A]])[:-100], "damaged"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4000), "damaged"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le") * 9, "password"),
        (far_corners, "too much memory"),
    ],
)
def test_a_workbook_that_can_not_be_read_is_refused_in_words_and_harms_nobody(made, words):
    with pytest.raises(UploadUnreadable, match=words):
        read(made())


def test_a_workbook_that_says_how_much_it_unpacks_to_is_not_even_unpacked(monkeypatch):
    monkeypatch.setattr(workbook, "_UNPACKED", 1_000_000)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(2_000_000))
    with pytest.raises(UploadUnreadable, match="too much memory"):
        read(out.getvalue())


def test_an_empty_workbook_is_an_empty_list():
    assert read(xlsx(One=[])).rows == ()
