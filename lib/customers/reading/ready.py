"""A list that is ready to be used."""

from __future__ import annotations

import logging

from lib.customers import sorting
from lib.customers.facets import facet_keys
from lib.customers.frame import CustomerFrame

_log = logging.getLogger(__name__)


def make_ready(frame: CustomerFrame) -> None:
    """Do what the first page, lookup, search and sort would otherwise wait for. Where that fails they are slow, not wrong."""
    try:
        prepare(frame)
    except Exception as error:  # noqa: BLE001 - see above
        _log.error("A list was not prepared: %s", type(error).__name__)


def prepare(frame: CustomerFrame) -> None:
    frame.index.warm()
    frame.text.warm()
    frame.pairs.warm()
    sorting.warm(frame)
    facet_keys(frame)
