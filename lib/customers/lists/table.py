"""A list of customers as a table: rows of cells under named columns, whatever kind of file it came from. Pure.

An id counts only where a cell is one id and nothing else: never out of a sentence, a comment or a cell that holds more.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from lib.avara.models import CUSTOMER_ID_PATTERN
from lib.avara.text import one_line
from lib.customers.lists.words import BEGINS_PART, BESIDE, DECIDES, DECISION_WORDS, ID_WORDS, NAME_WORDS, ONLY_STAYS
from lib.errors import UploadUnreadable

#: What one list may hold: far more than a run may have, and little enough to be read in seconds.
MOST_ROWS, MOST_CELLS = 200_000, 5_000_000
#: What web pages and office programs leave in copied text: byte order marks, zero-width and direction marks.
INVISIBLE = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00ad\u202a\u202b\u202c\u202d\u202e"

_NO_INVISIBLE = str.maketrans("", "", INVISIBLE)
_WORDS = ID_WORDS | NAME_WORDS | DECISION_WORDS
#: The rule of an id, with a prefix in any case: what is pasted may have been turned to capitals as a whole.
_ID_PATTERN = f"(?ai:{CUSTOMER_ID_PATTERN.strip('^$')})"
_MARKS = "[\"'`“”‘’‚„]*+"
#: An id, or one in quotes or after a spreadsheet's text mark. A ">" alone quotes mail, or says which of two ids is the new one.
QUOTED_ID = f"(?:{_MARKS}#{_MARKS}|<#>|«#»|»#«)".replace("#", _ID_PATTERN)
_ID, _QUOTED = re.compile(_ID_PATTERN), re.compile(QUOTED_ID)
_ID_LENGTH = 36
#: A header stands among the first rows, below titles at most.
_TITLES = 30
_LONGEST_HEADING = 200
_COMMENT = re.compile(r"(?:/\*|<!--)(?!.*(?:\*/|-->)).*")
#: A column of more different values says something about each customer, not what is to become of it.
_MOST_VALUES = 50
#: Names that are told in a sentence.
_TOLD = 12


class Row(NamedTuple):
    """`sound` is False for a row that is not made as its table is, so that nobody knows which cell is which."""

    line: int
    cells: tuple[str, ...]
    sound: bool = True

    @property
    def text(self) -> str:
        return " | ".join(cell for cell in self.cells if cell)

    def cell(self, place: int) -> str:
        return self.cells[place] if place < len(self.cells) else ""


@dataclass(frozen=True)
class Column:
    """What a column holds: how many ids, how many other texts; and its values with how many rows have each, the most common
    first, if they are few enough to be a decision.
    """

    place: int
    name: str
    ids: int
    texts: int
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Table:
    """Columns by their names, all different; `headers` are the same as `plain` writes them, empty where there is no header."""

    names: tuple[str, ...]
    headers: tuple[str, ...]
    rows: tuple[Row, ...]
    #: What a reader should know about how the list was read, in sentences; they hold data.
    remarks: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Of each what it holds, but for the rows that are not sound."""
        return tuple(self._column(place, name) for place, name in enumerate(self.names))

    def _column(self, place: int, name: str) -> Column:
        counts = Counter(row.cell(place) for row in self.rows if row.sound)
        ids = sum(number for cell, number in counts.items() if id_in(cell))
        values = counts.most_common() if len(counts) <= _MOST_VALUES else ()
        return Column(place, name, ids, counts.total() - counts[""] - ids, tuple(values))


def id_in(cell: str) -> str | None:
    """The id that the cell is, with `cus_` in front and else as it is written; None where it is, or holds, anything else."""
    if not _ID_LENGTH <= len(cell) <= 2 * _ID_LENGTH:
        return None
    bare = cell if len(cell) == _ID_LENGTH else cell.translate(_NO_INVISIBLE).strip()
    found = _ID.search(bare) if _QUOTED.fullmatch(bare) else None
    return f"cus_{found[0][4:]}" if found else None


