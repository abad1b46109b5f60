"""Rule sets on Customers: asked, changed, saved, picked by, explained."""

from __future__ import annotations

import json
from typing import Any

import pytest
import streamlit as st

from lib.avara.text import count
from lib.evidence import editing
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import AllOf, Answer, HasMetadata, LikelyDuplicate, Not, OlderThan
from lib.plans.evidence import Way
from lib.ui.evidence import editor
from tests import message
from tests.pages.world import Session, World

CUSTOMERS = 250
DORMANT = next(one for one in PRESETS if one.name == "dormant")
EXPLAINED = "What each question answers"


@pytest.fixture
def page(world: World) -> Session:
    world.sandbox(CUSTOMERS)
    return world.open()


def choice(page: Session) -> Any:
    return next(one for one in page.at.selectbox if (one.key or "").startswith("customers_rules:"))


def ask(page: Session, rules: RuleSet = DORMANT) -> Session:
    choice(page).set_value(rules.label)
    return page.run()


def read_studies(world: World, page: Session) -> Session:
    """Of everybody, as a reading that is done left them."""
    resources = world.resources
    resources.evidence.reading.read(list(resources.loads.frame().rows["id"]))
    return page.run()


def answers(page: Session) -> set[str]:
    return {cell.split(":")[0] for cell in page.rows["candidate"]}


def test_a_rule_set_answers_unknown_before_studies_are_read_and_narrows_orders_and_picks_by_what_they_say(
    world: World, page: Session
) -> None:
    assert "candidate" not in page.rows
    ask(page)
    assert "dormant: 0 yes" in page.plain
    assert answers(page) <= {"unknown", "no", ""}
    page.act("sort", column="candidate")
    assert page.rows["candidate"][0] == "unknown: its studies were not read"
    read_studies(world, page)
    page.widget("candidate").set_value(["yes"])
    page.run()
    assert answers(page) == {"yes"}
    assert "never" in set(page.rows["newest_study"])
    found = page.rows["id"].tolist()
    page.press("pick_all")
    picked = page.at.session_state["picks"]
    assert set(picked) == set(found)
    for how in picked.values():
        assert (how.way, how.filter_text, how.judgement.answer) == (Way.ALL, f"candidate: yes by {DORMANT.label}", "yes")
        assert how.judgement.activity is not None


@pytest.mark.parametrize("answer", ["yes", "no", "unknown"])
def test_whoever_is_ticked_under_a_rule_set_is_told_as_ticked_and_carries_what_it_says_whatever_that_is(
    world: World, page: Session, answer: str
) -> None:
    ask(page)
    if answer != "unknown":
        read_studies(world, page)
    page.widget("candidate").set_value([answer])
    page.run().act("pick", 0)
    (picked,) = page.at.session_state["picks"].values()
    assert (picked.judgement.answer, picked.judgement.rules) == (answer, DORMANT.label)
    assert picked.chosen == f"Ticked in the table, filter: candidate: {answer} by {DORMANT.label}"


def test_a_pick_made_before_the_rules_were_asked_gets_what_they_say_when_it_is_picked_with_them(page: Session) -> None:
    page.act("pick", 0)
    ask(page).press("pick_all")
    first, *others = page.at.session_state["picks"].values()
    assert (first.way, first.filter_text) == (Way.TICKED, "all customers")
    assert {one.judgement.rules for one in [first, *others] if one.judgement} == {DORMANT.label}
    assert first.judgement is not None


def test_the_address_has_the_rule_set_and_opens_it_elsewhere_and_a_saved_view_does(world: World, page: Session) -> None:
    ask(page)
    read_studies(world, page)
    page.widget("candidate").set_value(["yes", "unknown"])
    page.widget("no_study_from").set_value("2025-01-01")
    page.run().act("sort", column="newest_study")
    link = dict(page.at.query_params)
    assert link["rules"] == f"dormant-{DORMANT.hash[:8]}"
    ids = page.rows["id"].tolist()
    assert world.open("customers", **link).rows["id"].tolist() == ids
    own = DORMANT.with_days(100).model_copy(update={"name": "Asleep in Łódź"})
    page.press("rules_change")
    page.at.get("file_uploader")[0].set_value(("rules.json", own.to_json(), "application/json"))
    page.run().press("rules_ask")
    link = dict(page.at.query_params)
    assert [*link] == ["view"]
    there = world.open("customers", **link)
    assert choice(there).value == own.label
    assert there.rows["id"].tolist() == page.rows["id"].tolist() != ids
    assert "nothing is shown" in world.open("customers", rules="dormant-00000000").plain


