"""What becomes of the rows of a list: exactly one thing each, and nobody is found that is not meant for sure."""

import csv
import io
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.customers.frame import CustomerFrame, build
from lib.customers.lists.columns import choose
from lib.customers.lists.read import read
from lib.customers.lists.report import Kind, listed, look_up, take, to_csv
from lib.errors import ListUnclear
from tests.customers.records import an_id, customer

A, B, C, D, E = (an_id(number) for number in range(0xA, 0xF))
LACKING = an_id(0xFF)
PEOPLE = [
    customer(0xA, name="St. Mary's Hospital"),
    customer(0xB, name="North Clinic", is_active=False),
    customer(0xC, name="Ｅast  CLINIC"),
    customer(0xD, name="Twin Imaging"),
    customer(0xE, name="twin imaging"),
]
FRAME = build(PEOPLE)


def report(text, **options):
    already = options.pop("already", None)
    table = read(text)
    return look_up(listed(table, choose(table, **options)), FRAME, already=already)


@pytest.mark.parametrize(
    ("beside", "kind"),
    [
        *[(f"{mark} North Clinic", Kind.ILL_FORMED) for mark in ("#", "//", "--", "<!--", "~~")],
        *[(beside, Kind.FOUND) for beside in ("North Clinic", "#1 North Clinic", "--", "//")],
    ],
)
def test_a_row_that_was_taken_out_in_front_of_its_name_picks_nobody(beside, kind):
    assert [entry.kind for entry in report(f"name,id\n{beside},{B}\nx,{A}\n").entries] == [kind, Kind.FOUND]
    assert [entry.kind for entry in report(f"ward,id\n{beside},{B}\nEast,{A}\n").entries] == [kind, Kind.FOUND]


def test_a_name_that_begins_as_what_is_taken_out_is_none_where_it_is_the_customer_s_own():
    frame = build([customer(0xA, name="# One")])
    assert take(f"name,id\n# One,{A}\n", lambda: frame).report.found == (A,)


@pytest.mark.parametrize(
    ("line", "kind", "ids"),
    [
        (A, Kind.FOUND, [A]),
        (A.upper(), Kind.FOUND, [A]),
        (LACKING, Kind.UNKNOWN, []),
        ("st. mary's  HOSPITAL", Kind.FOUND, [A]),
        ("\u200bEast Clinic", Kind.FOUND, [C]),
        ("Twin Imaging", Kind.SEVERAL, [D, E]),
        ("Hospital, Saint Marys", Kind.NEAR, [A]),
        ("North Klinic", Kind.NEAR, [B]),
        ("Twin Imagin", Kind.NEAR, [D, E]),
        ("Somewhere else", Kind.UNKNOWN, []),
        ("# East Clinic", Kind.ILL_FORMED, []),
        (f"East Clinic {C}", Kind.ILL_FORMED, []),
        ("x" * 300, Kind.ILL_FORMED, []),
        (f"{A[:-1]}ſ", Kind.ILL_FORMED, []),
        (A[:-1] + "１", Kind.ILL_FORMED, []),
        ("cuſ_" + A[4:], Kind.ILL_FORMED, []),
    ],
)
def test_an_id_comes_before_a_name_and_only_a_name_of_exactly_one_finds_it(line, kind, ids):
    (entry,) = report(f"{line}\n").entries
    assert (entry.kind, list(entry.ids)) == (kind, ids)
    assert bool(entry.scores) == (kind is Kind.NEAR)


@pytest.mark.parametrize(
    ("text", "options", "kinds"),
    [
        (f"{A}\n{A.upper()}\nst. mary's hospital\n{LACKING}\n{LACKING}", {}, "found repeated repeated unknown repeated"),
        ("Nowhere\nNOWHERE\nTwin Imaging\nTwin imaging", {}, "unknown repeated several repeated"),
        (f"id,decision\n{A},keep\n{A},close\n{C},close", {"where": [("decision", "close")]}, "not_meant disputed found"),
        (f"id,name\n{A},North Clinic\n{A},\n{C},Renamed since", {}, "disputed disputed found"),
        (f"id,name\n{D},Twin Imaging\n,North Clinic\n,\n", {}, "found found"),
        (f"id,note\n{A},x\n,only a note", {}, "found empty"),
    ],
)
def test_rows_that_say_the_same_or_the_opposite_of_others_are_told(text, options, kinds):
    assert " ".join(entry.kind.name.lower() for entry in report(text, **options).entries) == kinds


