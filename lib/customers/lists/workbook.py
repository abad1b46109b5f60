"""Excel and OpenDocument workbooks, read in a process of its own.

A few kilobytes can ask for terabytes when they are unpacked (two cells in opposite corners of a sheet are enough), and what
runs out of memory then is the whole process. So this file is also the program of a child that may use so much and no more; it
imports nothing of ours.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: Bytes of a workbook once unpacked, bytes and seconds that the child may use.
_UNPACKED, _MEMORY, _SECONDS = 1_000_000_000, 3_000_000_000, 60
_MARKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_TOO_LARGE = "This workbook takes too much memory or time to read. Save the sheet that counts as CSV and take that."
_HIDDEN = re.compile(rb'<row [^>]*hidden="(?:1|true)"|table:visibility="(?:filter|collapse)"')
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_PROTECTED = "This workbook is protected by a password. Save it without one, or the sheet that counts as CSV."


def is_workbook(data: bytes) -> bool:
    """Does the file begin as Excel's and OpenDocument's do?"""
    return data.startswith(_MARKS)


def read_sheet(data: bytes, sheet: str, most: tuple[int, int]) -> dict[str, Any]:
    """What the child found: the visible `sheets`; `sheet` and `rows` (line, cells) of the one that was read, or `several`
    that could be; whether rows are `hidden`. Or an `error` in words. `most` are the rows and cells that a list may have.
    """
    if _unpacked(data) > _UNPACKED:
        return {"error": _TOO_LARGE}
    if _ENCRYPTED in data:
        return {"error": _PROTECTED}
    asked = json.dumps([sheet, *most]).encode() + b"\n"
    try:
        ended = subprocess.run(  # noqa: S603 - this very file, by this very Python
            [sys.executable, "-I", str(Path(__file__))], input=asked + data, capture_output=True, timeout=_SECONDS, check=False
        )
        found: dict[str, Any] = json.loads(ended.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return {"error": _TOO_LARGE}
    return found


def _unpacked(data: bytes) -> int:
    """As the archive itself says; where it lies, the child's own limit holds."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return 0


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _rows(sheet: Any, most_rows: int, most_cells: int) -> list[tuple[int, list[str]]]:  # noqa: ANN401 - of a library without types
    rows: list[tuple[int, list[str]]] = []
    cells = 0
    left = sheet.start[1] if sheet.start else 0
    # A cell that is merged over rows says the same of each, and is in the first one alone.
    tall = {(top + 1, at - left): end + 1 for (top, at), (end, _) in sheet.merged_cell_ranges or () if end > top}
    held: dict[int, tuple[int, object]] = {}
    for line, found in enumerate(sheet.iter_rows(), start=1):
        row: list[object] = list(found)
        for at, (end, value) in held.items():
            row[at] = value if line <= end and row[at] == "" else row[at]
        held.update({at: (tall[line, at], value) for at, value in enumerate(row) if (line, at) in tall})
        if any(value != "" for value in row):
            rows.append((line, list(map(_cell, row))))
            cells += len(row)
        if len(rows) > most_rows or cells > most_cells:
            break  # whoever asked sees that it is too much
    return rows


def _answer(asked: Sequence[Any], data: bytes) -> dict[str, Any]:
    import python_calamine  # noqa: PLC0415 - in the child alone

    wanted, most_rows, most_cells = asked
    try:
        book = python_calamine.load_workbook(io.BytesIO(data))
        seen = [one.name for one in book.sheets_metadata if one.visible == python_calamine.SheetVisibleEnum.Visible]
        names = [wanted] if wanted in book.sheet_names else [] if wanted else seen
        read = {name: rows for name in names if (rows := _rows(book.get_sheet_by_name(name), most_rows, most_cells)) or wanted}
    except python_calamine.PasswordError:
        return {"error": _PROTECTED}
    except python_calamine.CalamineError:
        return {"error": "This is an archive, or a workbook that is damaged. Save the sheet that counts as CSV and take that."}
    sheet, rows = next(iter(read.items())) if len(read) == 1 else (None, [])
    return {"sheets": seen, "sheet": sheet, "rows": rows, "several": len(read) > 1, "hidden": _hides_rows(data)}


def _hides_rows(data: bytes) -> bool:
    """Does some sheet hide rows, as a filter does?"""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/") or name == "content.xml"]
            return any(_HIDDEN.search(archive.read(name)) for name in sheets)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, zlib.error):
        return False


def _main() -> None:
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - POSIX only

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked, _, data = sys.stdin.buffer.read().partition(b"\n")
    sys.stdout.write(json.dumps(_answer(json.loads(asked), data)))


if __name__ == "__main__":
    _main()
