"""The receipt to print: complete, and no name can become markup, a formula or a script."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from lib.journal.proof.chain import ChainCheck
from lib.people import Person
from lib.plans.model import Action, RunState, StepState
from lib.plans.plan import PlannedCustomer, Untouched
from lib.plans.words import said
from lib.receipts.export import prove
from lib.receipts.page import to_html
from tests.runs.fakes import NOW, ROBIN, customer, id_of, plan_of

HOSTILE = [
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    "\"><svg onload='alert(1)'>",
    "&lt;b&gt; & <!--",
    "\u202eevil\u2066",
    "tab\tnul\0escape\x1b[2J",
    "עברית <b>",
]
TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "thead", "tr", "th", "td", "br", "small"}


class Reader(HTMLParser):
    """The tags, the attributes and the text of a page, as a browser sees them."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.text = set(), set(), ""
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_data(self, data):
        self.text += data


def page_of(journal, names, check=None):
    records = [customer(number, name=name, metadata={name[:90]: name}) for number, name in enumerate(names, start=1)]
    planned = [
        PlannedCustomer(record=record, evidence=(f"filter: {record.name}", "0 users"), read_at=NOW) for record in records
    ]
    plan = plan_of(records, reason=names[0], ticket=names[-1], operator=names[1])
    run = journal.record(plan.model_copy(update={"customers": tuple(planned)}), NOW, who=ROBIN)
    run = journal.claim(run.id, owner="host:1:a", now=NOW, who=Person(names[0], "login"))
    for step, record in zip(journal.reads.steps(run.id), records, strict=True):
        begun = journal.steps.begin(step, owner="host:1:a", now=NOW, who=Person(names[0], "login"))
        after = record.model_copy(update={"is_active": False, "updated_at": NOW})
        journal.steps.settle(
            begun,
            StepState.VERIFIED,
            now=NOW,
            who=Person("R", "login"),
            after=after,
            status=200,
            request_id=names[0],
            seconds=1,
        )
    run = journal.end(run.id, RunState.FINISHED, words=said(names[0]), now=NOW, who=Person(names[0], "login"))
    proof = prove(journal, run.id)
    proof = replace(proof, chain=check or proof.chain)
    entries = journal.log.entries(run.id)
    return run, to_html(run, journal.reads.plan(run.id), journal.reads.every_step(run.id), entries, proof, made_at=NOW)


def test_hostile_names_stay_text(journal):
    page = page_of(journal, HOSTILE)[1]
    seen = Reader(page)
    assert seen.tags <= TAGS | {"code", "bdi", "span", "div"}
    assert seen.attributes <= {"lang", "charset", "http-equiv", "content", "class"}
    for name in HOSTILE:
        assert "".join("\N{REPLACEMENT CHARACTER}" if char in "\t\0\x1b" else char for char in name) in seen.text
    assert "\0" not in seen.text
    assert "\x1b" not in seen.text
    assert page.count(b"<bdi>") == page.count(b"</bdi>") > 0


def test_the_page_tells_who_what_when_why_and_each_step(journal):
    run, page = page_of(journal, ["Contract ended", "Robin", "OPS-7"])
    seen = Reader(page).text
    for told in (
        run.id,
        run.plan_hash,
        "Robin",
        "Contract ended",
        "OPS-7",
        "2026-03-01 12:00:00 UTC",
        "Deactivate 3 customers",
    ):
        assert told in seen
    assert all(id_of(number) in seen for number in (1, 2, 3))
    assert seen.count("status: active") == seen.count("status: inactive") == 3
    assert page.count(b'<span class="changed">status: inactive</span>') == 3
    assert all(f"filter: {name}0 usersread 2026-03-01 12:00:00 UTC" in seen for name in ("Contract ended", "Robin", "OPS-7"))
    assert journal.log.verify_chain().head in seen
    assert "all 9 entries hold together" in seen
    assert all(event in seen for event in ("plan", "finish"))


def test_the_counts_stand_for_every_state_and_add_up(journal):
    run, page = page_of(journal, ["a", "b", "c"])
    before_the_log = page.decode().split("The log")[0]
    counts = [int(number) for number in re.findall(r'class="n">([0-9,]+)<', before_the_log)]
    assert len(counts) == len(StepState) + 1
    assert sum(counts[:-1]) == counts[-1] == run.totals.total == 3


def test_the_receipt_of_an_undo_names_whom_it_left_alone_and_why(journal):
    run, _ = page_of(journal, ["a", "b", "c"])
    left = [Untouched(customer_id=id_of(number), why=f"Somebody changed {number}.") for number in (2, 3)]
    plan = plan_of([customer(1, is_active=False)], action=Action.REACTIVATE, undo_of=run.id, left_alone=left)
    undo = journal.record(plan, NOW, who=ROBIN)
    facts = (
        undo,
        journal.reads.plan(undo.id),
        journal.reads.every_step(undo.id),
        journal.log.entries(undo.id),
        prove(journal, undo.id),
    )
    seen = Reader(to_html(*facts, made_at=NOW)).text
    assert all(f"{id_of(number)}Somebody changed {number}." in seen for number in (2, 3))


def test_the_receipt_names_whom_the_review_left_out_and_the_log_holds_no_name_of_them(journal):
    out = [
        Untouched(customer_id=id_of(2), name="Clinic <b>2", why="Protected: its metadata says tier = “gold”."),
        Untouched(customer_id="", why="Not picked; dormant says yes.", number=214),
    ]
    run = journal.record(plan_of([customer(1)], set_aside=out), NOW, who=ROBIN)
    entries = journal.log.entries(run.id)
    page = to_html(
        run, journal.reads.plan(run.id), journal.reads.every_step(run.id), entries, prove(journal, run.id), made_at=NOW
    )
    seen = "".join(line.strip() for line in Reader(page).text.splitlines())
    assert f"Left out by the reviewClinic <b>2{id_of(2)}Protected: its metadata says tier = “gold”." in seen
    assert "214 customersNot picked; dormant says yes." in seen
    assert not any("gold" in entry.payload or "Clinic" in entry.payload for entry in entries)


@pytest.mark.parametrize(
    ("check", "sound"), [(ChainCheck(9, head="ab" * 32), True), (ChainCheck(4, 5, "Entry 5 <is> missing."), False)]
)
def test_a_log_that_does_not_hold_together_shows(journal, check, sound):
    seen = Reader(page_of(journal, ["a", "b"], check)[1]).text
    assert ("all 9 entries hold together" in seen) is sound
    assert ("does not hold together. Entry 5 <is> missing." in seen) is not sound


def test_the_page_fetches_and_runs_nothing(journal):
    page = page_of(journal, ["a", "b"])[1].decode()
    assert "default-src 'none'" in page
    assert not any(word in page for word in ("<script", "<link", "<img", "src=", "href=", "url(", "@import"))
