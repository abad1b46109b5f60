"""Reads a list that somebody sent, whatever it is written with: the one reader of the pages, the command line and the notebook.

Text, CSV and its kin with any delimiter, JSON (records, ids, the API's own pages), JSON lines, Markdown tables, Excel and
OpenDocument. What is no table is read as lines. Only what a text says about itself decides how it is read, never a file's name.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import re
from collections.abc import Sequence
from contextlib import suppress

from lib.avara.text import one_line
from lib.customers.lists.table import (
    INVISIBLE,
    MOST_CELLS,
    MOST_ROWS,
    QUOTED_ID,
    Table,
    as_table,
    known_headers,
    name_key,
    plain,
    refuse_too_many,
    some,
)
from lib.customers.lists.words import ID_WORDS, ONLY_STAYS
from lib.customers.lists.workbook import is_workbook, read_sheet
from lib.errors import ListUnclear, UploadUnreadable

#: Bytes; an export of ours with all its columns for 100,000 customers.
UPLOAD_LIMIT = 50 * 1024 * 1024

_DELIMITERS = ("\t", ";", ",", "|")
_LOOKED_AT = 200
_SEP = re.compile(r"\"?sep=(\t|[^\s\"])\"?[ \t]*(?:\r\n?|\n|$)", re.IGNORECASE)
#: Characters of the line below a Markdown table's header.
_WIDEST = 10_000
_DASHES = r"[ \t]*(?::?-{2,}:?|:-:?|-:)[ \t]*"
_RULE = re.compile(rf"[ \t]*\|?{_DASHES}(?:\|{_DASHES})*\|?[ \t]*")
_PIPE = re.compile(r"(?<!\\)\|")
#: Ids and what separates them, and nothing else: no part of it can be a word.
_ENUMERATION = re.compile(rf"[\s,;|]*+(?:{QUOTED_ID}(?:[\s,;|]++|$))++")
_PAGE = "expressCustomers"
#: Keys of a JSON value's only list that say nothing but that it is one, and of what may stand beside it.
_OF_CUSTOMERS = ID_WORDS | {plain(_PAGE), "data", "items", "results", "records", "rows", "list", "hospitals", "names"}
_ABOUT = frozenset({"total", "count", "size", "page", "hasmore", "nextcursor", "cursor", "next"})

_Lines = list[tuple[int, Sequence[str]]]


def read(source: bytes | str, sheet: str = "") -> Table:
    """The table of a file or a pasted text. Of a workbook the `sheet` of that name, else the only one that holds anything.

    Raises UploadUnreadable for what can't be read or is too much, ListUnclear where several sheets could be meant.
    """
    if len(source) > UPLOAD_LIMIT:
        raise UploadUnreadable(f"The file is larger than {UPLOAD_LIMIT // 1024**2} MB. Leave only the ids or the names in it.")
    if isinstance(source, bytes) and is_workbook(source):
        return _from_workbook(source, sheet)
    text, remarks = decode(source) if isinstance(source, bytes) else (source, ())
    text = text.lstrip(INVISIBLE)
    _refuse_cells(sum(map(text.count, "\n\r,[{")))
    made = _from_json(text) or _from_markdown(text) or _from_delimited(text) or as_table(_lines(text))
    return Table(made.names, made.headers, made.rows, (*remarks, *made.remarks))


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """The text of a file, UTF-8, UTF-16 (with or without a mark), UTF-32 (with one), else Windows-1252; and what to say of it.

    Raises UploadUnreadable for what is no text.
    """
    # Of UTF-32 the first mark begins as that of UTF-16 does, so it is looked for before.
    for encoding, *marks in (
        ("utf-32", codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
        ("utf-16", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    ):
        if data.startswith(tuple(marks)):
            return data.decode(encoding, errors="replace"), ()
    for encoding, letters, zeros in (("utf-16-le", data[:200:2], data[1:200:2]), ("utf-16-be", data[1:200:2], data[:200:2])):
        if zeros.count(0) > len(zeros) / 2 and 0 not in letters:
            return data.decode(encoding, errors="replace"), ()
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        if b"\0" in data:
            raise UploadUnreadable from None
    told = "This file is not UTF-8. It was read as Windows-1252, so letters with accents in names may be others."
    return data.decode("cp1252", errors="replace"), (told,)


def _from_workbook(data: bytes, sheet: str) -> Table:
    found = read_sheet(data, sheet, (MOST_ROWS, MOST_CELLS))
    if "error" in found:
        raise UploadUnreadable(found["error"])
    names = some(found["sheets"])
    if found["several"] or (sheet and found["sheet"] is None):
        why = "Several sheets hold something" if found["several"] else f"No sheet is called {one_line(sheet, 40)}"
        raise ListUnclear(f"{why}: {names}. Say which one counts.", needs="sheet", among=tuple(found["sheets"]))
    _refuse_cells(sum(len(cells) for _, cells in found["rows"]))
    if not sheet and ONLY_STAYS.search(name_key(found["sheet"] or "")):
        why = f"The only sheet that holds anything is called {one_line(found['sheet'], 40)}"
        raise ListUnclear(f"{why}. Say whether it counts.", needs="sheet", among=tuple(found["sheets"]))
    told = [f"Read from the sheet {one_line(found['sheet'], 40)}, one of: {names}."] if len(found["sheets"]) > 1 else []
    told += (
        ["Rows are hidden in this workbook, perhaps by a filter. They were read like the others."] if found["hidden"] else []
    )
    return as_table(found["rows"], told)


def _from_json(text: str) -> Table | None:
    """Records, ids or pages of the API, as one JSON value or one a line; a line that can't be read is a row of its own."""
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return None
    try:
        values: list[tuple[int, object]] = [(1, _parsed(text))]
    except (ValueError, RecursionError):
        if start == "[":
            return None
        values = [(line, _parsed_line(words)) for line, words in enumerate(text.split("\n"), start=1) if words.strip()]
    told = ["The API says that another page follows this one."] if _has_more(values[-1][1]) else []
    items = [(line + place * (len(values) == 1), item) for line, value in values for place, item in enumerate(_items(value))]
    if not any(isinstance(item, dict) for _, item in items):
        return as_table([(line, [_json_cell(item)]) for line, item in items], told)
    columns = dict.fromkeys(str(key) for _, item in items if isinstance(item, dict) for key in item)
    _refuse_cells(len(columns) * len(items))
    rows: _Lines = [(0, [_json_cell(name) for name in columns])]
    for line, item in items:
        # What is no record has one cell more than all records, so that it can't be taken for one.
        alone = [""] * len(columns) + [_json_cell(item)]
        rows.append((line, [_json_cell(item.get(name)) for name in columns] if isinstance(item, dict) else alone))
    return as_table(rows, told, header=0)