@pytest.mark.parametrize(
    "text",
    [
        f"id,to_deactivate\n{A},1\n{B},0",
        f"id,FINAL_DECISION\n{A},go\n{B},wait",
        f"id,selected\n{A},TRUE\n{B},FALSE",
        f"id,toDeactivate\n{A},1\n{B},0",
        f"id,x\n{A},✓\n{B},✗",
        f"id,Entscheidung\n{A},deaktivieren\n{B},behalten",
        f"id,décision\n{A},à garder\n{B},à désactiver",
        f"id,comment\n{A},please keep\n{B},",
        f"id,Massnahme\n{A},Schließen\n{B},bleibt",
        f"id,À désactiver\n{A},oui\n{B},non",
        f"id,Desactivar\n{A},sí\n{B},no",
        f"id,Da chiudere\n{A},sì\n{B},no",
        f"id,Desativar\n{A},1\n{B},2",
        f"id,x\n{A},sim\n{B},não",
        f"id,x\n{A},WAHR\n{B},FALSCH",
        f"id,Beslut\n{A},stäng\n{B},vänta",
        f"id,Decyzja\n{A},usunąć\n{B},tak",
        f"id,Include\n{A},1\n{B},",
        f"id,x\n{A},1\n{B},0",
        f"id,x\n{A},\n{B},!",
        f"id,x\n{A},[x]\n{B},[ ]",
        f"id,x\n{A},👍\n{B},👎",
        f'id,comment\n{A},yes\n{B},"no, still used"',
        f"id,comment\n{A},\n{B},excluded by Kim",
        f"id,comment\n{A},\n{B},on hold",
        f"id,comment\n{A},\n{B},must not be touched",
        f"id,comment\n{A},\n{B},please don’t",
        "id,decision\n" + "".join(f"{an_id(number)},keep until {number}\n" for number in range(60)),
    ],
)
def test_what_looks_like_a_decision_however_it_is_written_is_asked_about(text):
    with pytest.raises(ListUnclear) as asked:
        report(text)
    assert asked.value.needs == "where"
    assert report(text, where=[(asked.value.among[0], "*")]).counts[Kind.NOT_MEANT] == 0


@pytest.mark.parametrize(
    "text",
    [
        f"no,id\n1,{A}",
        f"no,id\n1,{A}\n2,{C}",
        f"id,note\n{A},-\n{C},",
        f"id,town\n{A},Nottingham\n{C},Normal",
        f"id,beds\n{A},120\n{C},0",
        f"id,street\n{A},No. 12 High Street\n{C},Yesler Way",
    ],
)
def test_what_is_no_decision_is_not_asked_about(text):
    assert report(text).found[0] == A


def test_an_id_beside_a_name_that_only_others_have_is_disputed():
    assert [entry.kind for entry in report(f"id,name\n{A},Twin Imaging\n{C},East Clinic").entries] == [
        Kind.DISPUTED,
        Kind.FOUND,
    ]


def test_those_already_as_asked_are_set_aside_once_asked_for():
    assert report(f"{A}\n{B}", already=False).found == (A,)
    assert report(f"{A}\n{B}", already=False).counts == {Kind.FOUND: 1, Kind.ALREADY: 1}
    assert report(f"{A}\n{B}").found == (A, B)


_SAID = st.sampled_from([A, B, A.upper(), LACKING, "", "North Clinic", "Twin Imaging", "St Mary", f"see {C}", "# x", "n/a"])


@given(
    st.lists(
        st.tuples(
            _SAID, st.sampled_from(["", "North Clinic", "Twin Imaging", "n/a"]), st.sampled_from(["keep", "close", "Close"])
        ),
        min_size=1,
        max_size=12,
    )
)
def test_a_report_adds_up_to_the_rows_and_finds_nobody_that_no_cell_says(rows):
    text = "id;name;decision\n" + "\n".join(";".join(row) for row in rows)
    if not any(said == "close" for *_, said in rows):
        text += "\n;;close"
        rows = [*rows, ("", "", "close")]
    made = report(text, where=[("decision", "CLOSE")])
    assert len(made.entries) == made.counts.total() == len(rows)
    assert len(set(made.found)) == len(made.found) == made.counts[Kind.FOUND]
    for row, entry in zip(rows, made.entries, strict=True):
        if entry.kind is Kind.FOUND:
            assert row[2].lower() == "close"
            assert entry.ids[0] in (row[0].lower(), {"North Clinic": B}.get(row[0]), {"North Clinic": B}.get(row[1]))
    lines = list(csv.reader(io.StringIO(to_csv(made, FRAME.records).decode("utf-8-sig"), newline="")))[1:]
    assert list(dict.fromkeys(line[0] for line in lines)) == [str(entry.line) for entry in made.entries]


def test_no_customers_are_asked_for_where_a_list_has_nothing_but_ids():
    def nobody():
        raise AssertionError

    assert take(f"{A}\n{B}", nobody).report.found == (A, B)


def test_a_report_opens_in_a_spreadsheet_without_running_anything():
    assert b'"\'=1+1"' in to_csv(report("=1+1"), FRAME.records)


def test_a_hundred_thousand_names_are_looked_up_in_a_hundred_thousand_and_a_bound_is_told():
    numbers = np.arange(100_000)
    rows = build([customer(1)]).rows.take(numbers * 0).reset_index(drop=True)
    rows["id"] = [an_id(number) for number in numbers]
    rows["name"] = [f"Hospital of district {number:05} " for number in numbers]
    frame = CustomerFrame.of(rows, build([]).metadata)
    names = [f"Hospital of District {number:05}" for number in range(90_000)] + [
        f"Nobody's {number}" for number in range(9_999)
    ]
    began = time.process_time()
    made = take("\n".join([*names, "Hospital of distrikt 12345x"]), lambda: frame).report
    assert time.process_time() - began < 60
    assert made.counts[Kind.FOUND] == 90_000
    assert made.not_compared == 10_000 - 500
