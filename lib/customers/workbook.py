"""Excel workbooks for people: numbers, truth and times typed, all else text that can't become a formula or a link."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lib.errors import ExportTooLarge
from lib.spreadsheet import Cell, cell_text, guard

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

#: What one sheet can hold (Microsoft, "Excel specifications and limits").
EXCEL_ROWS, EXCEL_COLUMNS, EXCEL_CHARACTERS = 1_048_576, 16_384, 32_767
#: Times before this year are no times to Excel, so they are written as text.
EXCEL_FIRST_YEAR = 1901
#: A column is as wide as its longest cell among so many rows, up to so many characters.
_MEASURED, _WIDEST = 1_000, 60
#: Numbers beyond this lose digits in Excel, so they are written as text.
EXCEL_EXACT = 10**15

#: Characters that XML, and so a workbook, can't hold.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def xlsx_bytes(header: Sequence[str], rows: Iterable[Sequence[Cell]], *, sheet: str = "Customers") -> bytes:
    """An Excel workbook of one sheet: numbers, truth and times (UTC) typed, all else text.

    A text that would start a formula in a CSV file carries Excel's own mark for text, which nobody sees, so that it starts none
    when somebody edits it either. One that is longer than a cell can hold is cut and says so; characters that a workbook can't
    hold become U+FFFD. Raises ExportTooLarge for more rows or columns than a sheet can hold.
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
        "remove_timezone": True,
    }
    with xlsxwriter.Workbook(out, options) as book:
        page = book.add_worksheet(sheet)
        bold = book.add_format({"bold": True, "quote_prefix": True})
        text, time = book.add_format({"quote_prefix": True}), book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        page.freeze_panes(1, 0)
        widths = [len(name) for name in header]
        for column, name in enumerate(header):
            page.write_string(0, column, _cell(name), bold)
        last = 0
        for number, row in enumerate(rows, start=1):
            if number >= EXCEL_ROWS:
                raise ExportTooLarge(f"An Excel sheet holds at most {EXCEL_ROWS - 1:,} rows. Narrow the filter, or take CSV.")
            for column, cell in enumerate(row):
                _write(page, (number, column), cell, text=text, time=time)
            if number <= _MEASURED:
                widths = [max(width, len(cell_text(cell))) for width, cell in zip(widths, row, strict=True)]
            last = number
        for column, width in enumerate(widths):
            page.set_column(column, column, min(width + 3, _WIDEST))
        page.autofilter(0, 0, last, max(0, len(header) - 1))
    return out.getvalue()


def _write(page: Worksheet, at: tuple[int, int], cell: Cell, *, text: Format, time: Format) -> None:
    if isinstance(cell, bool):
        page.write_boolean(*at, cell)
    elif isinstance(cell, datetime) and cell.year >= EXCEL_FIRST_YEAR:
        page.write_datetime(*at, cell.astimezone(UTC), time)
    elif isinstance(cell, int | float) and abs(cell) <= EXCEL_EXACT and math.isfinite(cell):
        page.write_number(*at, cell)
    elif isinstance(cell, str) and cell:
        page.write_string(*at, _cell(cell), text if guard(cell) != cell else None)
    elif cell is not None and cell != "":
        page.write_string(*at, cell_text(cell))


def _cell(text: str) -> str:
    clean = _NOT_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    if len(clean) <= EXCEL_CHARACTERS:
        return clean
    mark = f"… [cut: {len(clean):,} characters]"
    return clean[: EXCEL_CHARACTERS - len(mark)] + mark