def _parsed(text: str) -> object:
    return json.loads(text, object_pairs_hook=_once)


def _parsed_line(line: str) -> object:
    try:
        return _parsed(line)
    except (ValueError, RecursionError):
        return line


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise UploadUnreadable("A record in this JSON has the same key twice, so nobody knows which of them counts.")
    return made


def _items(value: object) -> list[object]:
    """The records or ids that a JSON value lists: itself, its items, those of pages of the API or of its only list.

    A list that something stands beside, or under a key that may say what is to become of those in it ("keep"), is a cell: it is
    told and not taken.
    """
    if isinstance(value, list):
        return [inner for item in value for inner in (_items(item) if isinstance(item, dict) and _PAGE in item else [item])]
    if isinstance(value, dict):
        listed, *others = sorted(value.items(), key=lambda pair: not isinstance(pair[1], list)) or [("", None)]
        if isinstance(listed[1], list) and plain(listed[0]) in _OF_CUSTOMERS and all(plain(key) in _ABOUT for key, _ in others):
            return list(listed[1])
    return [value]


def _has_more(value: object) -> bool:
    last = value[-1] if isinstance(value, list) and value else value
    return isinstance(last, dict) and _PAGE in last and last.get("hasMore") is True


def _json_cell(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return text.encode(errors="replace").decode()  # JSON may hold half characters, which no page or file can


def _from_markdown(text: str) -> Table | None:
    """The first table of a Markdown text; what stands around it is not read, and said."""
    lines = text.splitlines()
    rules = [at for at, line in enumerate(lines) if "|" in line and len(line) < _WIDEST and _RULE.fullmatch(line)]
    if not rules or not rules[0] or "|" not in lines[rules[0] - 1]:
        return None
    end = rules[1] - 1 if len(rules) > 1 else len(lines)
    beside = [""] * len(_markdown_cells(lines[rules[0] - 1]))  # what stands beside the table is in none of its columns
    rows: _Lines = [
        (at + 1, _markdown_cells(line) if "|" in line and at < end else [line] if at < rules[0] else [*beside, line])
        for at, line in enumerate(lines)
        if at != rules[0]
    ]
    return as_table(rows, header=rules[0])


def _markdown_cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.replace("\\|", "|") for cell in _PIPE.split(inner)]


