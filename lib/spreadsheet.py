"""CSV that a spreadsheet program opens without running anything in it.

Text that starts like a formula gets one apostrophe in front (OWASP "CSV Injection"; ASVS 5.0, 1.2.10, which adds NUL);
`unguard` takes exactly that one away again. Files for machines (JSON lines, Parquet) need none of this and change nothing.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

#: What a cell may hold. Only text is guarded: a negative number is a number.
Cell = str | int | float | bool | datetime | None

#: What starts a formula, also in its full-width and small forms, since some programs fold them to the plain ones.
_FORMULA = "=+\\-@" + "＝＋－＠" + "﹦﹢﹣﹫" + "−"
#: Blanks in front make a formula no safer, since some programs drop them. Nor do apostrophes: without them here, a name that
#: is written with one could not be told from a guarded one.
_RISKY = rf"'*(?:[\x00-\x1f\x7f]|[\s\u200b\u2060\ufeff]*[{_FORMULA}])"
_RISKY_TEXT, _GUARDED_TEXT = re.compile(_RISKY), re.compile(f"'{_RISKY}")


def guard(value: str) -> str:
    """`value` with one apostrophe in front where a spreadsheet program might take it for a formula; else unchanged."""
    return f"'{value}" if _RISKY_TEXT.match(value) else value


def unguard(value: str) -> str:
    """The text that `guard` was given."""
    return value[1:] if _GUARDED_TEXT.match(value) else value


def timestamp(at: datetime) -> str:
    """ISO 8601 in UTC with a Z, as the API writes it: 2024-03-15T14:20:00Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def cell_text(cell: Cell) -> str:
    """A cell as guarded text: truth is true or false, times are as `timestamp` writes them, None is empty."""
    match cell:
        case None:
            return ""
        case str():
            return guard(cell)
        case bool():
            return "true" if cell else "false"
        case datetime():
            return timestamp(cell)
        case _:
            return str(cell)


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A CSV file (RFC 4180, every cell quoted, CRLF, UTF-8 with a byte order mark so that Excel reads it as such)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([guard(name) for name in header])
    writer.writerows(["" if cell is None else cell_text(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", errors="replace")
