"""The tables of the lists of customers that servers share; see lib/journal/lists/shared.py."""

from __future__ import annotations

from sqlalchemy import Column, Double, Integer, LargeBinary, PrimaryKeyConstraint, String, Table, Text

from lib.journal.tables import PlainText, UtcText, metadata

#: One row a key: whose turn it is to read, and the newest list that was read whole.
shared_lists = Table(
    "shared_lists",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("turn", Integer, nullable=False),  # counted up: a later reading has a larger one, whatever the servers' clocks say
    Column("reader", Text, nullable=False),
    Column("lease_until", Double, nullable=False),  # by database_now; 0 once the turn is over
    Column("customers", Integer, nullable=False),  # so far
    Column("failed", PlainText, nullable=False),  # why the turn ended without a list; empty where it did not
    Column("list_turn", Integer, nullable=False),  # the one in which the list began to be read; 0 where there is none
    Column("started_at", UtcText),
    Column("finished_at", UtcText),
    Column("digest", String(64)),
)

#: The bytes of a list, in parts that each statement can move in time; of a list that is being written also those that came.
shared_list_chunks = Table(
    "shared_list_chunks",
    metadata,
    Column("fingerprint", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("position", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("fingerprint", "digest", "position"),
)
