"""Lists of customer ids that people paste or upload, and what of them the frame knows.

Only ids that stand where ids belong are taken: the id column of a table, the lines of a list. An id in some other column is
never picked up, since what is picked here is deactivated later.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lib.avara.models import CUSTOMER_ID_PATTERN, id_key
from lib.avara.text import one_line
from lib.customers.frame import CustomerFrame
from lib.errors import UploadUnreadable

#: Some 1.3 million ids, or an export of ours with all its columns for 100,000 customers.
UPLOAD_LIMIT = 50 * 1024 * 1024

#: Names of an id column as we and others write them, without case, blanks, `_` and `-`; the first that a table has counts.
_ID_COLUMNS = ("expresscustomerid", "customerid", "avaraid", "id")
_DELIMITERS = (",", ";", "\t", "|")
#: The rule of an id, with a prefix in any case: what is pasted may have been turned to capitals as a whole.
_WELL_FORMED = re.compile(CUSTOMER_ID_PATTERN, re.ASCII | re.IGNORECASE)
_AROUND = "\"'`“”‘’‚„«»<>()[]{}"
#: What web pages and office programs leave in copied text: byte order marks, zero-width and direction marks.
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00ad\u202a\u202b\u202c\u202d\u202e"
_NO_INVISIBLE = str.maketrans("", "", _INVISIBLE)
_BETWEEN = re.compile(r"[\s,;|]+")
_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class IdList:
    """What a text holds where ids belong, in its order: ids, and whatever else stands there."""

    tokens: tuple[str, ...]


@dataclass(frozen=True)
class IdReport:
    """What became of a list. Each id stands in exactly one of `found`, `unknown`, `ill_formed`; all keep the list's order."""

    #: The ids as the frame writes them, each once.
    found: tuple[str, ...]
    #: Well-formed, but no customer of the frame.
    unknown: tuple[str, ...]
    #: Given more than once (found or unknown), each once here.
    repeated: tuple[str, ...]
    #: No ids at all; shortened for showing.
    ill_formed: tuple[str, ...]
    #: Those of `found` that are inactive already.
    inactive: tuple[str, ...]


