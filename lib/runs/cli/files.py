"""Files that the command line reads and writes: lists of ids, plans, receipts."""

from __future__ import annotations

import csv
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lib.avara.models import CUSTOMER_ID_PATTERN
from lib.errors import PlanError, UploadUnreadable
from lib.files import read_at_most, shown
from lib.runs.plan import Plan

#: How an id column is named by the API, by our exports and by receipts, without case, blanks, `_` and `-`.
_ID_COLUMNS = ("expresscustomerid", "customerid", "id")
#: Bytes of a list or a plan: a hundred thousand customers with all their metadata stay below.
_LARGEST = 250_000_000
_WELL_FORMED = re.compile(CUSTOMER_ID_PATTERN, re.ASCII)


@dataclass(frozen=True)
class IdFile:
    """The ids of a file, each once and in its order; those that stood there again; and what is no id."""

    ids: tuple[str, ...]
    repeated: tuple[str, ...]
    ill_formed: tuple[str, ...]


def read_ids(path: Path) -> IdFile:
    """One id a line, or the first column of a CSV file whose header calls it `id` or `expressCustomerId`.

    Raises UploadUnreadable. An id in any other column is never picked up: it shows as an ill-formed line. Ids that differ in
    case only are the same one (they are hexadecimal).
    """
    try:
        text = read_at_most(path, _LARGEST).decode("utf-8-sig")
    except OSError as exc:
        raise UploadUnreadable(f"{shown(path)} can't be read ({exc.strerror}).") from exc
    except UnicodeDecodeError:
        raise UploadUnreadable(f"{shown(path)} is not UTF-8 text. Save it as CSV (UTF-8) or with one id a line.") from None
    ids: dict[str, str] = {}
    repeated: dict[str, None] = {}
    ill_formed: dict[str, None] = {}
    for cell in _cells(text):
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
    try:
        first = next(csv.reader(lines[:1]))[0]
        if re.sub(r"[\s_-]", "", first).lower() not in _ID_COLUMNS:
            return lines
        # Rows as a CSV reader sees them: a name may hold a line break between its quotes.
        rows = [row for row in csv.reader(text.splitlines(keepends=True), strict=True) if any(cell.strip() for cell in row)]
    except csv.Error as exc:
        raise UploadUnreadable(f"This CSV file can't be read ({exc}). Save it again as CSV (UTF-8).") from None
    return [row[0].strip() for row in rows[1:]]


def read_plan(path: Path) -> Plan:
    """The plan of a file. Raises PlanError when it can't be read or was altered."""
    try:
        return Plan.from_json(read_at_most(path, _LARGEST))
    except OSError as exc:
        raise PlanError(f"{shown(path)} can't be read ({exc.strerror}).") from exc


def write_new(path: Path, body: bytes) -> None:
    """A new file that only its owner can read: it holds names of customers. Raises PlanError where it can't be written."""
    try:
        with open(path, "xb", opener=partial(os.open, mode=0o600)) as file:
            file.write(body)
    except FileExistsError:
        raise PlanError(f"{shown(path)} is there already and is not written over. Choose another name.") from None
    except OSError as exc:
        with suppress(OSError):
            path.unlink()  # half a plan or receipt would only mislead
        raise PlanError(f"{shown(path)} can't be written ({exc.strerror}).") from exc
