"""PostgreSQL's driver with a deadline for each answer, kept by the client."""

from __future__ import annotations

import time
from typing import Any, TypeVar

from psycopg import Connection, OperationalError
from psycopg.abc import PQGen

_T = TypeVar("_T")


class ImpatientConnection(Connection[Any]):
    """Waits `within` seconds for each answer of the server, then closes itself and raises OperationalError."""

    within = 5.0

    def wait(self, gen: PQGen[_T], interval: float = 0.1, timeout: float | None = None) -> _T:
        """As the driver's own, which all statements go through; its time-out leaves the connection in the middle of one."""
        limit = self.within if timeout is None else timeout
        began = time.monotonic()
        try:
            return super().wait(gen, interval, limit)
        except OperationalError as exc:
            if time.monotonic() - began < limit:
                raise
            self.close()
            raise OperationalError(f"the database did not answer within {limit:g} seconds") from exc