def test_leaving_the_rules_leaves_what_only_they_can_say(page: Session) -> None:
    ask(page)
    page.widget("candidate").set_value(["unknown"])
    page.run().act("sort", column="candidate")
    choice(page).set_value("")
    page.run()
    assert dict(page.at.query_params) == {}
    assert f"{CUSTOMERS} of {CUSTOMERS} customers" in page.plain


def test_what_nobody_can_tell_is_offered_and_shown_instead(world: World, page: Session) -> None:
    page.widget("study_from").set_value("2020-01-01")
    page.run()
    assert "0 of 250 customers" in page.plain
    assert "250 more would match, but their studies are unknown" in page.plain
    page.press("studies_unknown")
    assert "250 of 250 customers" in page.plain
    assert "studies unknown" in page.plain


def test_rules_are_changed_question_by_question_saved_under_a_name_and_offered_to_everybody(
    world: World, page: Session
) -> None:
    ask(page).press("rules_change")
    page.widget("rules_days").set_value(200)
    page.run().widget("rules_grace").set_value(30)
    page.run()
    assert "dormant (changed)" in page.plain
    for kind in ("Metadata", "Likely duplicate"):
        page.at.selectbox(key="rules_added").set_value(kind)
        page.run().press("rules_add")
    page.widget("rules_question:3:key").set_value("region")
    page.run().widget("rules_question:3:matches").set_value("(")
    page.run()
    assert "This can't be used: matches: is no pattern" in page.plain
    page.widget("rules_question:3:matches").set_value("^w")
    page.run().widget("rules_question:3:not").set_value(True)
    page.run().widget("rules_question:4:likeness").set_value(80)
    page.run().press("rules_remove_0").press("rules_remove_0")
    for name, said in (("dormant", "is the name of a preset"), (" ", "Give these rules a name")):
        next(one for one in page.at.text_input if one.label == "Save as").set_value(name)
        page.press("rules_save")
        assert said in page.plain
    next(one for one in page.at.text_input if one.label == "Save as").set_value("West  asleep")
    page.press("rules_save")
    expected = AllOf(
        rules=(OlderThan(days=30), Not(rule=HasMetadata(key="region", matches="^w")), LikelyDuplicate(likeness=80))
    )
    kept = world.resources.workspace.find_rule_set("West asleep")
    assert (kept.version, kept.rule, kept.author) == (1, expected, world.resources.operator.name)
    assert not page.at.get("dialog")
    colleague = world.open()
    choice(colleague).set_value(kept.label)
    assert choice(colleague.run()).value == kept.label
    page.press("rules_change").widget("rules_grace").set_value(60)
    page.run().press("rules_save")
    assert world.resources.workspace.find_rule_set("West asleep").version == 2
    assert choice(colleague.run()).value == kept.label  # a version stays what it is


def test_rules_are_asked_and_saved_as_changed_right_before_the_click_and_a_name_that_is_typed_stays(
    world: World, page: Session
) -> None:
    ask(page).press("rules_change")
    page.widget("rules_days").set_value(200)
    page.press("rules_ask")  # one message brings both
    assert "dormant (changed)" in choice(page).value
    page.press("rules_change")
    assert page.widget("rules_days").value == 200
    field = _name(page).id
    page.widget("rules_days").set_value(300)
    page.run()
    assert _name(page).id == field  # so that the browser leaves what is being typed, and the focus, where they are
    _name(page).set_value("Asleep")
    page.widget("rules_grace").set_value(31)
    page.press("rules_save")
    kept = world.resources.workspace.find_rule_set("Asleep")
    assert kept.rule == editing.with_grace(DORMANT.with_days(300).rule, 31)


def _name(page: Session) -> Any:
    return next(one for one in page.at.text_input if one.label == "Save as")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"name": "x", "rule": {"kind": "no_pets"}}', json.dumps([1]).encode()])
def test_a_file_that_holds_no_rules_is_refused_in_words_and_changes_nothing(page: Session, body: bytes) -> None:
    page.press("rules_change")
    page.at.get("file_uploader")[0].set_value(("rules.json", body, "application/json"))
    page.run()
    assert "This file holds no rules that can be used" in page.plain
    assert "A customer for longer than 90 days" in page.plain  # the ones it began with


