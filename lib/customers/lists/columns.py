"""Which column of a list holds the customers, and which rows are meant: certain, or asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lib.avara.text import one_line
from lib.customers.lists.table import Table, name_key, some
from lib.customers.lists.words import ANSWERS, DECIDES, DECISION_WORDS, ID_WORDS, MARKS, NAME_WORDS, NOTHING
from lib.errors import ListUnclear

#: Stands for every value of a column, unless the column has this very value.
ANY = "*"
_API_ID, _API_NAME = "expresscustomerid", "expresscustomername"
#: Columns of the API's records and our exports: facts that were read, not what somebody decided.
_FACTS = re.compile("expresscustomer(id|name)|isactive|usercount|(created|updated)(at|by|byuserid|byapikeyid)|metadata.*")
#: Between the words of a header: "toDeactivate", "review_status".
_NEXT_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W_]+")


@dataclass(frozen=True)
class Choice:
    """What is meant of a table. In a row the first of `columns` that has something tells the customer.

    `where`: columns and, for each, the values (as `name_key` writes them) of the rows that are meant.
    """

    columns: tuple[int, ...]
    where: tuple[tuple[int, frozenset[str]], ...] = ()


@dataclass(frozen=True)
class Decision:
    """A column that looks like a decision, with its values and how many rows have each."""

    place: int
    name: str
    values: tuple[tuple[str, int], ...]


def certain(table: Table) -> int | None:
    """The column that holds the customers where only one can: the API's own, the only one with ids under a header that says
    so or under none, the only one with names. None where a person has to say.
    """
    if len(table.names) == 1:
        return 0
    with_ids = [column.place for column in table.columns if column.ids]
    if table.headers.count(_API_ID) == 1:
        return table.headers.index(_API_ID)
    if len(with_ids) == 1 and (not any(table.headers) or table.headers[with_ids[0]] in ID_WORDS | NAME_WORDS):
        return with_ids[0]
    return None if with_ids else _names(table)


def decisions(table: Table, customers: int) -> tuple[Decision, ...]:
    """The columns beside that of the customers which look as if somebody had written down what is meant."""
    found = []
    for column in table.columns:
        if column.place in (customers, _names(table)) or _FACTS.fullmatch(table.headers[column.place]):
            continue
        counts: dict[str, list[tuple[str, int]]] = {}
        for value, number in column.values:
            counts.setdefault(name_key(value), []).append((value, number))
        header = " ".join(_NEXT_WORD.split(column.name))
        headed = not DECISION_WORDS.isdisjoint(map(name_key, header.split())) or bool(DECIDES.search(name_key(header)))
        # Too many to be chosen from, but what it is about is decided in it all the same.
        many = headed and column.texts > 0 and not column.values
        if many or (any(counts) and (headed or _decide(counts))):
            values = tuple((alike[0][0], sum(number for _, number in alike)) for alike in counts.values())
            found.append(Decision(column.place, column.name, values))
    return tuple(found)


def _decide(values: Collection[str]) -> bool:
    """Do these values (as `name_key` writes them) say what is to become of each row: in words, or by marks?"""
    said = [bare for value in values if (bare := value.strip("[]() ")) not in NOTHING]
    if any(value.startswith("not ") or DECIDES.search(value) or ANSWERS.match(value) for value in said):
        return True
    marks = [value in MARKS or not any(map(str.isalnum, value)) for value in said]
    # The only row of a list may have the number 1, which is no mark.
    return bool(said) and all(marks) and (len(values) > 1 or not said[0].isdecimal())


def choose(table: Table, column: str = "", where: Iterable[tuple[str, str]] = ()) -> Choice:
    """What is meant, of the column `column` (empty: as the table says itself) and the rows whose columns have these values.

    Several values of one column mean any of them, `ANY` every one. Beside ids, a column that surely holds names tells the
    customers of rows without an id. Raises ListUnclear where a person has to say which column or which values count.
    """
    customers = _called(table, column, "column") if column else certain(table)
    if customers is None:
        held = [
            f"{one_line(one.name, 40)} ({one.ids:,} ids, {one.texts:,} other)" for one in table.columns if one.ids
        ] or table.names
        why = "More than one column could hold the customers" if len(held) > 1 else "It is not certain which column counts"
        raise ListUnclear(f"{why}: {some(held, width=100)}. Say which one does.", needs="column", among=table.names)
    meant: dict[int, set[str]] = {}
    for name, value in where:
        meant.setdefault(_called(table, name, "where"), set()).add(value if value == ANY else name_key(value))
    limits = []
    for place, values in meant.items():
        few = [value for value, _ in table.columns[place].values]
        there = set(map(name_key, few or [row.cell(place) for row in table.rows]))
        if ANY in values - there:
            continue
        if missing := values - there:
            none = f"No row has {some(sorted(missing))} in the column {one_line(table.names[place], 40)}"
            raise ListUnclear(f"{none}. It has: {some(sorted(there))}.", needs="where")
        limits.append((place, frozenset(values)))
    if open_ := [one for one in decisions(table, customers) if one.place not in meant]:
        said = [some([f"{value or None}: {count:,}" for value, count in one.values]) or "many values" for one in open_]
        told = [f"{one_line(one.name, 40)} ({values})" for one, values in zip(open_, said, strict=True)]
        raise ListUnclear(
            f"A column looks like a decision: {some(told, width=600)}. Say which of its values are meant.",
            needs="where",
            among=tuple(one.name for one in open_),
        )
    names = _names(table)
    return Choice((customers,) if names is None or names == customers else (customers, names), tuple(limits))


def described(table: Table, choice: Choice) -> str:
    """What was meant of a list, in words: "column id; decision: deactivate"."""
    limits = [f"{table.names[place]}: {' or '.join(sorted(values))}" for place, values in choice.where]
    return "; ".join([f"column {table.names[choice.columns[0]]}"] * (len(table.names) > 1) + limits)


def _names(table: Table) -> int | None:
    """The column that surely holds names of customers: the API's own, else the only one that says so and has no ids."""
    if table.headers.count(_API_NAME) == 1:
        return table.headers.index(_API_NAME)
    named = [column.place for column in table.columns if table.headers[column.place] in NAME_WORDS and not column.ids]
    return named[0] if len(named) == 1 else None


def _called(table: Table, name: str, needs: str) -> int:
    """The column of that name, as it is written or but for case and blanks."""
    if name in table.names:
        return table.names.index(name)
    alike = [place for place, there in enumerate(table.names) if name_key(there) == name_key(name)]
    if len(alike) != 1:
        raise ListUnclear(
            f"No column is called {one_line(name, 40)}. The columns are: {some(table.names)}.", needs=needs, among=table.names
        )
    return alike[0]
