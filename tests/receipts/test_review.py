"""The review to be shown to somebody before anything happens: all of it, and no name can become markup or a formula."""

import io

import openpyxl

from lib.plans.evidence import seen_in
from lib.plans.model import Action
from lib.plans.plan import PlannedCustomer, Untouched
from lib.plans.review import review
from lib.plans.subject import Subject
from lib.plans.undo import Undo
from lib.receipts.review import Proposal, to_html, to_xlsx
from tests.receipts.test_page import HOSTILE, TAGS, Reader
from tests.runs.fakes import NOW, customer, id_of, judgement


def proposal_of(names):
    records = [customer(number, name=name, metadata={"note": name}, user_count=number) for number, name in enumerate(names, 1)]
    planned = [
        PlannedCustomer(record=record, evidence=(f"filter: {record.name}", "0 users"), read_at=NOW) for record in records
    ]
    out = tuple(
        Untouched(customer_id=id_of(99 + number), name=name, why=f"Changed since: {name}.") for number, name in enumerate(names)
    )
    return Proposal(
        Subject(review(planned, Action.DEACTIVATE, NOW), names[-1], undo=Undo("run_1", Action.DEACTIVATE, (), out)),
        {"Reason": names[0], "Ticket": "", "Picked by": names[-1]},
        ("note",),
    )


def test_the_page_tells_who_and_why_each_and_whom_it_leaves_out():
    page = Reader(to_html(proposal_of(["City Clinic", "Bay Imaging"]), NOW))
    for told in (
        *("Deactivate 2 customers: for review", "Made 2026-03-01 12:00:00 UTC. Nothing has been changed yet."),
        *("City Clinic", "filter: Bay Imaging", "Has 2 users", "0 users", id_of(1), id_of(100), "Changed since: City Clinic."),
    ):
        assert told in page.text
    assert page.text.index("Bay Imaging") < page.text.index("filter: City Clinic")  # those that need a look first
    assert "Ticket" not in page.text  # what does not apply


def test_the_page_counts_those_whose_studies_nobody_has_read():
    assert "Studies not read2" in Reader(to_html(proposal_of(["City Clinic", "Bay Imaging"]), NOW)).text.replace("\n", "")


def test_those_who_are_counted_only_count_as_many():
    out = (Untouched(customer_id="", why="Not picked.", number=542), Untouched(customer_id=id_of(9), why="Changed since."))
    subject = Subject(review([], Action.DEACTIVATE, NOW), "", undo=Undo("run_1", Action.DEACTIVATE, (), out))
    assert "Set aside543" in Reader(to_html(Proposal(subject, {}, ()), NOW)).text.replace("\n", "")


def test_no_name_becomes_markup_in_the_page():
    made = to_html(proposal_of(HOSTILE), NOW)
    page = Reader(made)
    assert page.tags <= TAGS | {"bdi", "code"}
    assert not {name for name in page.attributes if name.startswith("on") or name in ("src", "href")}
    assert "<script>alert(1)</script>" in page.text
    assert b"default-src 'none'" in made


def test_the_workbook_says_each_fact_in_one_column_and_nothing_that_is_empty_for_all():
    record = customer(1, user_count=0)
    evidence = ("Ticked in the table, filter: active", *seen_in(record, NOW))
    reviewed = review([PlannedCustomer(record=record, evidence=evidence, read_at=NOW)], Action.DEACTIVATE, NOW)
    proposal = Proposal(Subject(reviewed, "active"), {"Reason": "Closed", "Ticket": ""}, ("region", "tier"), NOW)
    header, row = openpyxl.load_workbook(io.BytesIO(to_xlsx(proposal, NOW))).active.iter_rows(values_only=True)
    told = dict(zip(header, row, strict=True))
    assert list(told) == [
        *("customer id", "name", "planned", "evidence", "users", "updated (UTC)", "created (UTC)", "read (UTC)"),
        *("metadata.region", "reason", "made"),
    ]
    assert (told["evidence"], told["users"]) == ("Ticked in the table, filter: active", 0)
    assert "Customers read" in Reader(to_html(proposal, NOW)).text


def test_the_review_tells_what_the_rule_set_said_of_each_and_which_one_exactly():
    judged = judgement(rules="<b>dormant</b>")
    planned = PlannedCustomer(record=customer(1), evidence=("Picked by a rule set",), read_at=NOW, judgement=judged)
    proposal = Proposal(Subject(review([planned], Action.DEACTIVATE, NOW), "dormant"), {})
    page = Reader(to_html(proposal, NOW))
    assert page.tags <= TAGS | {"code"}
    assert f"<b>dormant</b> ({judged.hash})" in page.text
    assert "No users; never a studyjudged by <b>dormant</b>no users: yes" in page.text
    header, row = openpyxl.load_workbook(io.BytesIO(to_xlsx(proposal, NOW))).active.iter_rows(values_only=True)
    told = dict(zip(header, row, strict=True))
    assert (told["rule set"], told["rule set says"]) == ("<b>dormant</b>", "yes, no users; never a study")
    assert (told["answers"], told["rule set hash"]) == ("no users: yes (no users)", judged.hash)


def test_the_workbook_has_a_row_for_everyone_that_stands_alone():
    sheet = openpyxl.load_workbook(io.BytesIO(to_xlsx(proposal_of(["City Clinic", "=1+1"]), NOW))).active
    header, *rows = sheet.iter_rows(values_only=True)
    table = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["name"].lstrip("'"), row["planned"]) for row in table] == [
        *(("=1+1", "yes"), ("City Clinic", "yes")),
        *(("City Clinic", "no: Changed since: City Clinic."), ("=1+1", "no: Changed since: =1+1.")),
    ]
    assert [row["users"] for row in table[:2]] == [2, 1]
    assert table[1]["evidence"] == "filter: City Clinic; 0 users"
    assert table[1]["metadata.note"] == "City Clinic"
    assert {row["reason"] for row in table} == {"City Clinic"}
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