def decode(data: bytes) -> str:
    """The text of an uploaded file: UTF-8, UTF-16 (with or without a mark), else Latin-1.

    Raises UploadUnreadable for a file that is too large or no text.
    """
    if len(data) > UPLOAD_LIMIT:
        raise UploadUnreadable(f"The file is larger than {UPLOAD_LIMIT // 1024**2} MB. Leave only its id column in it.")
    if data.startswith(b"PK\x03\x04"):
        raise UploadUnreadable("This is an Excel workbook or an archive. Save the sheet as CSV and take that.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
    elif _mostly_nul(data[1:200:2]) and 0 not in data[:200:2]:
        text = data.decode("utf-16-le", errors="replace")
    elif _mostly_nul(data[:200:2]) and 0 not in data[1:200:2]:
        text = data.decode("utf-16-be", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
            if "\0" in text:
                raise UploadUnreadable from None
    return text


def parse(source: str | bytes) -> IdList:
    """Read a pasted text or an uploaded file: JSON, JSON lines, a table with an id column, or ids with anything between them.

    Raises UploadUnreadable as `decode` does.
    """
    text = (decode(source) if isinstance(source, bytes) else source).strip().lstrip(_INVISIBLE)
    for read in (_from_json, _from_table):
        cells = read(text)
        if cells is not None:
            break
    else:
        cells = _BETWEEN.split(text)
    return IdList(tuple(token for token in map(_bare, cells) if token))


def check(frame: CustomerFrame, *sources: str | bytes | IdList) -> IdReport:
    """Look up each id of these texts, files and lists, each read on its own."""
    lists = [source if isinstance(source, IdList) else parse(source) for source in sources]
    tokens = [token for ids in lists for token in ids.tokens]
    spelled = _as_spelled(frame, dict.fromkeys(tokens))
    counts: Counter[str] = Counter()
    ill_formed: dict[str, None] = {}
    for token in tokens:
        customer_id = spelled[token]
        if customer_id is None:
            ill_formed[token] = None
        else:
            counts[customer_id] += 1
    ids = list(counts)
    known = frame.known(ids)
    found = tuple(customer_id for customer_id, there in zip(ids, known.tolist(), strict=True) if there)
    is_active = frame.rows["is_active"].to_numpy()[frame.positions(found)]
    return IdReport(
        found=found,
        unknown=tuple(customer_id for customer_id, there in zip(ids, known.tolist(), strict=True) if not there),
        repeated=tuple(customer_id for customer_id, count in counts.items() if count > 1),
        ill_formed=tuple(one_line(token, _LONGEST_SHOWN) for token in ill_formed),
        inactive=tuple(np.array(found, dtype=object)[~is_active]),
    )


def _as_spelled(frame: CustomerFrame, tokens: Iterable[str]) -> dict[str, str | None]:
    """For each token the id as the frame spells it, as it is first written where the frame lacks it, None where it is no id."""
    spelled = {token: "cus_" + token[4:] if _is_id(token) else None for token in tokens}
    ids = [customer_id for customer_id in spelled.values() if customer_id is not None]
    known = [customer_id for customer_id, there in zip(ids, frame.known(ids).tolist(), strict=True) if there]
    own = dict(zip(map(id_key, known), frame.ids(frame.positions(known)), strict=True))
    return {
        token: None if customer_id is None else own.setdefault(id_key(customer_id), customer_id)
        for token, customer_id in spelled.items()
    }


def _bare(cell: str) -> str:
    """The cell without what copying left around its id; a cell without an id stays as it is, to be shown."""
    text = cell.strip()
    inner = text.translate(_NO_INVISIBLE).strip(_AROUND).strip()
    return inner if _is_id(inner) else text.strip(_INVISIBLE)


def _mostly_nul(data: bytes) -> bool:
    return data.count(0) > len(data) / 2


def _is_id(text: str) -> bool:
    return _WELL_FORMED.fullmatch(text) is not None


def _from_json(text: str) -> list[str] | None:
    """A JSON array, or JSON lines, of ids or of records. A line that can't be read stands for itself."""
    if not text.startswith(("{", "[")):
        return None
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return [_id_in(line) for line in text.split("\n")] if text.startswith("{") else None
    return [_id_of(item) for item in (whole if isinstance(whole, list) else [whole])]


def _id_in(line: str) -> str:
    try:
        return _id_of(json.loads(line))
    except (ValueError, RecursionError):
        return line


def _id_of(item: object) -> str:
    if isinstance(item, dict):
        column = _id_column([str(key) for key in item])
        item = item if column is None else list(item.values())[column]
    return item if isinstance(item, str) else json.dumps(item)


def _from_table(text: str) -> list[str] | None:
    """The id column of a table: the one that its first row names, else the only one that holds ids."""
    first = text.partition("\n")[0]
    for delimiter in _DELIMITERS:
        header = _cells(first, delimiter)
        column = _id_column(header)
        if column is not None and not any(_is_id(_bare(cell)) for cell in header):
            return [row[column] if column < len(row) else " ".join(row) for row in _rows(text, delimiter)][1:]
    for delimiter in _DELIMITERS:
        if delimiter in first:
            rows = [row for row in _rows(text, delimiter) if row]
            column = _column_of_ids(rows)
            if column is not None:
                return [row[column] for row in rows]
    return None


def _column_of_ids(rows: list[list[str]]) -> int | None:
    """Where the ids stand in rows of one width that hold other things too; None for rows that are no table."""
    if len(rows) < 2 or len({len(row) for row in rows}) > 1:
        return None
    columns = {place for row in rows for place, cell in enumerate(row) if _is_id(_bare(cell))}
    others = any(cell.strip() and not _is_id(_bare(cell)) for row in rows[1:] for cell in row)
    if not columns or not others:
        return None
    if len(columns) > 1:
        raise UploadUnreadable(
            "Several columns of this table hold ids. Name the one that counts expressCustomerId in its first row."
        )
    return columns.pop()


def _rows(text: str, delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as exc:
        raise UploadUnreadable from exc


def _cells(line: str, delimiter: str) -> list[str]:
    return next(iter(_rows(line, delimiter)), [])


def _id_column(names: list[str]) -> int | None:
    plain = [re.sub(r"[\s_\-\"']", "", name).lower() for name in names]
    return next((plain.index(name) for name in _ID_COLUMNS if name in plain), None)