def _from_delimited(text: str) -> Table | None:
    """A table as spreadsheets write them; None where it is not certain that the text is one."""
    said = _SEP.match(text)
    body = text[said.end() :] if said else text
    delimiter = said[1] if said else _delimiter(body)
    if delimiter is None:
        return None
    _refuse_cells(body.count(delimiter))
    rows: _Lines = []
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        while True:
            line = reader.line_num + (2 if said else 1)
            rows.append((line, next(reader)))
    except StopIteration:
        return as_table(rows)
    except csv.Error as exc:
        raise UploadUnreadable(
            f"The row that begins on line {line} can't be read as CSV ({exc}). Mend it, or save the list again as CSV."
        ) from None


def _delimiter(text: str) -> str | None:
    """The delimiter under which the first rows name a column of customers, or else are all of one width."""
    lines = list(itertools.islice(io.StringIO(text[: 1000 * _LOOKED_AT], newline=None), _LOOKED_AT))
    best, found = (0, 0), None
    for delimiter in _DELIMITERS:
        rows: list[list[str]] = []
        with suppress(csv.Error):  # reading all of it will say where
            rows.extend(
                row for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if any(map(str.strip, row))
            )
        wide = [row for row in rows if len(row) > 1 and sum(map(bool, map(str.strip, row))) > 1]
        # A sentence has commas too, but each with a blank behind it.
        prose = delimiter == "," and all(after in " \n" for after in re.findall(",(.)", "".join(lines), re.DOTALL))
        heads = max(map(known_headers, wide[:30]), default=0)
        grid = bool(wide) and len({len(row) for row in rows}) == 1 and (len(rows) > 1 or delimiter == "\t") and not prose
        evidence = (heads if heads > 1 or not prose else 0, int(grid))
        if evidence > best:
            best, found = evidence, delimiter
    quoted = len(lines) > 1 and all(line[:1] == '"' == line.rstrip()[-1:] for line in lines if line.strip())
    return found or ("," if quoted else None)


def _lines(text: str) -> _Lines:
    """One thing a line; a line of nothing but ids is that many rows, if no other line could make it a table of them."""
    rows: _Lines = []
    wide = with_ids = number = 0
    for line, words in enumerate(text.splitlines(), start=1):
        bare = (words if words.isascii() else words.translate(dict.fromkeys(map(ord, INVISIBLE)))).strip()
        bare = bare[1:-1] if bare[:1] == "[" and bare[-1:] == "]" else bare
        ids = re.findall(QUOTED_ID, bare) if _ENUMERATION.fullmatch(bare) else []
        number += max(len(ids), bool(bare))
        refuse_too_many(number)
        with_ids += bool(ids)
        wide += len(ids) > 1
        rows.append((line, ids or [words]))
    if wide and with_ids > 1:
        return rows
    return [(line, [cell]) for line, cells in rows for cell in cells]


def _refuse_cells(number: int) -> None:
    """Raise UploadUnreadable before so many cells are made of a list."""
    if number > MOST_CELLS:
        raise UploadUnreadable(f"This list has more than {MOST_CELLS:,} cells. Leave only the ids or the names in it.")
