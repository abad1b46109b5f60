"""Excel workbooks for people: numbers and truth typed, all else text that can't become a formula or a link."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lib.errors import ExportTooLarge
from lib.spreadsheet import Cell, cell_text, guard

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

#: What one sheet can hold (Microsoft, "Excel specifications and limits").
EXCEL_ROWS, EXCEL_COLUMNS, EXCEL_CHARACTERS = 1_048_576, 16_384, 32_767
#: Numbers beyond this lose digits in Excel, so they are written as text.
EXCEL_EXACT = 10**15

#: Characters that XML, and so a workbook, can't hold.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def xlsx_bytes(header: Sequence[str], rows: Iterable[Sequence[Cell]], *, sheet: str = "Customers") -> bytes:
    """An Excel workbook of one sheet: numbers and truth typed, all else text and guarded.

    A text that is longer than a cell can hold is cut and says so; characters that a workbook can't hold become U+FFFD.
    Raises ExportTooLarge for more rows or columns than a sheet can hold.
    """
    import xlsxwriter  # noqa: PLC0415 - few sessions make a workbook, and each start would wait for it

    if len(header) > EXCEL_COLUMNS:
        raise ExportTooLarge(f"An Excel sheet holds at most {EXCEL_COLUMNS:,} columns, not {len(header):,}. Take CSV instead.")
    out = io.BytesIO()
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        page = book.add_worksheet(sheet)
        bold = book.add_format({"bold": True})
        page.freeze_panes(1, 0)
        for column, name in enumerate(header):
            page.write_string(0, column, _cell(guard(name)), bold)
        last = 0
        for number, row in enumerate(rows, start=1):
            if number >= EXCEL_ROWS:
                raise ExportTooLarge(f"An Excel sheet holds at most {EXCEL_ROWS - 1:,} rows. Narrow the filter, or take CSV.")
            _write_row(page, number, row)
            last = number
        page.autofilter(0, 0, last, max(0, len(header) - 1))
    return out.getvalue()


def _write_row(page: Worksheet, number: int, row: Sequence[Cell]) -> None:
    for column, cell in enumerate(row):
        if isinstance(cell, bool):
            page.write_boolean(number, column, cell)
        elif isinstance(cell, int | float) and abs(cell) <= EXCEL_EXACT and math.isfinite(cell):
            page.write_number(number, column, cell)
        elif cell is not None and cell != "":
            page.write_string(number, column, _cell(cell_text(cell)))


def _cell(text: str) -> str:
    clean = _NOT_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    if len(clean) <= EXCEL_CHARACTERS:
        return clean
    mark = f"… [cut: {len(clean):,} characters]"
    return clean[: EXCEL_CHARACTERS - len(mark)] + mark
