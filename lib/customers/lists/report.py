"""What became of each row of a list: whom it found, and what it says instead. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from lib.avara.models import Customer, id_key
from lib.avara.text import one_line
from lib.customers.frame import CustomerFrame
from lib.customers.lists.columns import Choice, choose
from lib.customers.lists.names import Names
from lib.customers.lists.read import read
from lib.customers.lists.table import Row, Table, id_in, name_key
from lib.spreadsheet import Cell, csv_bytes

#: A longer text is a sentence; and what stands in front of a line to take it out.
_LONGEST_NAME = 200
_TAKEN_OUT = ("#", "//", "--", "/*", "<!--", ";", "~~")
#: The same beside an id, where "#1" is a number, and "--" and "//" alone stand for nothing and for "as above".
_ROW_TAKEN_OUT = re.compile(r"#(?!\d)|(?://|--).|/\*|<!--|~~|>")
_LONGEST_SHOWN = 200


class Kind(StrEnum):
    """What a row of a list came to. Each row comes to exactly one."""

    FOUND = "found"
    ALREADY = "already inactive"
    SEVERAL = "several of that name"
    NEAR = "only nearly a name"
    UNKNOWN = "unknown"
    ILL_FORMED = "neither one id nor a name"
    DISPUTED = "contradicts itself"
    NOT_MEANT = "not meant"
    REPEATED = "repeated"
    EMPTY = "without id or name"


class Listed(NamedTuple):
    """A row of a list, with the id or else the name that it gives; `kind` where it is known without looking anybody up."""

    line: int
    text: str
    kind: Kind | None = None
    customer_id: str = ""
    name: str = ""
    #: The name that stands beside an id.
    beside: str = ""
    #: Whether a cell begins as a line does that was taken out. So may a name, and then it is the customer's own.
    taken_out: bool = False


class Entry(NamedTuple):
    """A row of a list with the customers that it is about: one that was found, or those to choose from, best first."""

    line: int
    text: str
    kind: Kind
    ids: tuple[str, ...] = ()
    #: How like their names are, of 100; empty where they were not looked for by likeness.
    scores: tuple[float, ...] = ()
    by_name: bool = False


@dataclass(frozen=True)
class Report:
    """What became of every row of a list, in its order."""

    entries: tuple[Entry, ...]
    #: Names that nobody has, and that were not compared with others since there are too many.
    not_compared: int = 0

    @cached_property
    def found(self) -> tuple[str, ...]:
        """The customers that the list means beyond doubt, each once, in its order."""
        return tuple(entry.ids[0] for entry in self.entries if entry.kind is Kind.FOUND)

    @cached_property
    def counts(self) -> Counter[Kind]:
        """Rows by what they came to; they add up to the list."""
        return Counter(entry.kind for entry in self.entries)

    def of(self, *kinds: Kind) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind in kinds]


@dataclass(frozen=True)
class Taken:
    """A list, what of it was meant, and what became of its rows."""

    table: Table
    choice: Choice
    report: Report


def take(
    source: bytes | str,
    customers: Callable[[], CustomerFrame],
    *,
    column: str = "",
    where: Iterable[tuple[str, str]] = (),
    sheet: str = "",
    already: bool | None = None,
) -> Taken:
    """Read a list and look up whom it means, as `look_up` does. `customers` is asked only where it is needed.

    Raises UploadUnreadable, and ListUnclear where a person has to say what is meant (see `read` and `choose`).
    """
    table = read(source, sheet)
    choice = choose(table, column, where)
    rows = listed(table, choice)
    # An id in capitals may be another to the API: all customers tell how it writes it.
    needed = already is not None or any(row.name or row.beside or id_key(row.customer_id) != row.customer_id for row in rows)
    return Taken(table, choice, look_up(rows, customers() if needed else None, already=already))


def listed(table: Table, choice: Choice) -> list[Listed]:
    """Each row with what it says of its customer: an id where a whole cell is one, else a name, else neither."""
    return [_listed(row, choice) for row in table.rows]


def _listed(row: Row, choice: Choice) -> Listed:
    first, *others = [cell for place in choice.columns if (cell := row.cell(place))] or [""]
    text = one_line(first if first and row.sound else row.text, _LONGEST_SHOWN)
    customer_id = id_in(first)
    if not row.sound or not (customer_id or not first or _is_name(first)):
        return Listed(row.line, text, Kind.ILL_FORMED)
    if not first:
        return Listed(row.line, text, Kind.EMPTY)
    meant = all(name_key(row.cell(place)) in values for place, values in choice.where)
    kind = None if meant else Kind.NOT_MEANT
    begins = next(filter(None, row.cells))
    if customer_id:
        out = any(map(_ROW_TAKEN_OUT.match, (begins, *others)))
        return Listed(row.line, text, kind, customer_id, beside=others[0] if others else "", taken_out=out)
    if begins != first and _ROW_TAKEN_OUT.match(begins):
        return Listed(row.line, text, Kind.ILL_FORMED)
    return Listed(row.line, text, kind, name=first)


def _is_name(text: str) -> bool:
    """Can this be a customer's name, rather than an id that went wrong, a sentence or what was taken out of a list?"""
    return len(text) <= _LONGEST_NAME and "cus_" not in text.casefold() and not text.startswith(_TAKEN_OUT)