@pytest.mark.parametrize("way", ["opened", "imported"])
def test_rules_are_opened_and_imported_although_the_next_message_ends_the_callback(
    world: World, page: Session, way: str
) -> None:
    own = DORMANT.with_days(123).model_copy(update={"name": "Asleep"})
    world.resources.workspace.save_rule_set(own, who=world.resources.operator)
    world.resources.rule_sets.forget()
    page.press("rules_change")
    if way == "opened":
        older = next(one for one in page.at.selectbox if one.label.startswith("Open one of"))
        older.select_index(0)
    else:
        page.at.get("file_uploader")[0].set_value(("rules.json", own.to_json(), "application/json"))
    message.comes_before(world.patch, editor, "_hold")
    assert page.run().widget("rules_days").value == 123
    page.widget("rules_days").set_value(77)
    assert page.run().run().widget("rules_days").value == 77  # nothing is opened or imported again


def test_why_rules_can_not_be_used_is_told_until_something_else_is_tried(world: World, page: Session) -> None:
    page.press("rules_change")
    page.at.get("file_uploader")[0].set_value(("rules.json", b"{}", "application/json"))
    message.comes_before(world.patch, st, "error")  # which ends the drawing that would tell it
    assert "This file holds no rules that can be used" in page.run().plain
    page.widget("rules_unknown").set_value(True)
    assert "This file holds no rules that can be used" not in page.run().plain


def test_unknown_counts_only_where_the_analyst_says_so_and_each_pick_says_it(page: Session) -> None:
    ask(page).press("rules_change").widget("rules_unknown").set_value(True)
    page.run()
    assert "taken for yes although unknown" in page.plain
    page.press("rules_ask")
    assert "unknown counts as yes" in page.plain
    page.widget("candidate").set_value(["yes"])
    page.run().press("pick_all")
    picked = page.at.session_state["picks"].values()
    assert picked
    assert all("taken for yes although unknown" in how.judgement.words for how in picked)


def test_the_record_says_what_stands_in_the_way_and_reads_the_one_customers_studies(world: World, page: Session) -> None:
    ask(page).act("sort", column="candidate").act("open", 0)
    assert "Nobody can tell by dormant, version 1" in page.plain
    assert "What stands in the way: its studies were not read" in page.plain
    assert page.rows_of(EXPLAINED)["Answer"].tolist() == ["? unknown", "✓ yes", "✓ yes"]
    page.press("read_studies")
    assert "? unknown" not in page.rows_of(EXPLAINED)["Answer"].tolist()
    assert not page.offers("read_studies")
    assert len(world.resources.evidence.reading.known) == 1


def test_the_review_opens_each_customer_with_what_the_rules_say_of_it(world: World, page: Session) -> None:
    ask(page)
    read_studies(world, page)
    page.act("sort", column="candidate").act("pick", 0, 1)
    review = page.go("deactivate")
    review.act("open", 0, label="Customers under review")
    assert "A candidate by dormant, version 1. " in review.plain
    assert review.rows_of(EXPLAINED)["Answer"].tolist() == ["✓ yes"] * 3


def test_after_reading_a_line_says_how_many_candidates_that_made_until_something_else_is_on_show(
    world: World, page: Session
) -> None:
    ask(page)
    page.at.session_state["studies"] = True
    page.run().press("studies_read").until(lambda _: world.resources.evidence.reading.under_way is None).run()
    judged = world.resources.evidence.judged(DORMANT, world.resources.loads.frame())
    yes, unknown = (len(judged.having(answer)) for answer in (Answer.YES, Answer.UNKNOWN))
    active = int(world.resources.loads.frame().rows["is_active"].sum())
    assert f"Read: {count(active, 'customer')}; {count(yes, 'candidate')} among them, {unknown} unknown" in page.plain
    page.widget("candidate").set_value(["yes"])
    assert "Read: " not in page.run().plain
    assert not [button.label for button in page.at.button if button.key.startswith("chip_")], "its pill says it"


def test_a_record_says_why_before_what_else_there_is_of_it(page: Session) -> None:
    ask(page)
    page.act("open", 0)
    parts = [one.value for one in page.at.subheader]
    assert parts == ["Studies", "Record", "Runs of this customer"]
