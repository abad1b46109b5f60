"""Files that the command line reads and writes: lists of ids, plans, receipts."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from pathlib import Path

from lib.avara.models import CUSTOMER_ID_PATTERN
from lib.errors import PlanError, UploadUnreadable
from lib.runs.plan import Plan

#: How an id column is named by the API, by our exports and by receipts, without case, blanks, `_` and `-`.
_ID_COLUMNS = ("expresscustomerid", "customerid", "id")
_WELL_FORMED = re.compile(CUSTOMER_ID_PATTERN, re.ASCII)


@dataclass(frozen=True)
class IdFile:
    """The ids of a file, each once and in its order; those that stood there again; and what is no id."""

    ids: tuple[str, ...]
    repeated: tuple[str, ...]
    ill_formed: tuple[str, ...]


def read_ids(path: Path) -> IdFile:
    """One id a line, or the first column of a CSV file whose header calls it `id` or `expressCustomerId`.

    Raises UploadUnreadable. An id in any other column is never picked up: it shows as an ill-formed line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise UploadUnreadable(f"{path} can't be read ({exc.strerror}).") from exc
    except UnicodeDecodeError:
        raise UploadUnreadable(f"{path} is not UTF-8 text. Save it as CSV (UTF-8) or as text with one id a line.") from None
    return sort_ids(_cells(text))


def sort_ids(cells: list[str]) -> IdFile:
    """Tell ids, repeats and other text apart. Ids that differ in case only are the same one (they are hexadecimal)."""
    ids: dict[str, str] = {}
    repeated: dict[str, None] = {}
    ill_formed: dict[str, None] = {}
    for cell in cells:
        if not _WELL_FORMED.fullmatch(cell):
            ill_formed[cell] = None
        elif cell.lower() in ids:
            repeated[ids[cell.lower()]] = None
        else:
            ids[cell.lower()] = cell
    return IdFile(tuple(ids.values()), tuple(repeated), tuple(ill_formed))


def _cells(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    first = next(csv.reader(lines[:1]))[0]
    if re.sub(r"[\s_-]", "", first).lower() not in _ID_COLUMNS:
        return lines
    try:
        # Rows as a CSV reader sees them: a name may hold a line break between its quotes.
        rows = [row for row in csv.reader(text.splitlines(keepends=True), strict=True) if any(cell.strip() for cell in row)]
    except csv.Error as exc:
        raise UploadUnreadable(f"This CSV file can't be read ({exc}). Save it again as CSV (UTF-8).") from None
    return [row[0].strip() for row in rows[1:]]


def read_plan(path: Path) -> Plan:
    """The plan of a file. Raises PlanError when it can't be read or was altered."""
    try:
        return Plan.from_json(path.read_bytes())
    except OSError as exc:
        raise PlanError(f"{path} can't be read ({exc.strerror}).") from exc


def write_new(path: Path, body: bytes) -> None:
    """A new file that only its owner can read: it holds names of customers. Raises PlanError where it can't be written."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise PlanError(f"{path} is there already and is not written over. Choose another name.") from None
    except OSError as exc:
        raise PlanError(f"{path} can't be written ({exc.strerror}).") from exc
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
    except OSError as exc:
        path.unlink(missing_ok=True)  # half a plan or receipt would only mislead
        raise PlanError(f"{path} can't be written ({exc.strerror}).") from exc
