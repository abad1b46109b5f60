"""Lists as colleagues send them, and whom a person means. In the files the last digit of each (made-up) id tells it apart."""

from pathlib import Path

from lib.customers.lists.columns import choose
from lib.customers.lists.read import read
from lib.customers.lists.report import listed

_FOLDER = Path(__file__).parent / "cases"
_LETTERS = "abcdef"

#: File, the options that it needs, whom it means then; None where a person has to be asked first.
CASES = [
    ("commented-lines.txt", {}, "abf"),
    ("sep-line-two-id-columns.csv", {}, "ac"),
    ("old-and-new-id.csv", {}, None),
    ("old-and-new-id.csv", {"column": "id"}, "ac"),
    ("old-and-new-id.csv", {"column": "Customer ID"}, "bd"),
    ("decision-column.csv", {}, None),
    ("decision-column.csv", {"where": [("decision", "deactivate")]}, "ad"),
    ("decision-column.csv", {"where": [("decision", "*")]}, "abcd"),
    ("api-page.json", {}, "ac"),
]


def filled(name, ids):
    """A case with these six ids in place of its own, and by letter those that it then means."""
    body = (_FOLDER / name).read_bytes()
    for letter, customer_id in zip(_LETTERS, ids, strict=True):
        body = body.replace(f"cus_1{letter:0>31}".encode(), customer_id.encode())
    return body


def meant(letters, ids):
    return [ids[_LETTERS.index(letter)] for letter in letters]


def says(source, sheet="", **options):
    """What each row of a list says: an id, a name, or what it came to without either."""
    table = read(source, sheet)
    return [row.kind or row.customer_id or row.name for row in listed(table, choose(table, **options))]