def look_up(
    rows: Sequence[Listed],
    frame: CustomerFrame | None,
    *,
    already: bool | None = None,
    tell: Callable[[int, int], object] = lambda _done, _of: None,
) -> Report:
    """What becomes of these rows among the customers of a frame that has them all.

    An id is looked up before any name, and only a name that is exactly one customer's finds it. A customer that one row means
    and another does not, or whose row bears a name that only other customers have, is not found but disputed. `already`:
    customers in this state are set aside. Without a frame every id counts as found (to be read), and no row may have a name.
    `tell` hears how many names of how many have been compared with those of all customers.
    """
    names = Names(frame) if frame is not None and any(row.name or row.beside for row in rows) else None
    who = _candidates(rows, frame, names)
    named = [names.exact(row.beside) if names is not None and row.beside else () for row in rows]
    rows = [_unless_taken_out(*one) for one in zip(rows, who, named, strict=True)]
    disputed = _disputed(rows, who, named)
    aside = set() if frame is None or already is None else _in_state(frame, who, already)
    unmatched = list(
        dict.fromkeys(row.name for row, ids in zip(rows, who, strict=True) if row.name and not ids and not row.kind)
    )
    near = names.near(unmatched, lambda done: tell(done, len(unmatched))) if names is not None and unmatched else {}
    entries, seen = [], set[str]()
    for row, ids in zip(rows, who, strict=True):
        kind = row.kind or _kind(ids, disputed, aside)
        like = near.get(row.name, []) if kind is Kind.UNKNOWN else []
        if row.kind is None and kind is not Kind.DISPUTED:
            same = id_key(ids[0]) if len(ids) == 1 else id_key(row.customer_id) or name_key(row.name)
            kind = Kind.REPEATED if same in seen else Kind.NEAR if like else kind
            seen.add(same)
        if kind is not Kind.NEAR:
            like = []
        alike, scores = tuple(id_ for id_, _ in like), tuple(score for _, score in like)
        entries.append(Entry(row.line, row.text, kind, alike or ids, scores, by_name=bool(row.name)))
    return Report(tuple(entries), len(unmatched) - len(near))


def _unless_taken_out(row: Listed, ids: Sequence[str], named: Container[str]) -> Listed:
    """The row, ill-formed where it was taken out of the list; `named` are all customers of the name beside its id."""
    return row._replace(kind=Kind.ILL_FORMED) if row.taken_out and not (ids and ids[0] in named) else row


def _disputed(rows: Sequence[Listed], who: Sequence[Sequence[str]], named: Sequence[Sequence[str]]) -> set[str]:
    """Customers that a row does not mean, and those whose id stands beside a name that is only others'."""
    return {
        id_key(ids[0])
        for row, ids, others in zip(rows, who, named, strict=True)
        if (row.kind is Kind.NOT_MEANT and len(ids) == 1) or (ids and others and ids[0] not in others)
    }


def _candidates(rows: Sequence[Listed], frame: CustomerFrame | None, names: Names | None) -> list[tuple[str, ...]]:
    """For each row the ids of all customers that it can mean, as the frame writes them."""
    given = list(dict.fromkeys(row.customer_id for row in rows if row.customer_id))
    if frame is None:
        return [(row.customer_id,) if row.customer_id else () for row in rows]
    places = frame.index.find(given)
    known = [customer_id for customer_id, place in zip(given, places.tolist(), strict=True) if place >= 0]
    own = dict(zip(known, frame.ids(places[places >= 0]), strict=True))
    return [
        names.exact(row.name) if row.name and names is not None else (own[row.customer_id],) if row.customer_id in own else ()
        for row in rows
    ]


def _kind(ids: Sequence[str], disputed: Container[str], aside: Container[str]) -> Kind:
    if not ids:
        return Kind.UNKNOWN
    if len(ids) > 1:
        return Kind.SEVERAL
    if id_key(ids[0]) in disputed:
        return Kind.DISPUTED
    return Kind.ALREADY if ids[0] in aside else Kind.FOUND


def _in_state(frame: CustomerFrame, who: Iterable[Sequence[str]], is_active: bool) -> set[str]:  # noqa: FBT001 - as the record says it
    ids = list(dict.fromkeys(customer_id for ids in who for customer_id in ids))
    states = frame.rows["is_active"].to_numpy()[frame.positions(ids)].tolist()
    return {customer_id for customer_id, state in zip(ids, states, strict=True) if state == is_active}


def to_csv(report: Report, records: Callable[[Iterable[str]], Iterable[Customer]]) -> bytes:
    """The whole report as a CSV file that a spreadsheet opens safely: every row, and each customer that it may mean, as
    `records` gives those of some ids that it has.
    """
    header = ("row", "in the list", "result", "found by", "likeness", "customer id", "customer", "active", "users", "updated")
    ids = dict.fromkeys(customer_id for entry in report.entries for customer_id in entry.ids)
    return csv_bytes(header, _csv_rows(report, {id_key(record.id): record for record in records(ids)}))


def _csv_rows(report: Report, records: Mapping[str, Customer]) -> Iterator[Sequence[Cell]]:
    for entry in report.entries:
        found_by = "" if not entry.ids else "name" if entry.by_name else "id"
        start = (entry.line, entry.text, str(entry.kind), found_by)
        if not entry.ids:
            yield (*start, *[None] * 6)
        for place, customer_id in enumerate(entry.ids):
            record, score = records.get(id_key(customer_id)), round(entry.scores[place]) if entry.scores else None
            told = (record.name, record.is_active, record.user_count, record.updated_at) if record else (None,) * 4
            yield (*start, score, customer_id, *told)
