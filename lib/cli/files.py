"""Files that the command line reads and writes: lists of customers, plans, receipts."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from pathlib import Path

from lib.customers.lists.read import UPLOAD_LIMIT
from lib.errors import PlanError, UploadUnreadable
from lib.files import read_at_most, shown
from lib.plans.plan import Plan

#: Bytes of a plan: a hundred thousand customers with all their metadata stay below.
_LARGEST = 250_000_000


def read_list(path: Path) -> bytes:
    """A list of customers as it is in its file. Raises UploadUnreadable."""
    try:
        return read_at_most(path, UPLOAD_LIMIT)
    except OSError as exc:
        raise UploadUnreadable(f"{shown(path)} can't be read ({exc.strerror}).") from exc


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