def name_key(text: str) -> str:
    """What two writings of one name have in common: NFKC, without case, doubled blanks and invisible characters."""
    if text.isascii():
        return " ".join(text.casefold().split())
    folded = unicodedata.normalize("NFKC", text.translate(_NO_INVISIBLE)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def plain(header: str) -> str:
    """A header's letters and digits: "Express Customer-ID:" → "expresscustomerid"."""
    return "".join(char for char in name_key(header) if char.isalnum())


def known_headers(cells: Sequence[str]) -> int:
    """How many of these cells are headers of a list of customers; none where one is an id."""
    if any(id_in(cell) for cell in cells):
        return 0
    return sum(plain(cell) in _WORDS for cell in cells if len(cell) < _ID_LENGTH)


def refuse_too_many(rows: int) -> None:
    """Raise UploadUnreadable for more rows than a list may have."""
    if rows > MOST_ROWS:
        raise UploadUnreadable(f"This list has more than {MOST_ROWS:,} rows. Split it, or leave out what is not meant.")


def as_table(lines: Sequence[tuple[int, Sequence[str]]], remarks: Sequence[str] = (), header: int | None = None) -> Table:
    """The table of these rows, each with its line in the file; `header` is the row of its header where that is known.

    Titles above the header become a remark; a row with more cells than the header has is not sound. Raises UploadUnreadable.
    """
    kept, widths = [], []
    for line, cells in lines:
        if trimmed := _trimmed(cells):
            kept.append(Row(line, trimmed))
            widths.append(len(cells))
    refuse_too_many(len(kept))
    _refuse_parts(kept)
    at = _header(kept) if header is None else next((place for place, row in enumerate(kept) if row.line == header), None)
    if at is None:
        names = _names([""] * max((len(row.cells) for row in kept), default=1))
        return Table(names, ("",) * len(names), tuple(kept), tuple(remarks))
    heads = kept[at].cells
    above = one_line("; ".join(row.text for row in kept[:at]), 200)
    told = [f"Above the table stands, and was not read: {above}"] if above else []
    below = kept[at + 1 :]
    # Below another header the columns may be others.
    end = next((place for place, row in enumerate(below) if _is_other_header(row.cells, heads)), len(below))
    # A comma in a name moves what is behind it. Where the last cells are empty that shows only in how many there are, and
    # matters where the id of another column may now stand in that of the customers.
    wide = [width > max(len(heads), widths[at]) for width in widths[at + 1 :]]
    moved = any(wide) and len({column for row in below for column, cell in enumerate(row.cells) if id_in(cell)}) > 1
    rows = tuple(
        row._replace(sound=place < end and len(row.cells) <= len(heads) and not (moved and wide[place]))
        for place, row in enumerate(below)
    )
    return Table(_names(heads), tuple(map(plain, heads)), rows, (*remarks, *told))


def _refuse_parts(rows: Sequence[Row]) -> None:
    """Raise UploadUnreadable where a list has several parts, one of those who stay, or a comment of several lines."""
    ids = {place: at for place, row in enumerate(rows) if (at := _id_at(row.cells)) is not None}
    # A heading stands where the ids do or before; behind them it is what a column says of a row without any.
    column = min(ids.values(), default=0)
    first, end = (min(ids), max(ids)) if ids else (0, len(rows))
    parted = _parted(rows, ids) if ids else set[int]()
    for place, row in enumerate(rows[:end]):
        if place in ids or sum(map(bool, row.cells)) > 1:
            continue
        alone = next(filter(None, row.cells[: column + 1]), "")
        stays = bool(ONLY_STAYS.search(name_key(alone[:_LONGEST_HEADING])))
        # Among ids few lines are names: whatever else one says, it may be about all that follow.
        heads = place in parted or (stays and ids) or ((stays or place > first) and _begins_part(alone, among_ids=bool(ids)))
        if alone and (_COMMENT.fullmatch(alone) or heads):
            told = f"On line {max(row.line, 1)} of this list a part begins ({one_line(alone, 60)})"
            raise UploadUnreadable(
                f"{told}, so it is not certain who is meant. Leave only the part that counts, without that line."
            )


def _id_at(cells: Sequence[str]) -> int | None:
    return next((at for at, cell in enumerate(cells) if id_in(cell)), None)


def _parted(rows: Sequence[Row], ids: Mapping[int, int]) -> set[int]:
    """Where, in a list of nothing but lines, a text stands below a blank line and above an id: a heading, whatever it says."""
    gaps = [after.line - row.line for row, after in itertools.pairwise(rows)]
    bare = all(len(row.cells) == 1 or all(map(id_in, row.cells)) for row in rows)
    if not bare or 1 not in gaps:  # of a list with a blank line below each they say nothing
        return set()
    return {at for at in range(min(ids) + 1, len(rows) - 1) if gaps[at - 1] > 1 and at not in ids and at + 1 in ids}


def _begins_part(alone: str, *, among_ids: bool) -> bool:
    """Is this the heading of a part ("Keep these:"), among names one that can't be a name itself?"""
    key = name_key(alone[:_LONGEST_HEADING])
    words = re.findall(r"[^\W_]+(?:['’][^\W_]+)?", key)
    heads = bool(DECIDES.search(key)) and all(BESIDE.fullmatch(word) or DECIDES.match(word) for word in words)
    return heads or alone.endswith(":") or (among_ids and bool(BEGINS_PART.match(key)))


def _is_other_header(cells: Sequence[str], heads: Sequence[str]) -> bool:
    # Few cells end so, and only those are looked at closely.
    named = any(cell[-2:].lower() == "id" and len(cell) < _ID_LENGTH and plain(cell) in ID_WORDS for cell in cells)
    return named and [*cells] != [*heads] and known_headers(cells) > 0


def _trimmed(cells: Sequence[str]) -> tuple[str, ...]:
    bare = [cell.strip().strip(INVISIBLE).strip() for cell in cells]
    while bare and not bare[-1]:
        bare.pop()
    return tuple(bare)


def _names(heads: Sequence[str]) -> tuple[str, ...]:
    short = [one_line(head, 60) for head in heads]
    times = Counter(short)
    return tuple(
        head if head and times[head] == 1 else f"{head} (column {place})" if head else f"column {place}"
        for place, head in enumerate(short, start=1)
    )


def _header(rows: Sequence[Row]) -> int | None:
    """Where the header stands: the first row that names a column of customers, else the first whole one above the ids."""
    width = Counter(len(row.cells) for row in rows).most_common(1)[0][0] if rows else 0
    with_ids = next((place for place, row in enumerate(rows) if any(map(id_in, row.cells))), None)
    above = list(enumerate(rows[: min(_TITLES, len(rows) if with_ids is None else with_ids)]))
    for place, row in above:
        if sum(map(bool, row.cells)) >= min(2, width) and known_headers(row.cells):
            return place
    if with_ids is None or width < 2:
        return None
    return next(
        (
            place
            for place, row in above
            if len(row.cells) >= width and all(row.cells) and not any("cus_" in cell.casefold() for cell in row.cells)
        ),
        None,
    )


def some(names: Sequence[str], width: int = 40) -> str:
    """The first dozen of these for a sentence, each in so many characters, and how many more there are."""
    more = f" and {len(names) - _TOLD:,} more" if len(names) > _TOLD else ""
    return ", ".join(one_line(name, width) for name in names[:_TOLD]) + more
