"""Two pairs of eyes: which runs need a second person, who may be that, and when their word counts."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from lib.people import People, Person, by_login
from lib.plans.approval import Amount, ApprovalRules, Said, Standing, Word, needs_approval, why_not, why_not_by
from lib.plans.model import Action
from lib.plans.policy import Policy
from tests.runs.fakes import NOW, customer

SIZES = ApprovalRules(from_customers=10, from_users=50, from_percent=5)
HASH = "a" * 64
KIM, ROBIN, SASHA = (Person(name, "by login") for name in ("kim@example.com", "robin@example.com", "sasha@example.com"))
ASKED = Word(Said.ASKED, ROBIN, NOW, why=("it has 10 customers",))
GIVEN = Word(Said.GIVEN, KIM, NOW, plan_hash=HASH, until=NOW + timedelta(hours=24))
REFUSED = Word(Said.REFUSED, KIM, NOW, words="Two of them still read")


def standing(*words):
    made = Standing(HASH, (ROBIN.name,)).after(ASKED)
    for word in words:
        made = made.after(word)
    return made


def given(**fields):
    return Word(**{**vars(GIVEN), **fields})


@pytest.mark.parametrize(
    ("rules", "amount", "words"),
    [
        (ApprovalRules(), Amount(Action.DEACTIVATE, 500, 1000, 0, 500), []),  # nothing asks unless somebody said so
        (SIZES, Amount(Action.DEACTIVATE, 9, 49, 0, 1000), []),
        (SIZES, Amount(Action.DEACTIVATE, 10, 0, 0, 1000), ["10 customers"]),
        (SIZES, Amount(Action.DEACTIVATE, 1, 50, 0, 1000), ["50 users"]),
        (SIZES, Amount(Action.DEACTIVATE, 5, 0, 0, 100), ["5 of the 100 active"]),
        (SIZES, Amount(Action.DEACTIVATE, 5, 0, 0, 101), []),
        (SIZES, Amount(Action.DEACTIVATE, 5, 0, 0, None), []),  # who has not counted can't start it either: NotCounted
        (SIZES, Amount(Action.REACTIVATE, 5, 0, 0, 100), []),
        (SIZES, Amount(Action.REACTIVATE, 10, 0, 0, 100), ["10 customers"]),
        (ApprovalRules(), Amount(Action.DEACTIVATE, 1, 0, 1, None), ["1 of its customers"]),
        (SIZES, Amount(Action.DEACTIVATE, 10, 50, 2, 100), ["10 customers", "50 users", "10 of the 100", "2 of its"]),
    ],
)
def test_a_run_needs_a_second_person_from_the_sizes_on_that_the_settings_say(rules, amount, words):
    told = needs_approval(rules, amount)
    assert len(told) == len(words)
    assert all(part in one for part, one in zip(words, told, strict=True))


def test_customers_that_the_settings_say_to_ask_for_are_not_protected_from_being_planned():
    policy = Policy.model_validate({"protected": {"ask": {"metadata": {"tier": "silver*"}}}})
    silver = customer(1, metadata={"Tier": "Silver plus"})
    assert policy.protected.ask.why(silver)
    assert not policy.protected.why(silver)
    assert not policy.without_approvals().protected.ask.why(silver)
    assert policy.hash != Policy().hash != Policy(approval=SIZES).hash


@pytest.mark.parametrize(
    "wrong",
    [
        {"from_customers": 0},
        {"from_percent": 101},
        {"hours": 0},
        {"alone": "yes"},
        {"webhook": "http://example.com/hook", "secret": "env:HOOK"},
        {"webhook": "https://example.com/hook"},
        {"webhook": "https://user:pass@example.com/hook", "secret": "env:HOOK"},
        {"secret": "hunter2"},
        {"link": "javascript:alert(1)"},
    ],
)
def test_settings_that_can_not_be_meant_are_refused(wrong):
    with pytest.raises(ValidationError):
        ApprovalRules.model_validate(wrong)


@pytest.mark.parametrize(
    ("words", "at", "who", "why"),
    [
        ((), 0, ROBIN, "waits for the approval of a second person: it has 10 customers"),
        ((GIVEN,), 0, ROBIN, ""),
        ((GIVEN,), 24 * 3600 - 1, ROBIN, ""),
        ((GIVEN,), 24 * 3600, ROBIN, "which is over"),
        ((given(at=NOW + timedelta(minutes=5)),), 0, ROBIN, ""),  # another server's clock
        ((given(at=NOW + timedelta(minutes=6)),), 0, ROBIN, "which is over"),  # of a time to come
        ((given(until=None),), 0, ROBIN, "which is over"),
        ((GIVEN,), 0, KIM, "so somebody else has to start it"),
        ((GIVEN,), 0, Person("KIM@Example.com ", ""), "so somebody else has to start it"),
        ((given(by=ROBIN),), 0, SASHA, "also planned"),
        ((given(by=Person("Robin@EXAMPLE.com", "")),), 0, SASHA, "also planned"),
        ((given(by=Person("robin@example.com\u200b", "")),), 0, SASHA, "also planned"),
        ((given(by=Person("rob in@example.com.", "")),), 0, SASHA, "also planned"),
        (
            (given(by=Person("other@example.com", "", mark="m1")),),
            0,
            Person("sasha@example.com", "", mark="m1"),
            "somebody else has",
        ),
        ((given(by=Person("other@example.com", "", mark="m1")),), 0, Person("sasha@example.com", "", mark="m2"), ""),
        ((given(plan_hash="b" * 64),), 0, ROBIN, "another plan"),
        ((given(plan_hash=""),), 0, ROBIN, "another plan"),
        ((REFUSED,), 0, ROBIN, "refused it at 2026-03-01 12:00 UTC: “Two of them still read”"),
        ((GIVEN, REFUSED), 0, ROBIN, "It can only be cancelled"),
        ((REFUSED, GIVEN), 0, ROBIN, "It can only be cancelled"),  # a refusal is for good
        ((given(until=NOW), given()), 0, ROBIN, ""),  # the last one counts
        ((GIVEN, given(until=NOW)), 0, ROBIN, "which is over"),
        ((given(by=ROBIN, alone=True),), 0, ROBIN, "a second person has to approve it"),
    ],
)
def test_an_approval_counts_for_its_plan_and_time_by_another_than_who_planned_or_starts_it(words, at, who, why):
    told = why_not(standing(*words), NOW + timedelta(seconds=at), alone=False, who=who)
    assert (why in told) if why else not told


@pytest.mark.parametrize(
    ("role", "approvers", "counts"),
    [
        (("group:leads",), ("group:leads", "alex@example.com"), True),
        (("*@example.com", "group:leads"), ("group:leads",), True),
        (("group:leads",), ("group:lead", "kim@example.com"), False),
        (("group:leads",), (), False),
        ((), (), True),  # of this machine's user, or written by an older version
        (("group:leads",), None, True),  # nobody asks the settings
    ],
)
def test_an_approval_counts_while_what_gave_the_right_to_it_is_in_the_settings(role, approvers, counts):
    told = standing(given(role=role))
    why = why_not(told, NOW, alone=False, who=ROBIN, approvers=approvers)
    assert (not why) if counts else ("no approver any more" in why)
    assert told.to_ask(NOW, approvers) is not counts
    again = told.after(Word(Said.ASKED, ROBIN, NOW))
    assert again.is_open(NOW)
    assert not again.to_ask(NOW, approvers)
    assert "it waits for that" in why_not(again, NOW, alone=True, who=ROBIN)
    assert not why_not(again.after(GIVEN), NOW, alone=False, who=ROBIN)


def test_one_person_alone_may_where_the_settings_say_so():
    typed = standing(given(by=ROBIN, alone=True))
    assert not why_not(typed, NOW, alone=True, who=ROBIN)
    assert "which is over" in why_not(typed, NOW + timedelta(days=2), alone=True, who=ROBIN)
    assert not why_not_by(standing(), ROBIN, alone=True)


@pytest.mark.parametrize("who", [ROBIN.name, "ROBIN@example.com", " robin@example.com", "sasha@example.com"])
def test_nobody_approves_what_they_planned_recorded_or_carried(who):
    assert "somebody else" in why_not_by(standing().with_author(Person("Sasha@example.com", "")), Person(who, "by login"))
    assert not why_not_by(standing(), KIM)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "MEL@example.com",
            "mel@EXAMPLE.COM.",
            "mel@example.com\u200b",
            "\uff4del@example.com",
            "m\u00ade\u2060l@example.com",
        ),
        *(
            " mel@example.com",
            "mel @example.com",
            "mel@example.com\u3164",
            "f3",
            "mel@other.example.com",
            "m\u0435l@example.com",
        ),
    ],
)
def test_somebody_whom_the_provider_knows_is_one_person_under_whatever_address(name):
    claims = {"iss": "https://login.example.com", "sub": "f3", "exp": 2**31}
    first = by_login(claims | {"email": "mel@example.com"}, People(), "")
    again = by_login(claims | {"email": "" if name == "f3" else name}, People(), "")
    assert "somebody else" in why_not_by(standing().with_author(first), again)
    assert not why_not_by(standing().with_author(first), KIM)


@pytest.mark.parametrize(
    "spelled", ["mel@EXAMPLE.COM.", "m\u00ade\u2060l@example.com", "mel @example.com", "mel@example.com\u200b"]
)
def test_spellings_of_a_name_are_one_person_whoever_vouches_for_them(spelled):
    of = {"sub": "another", "iss": "https://another.example.com", "exp": 2**31, "email": spelled}
    assert "somebody else" in why_not_by(standing().with_author(Person("mel@example.com", "")), by_login(of, People(), ""))


def test_what_was_refused_can_not_be_approved_any_more():
    assert "needs a new plan" in why_not_by(standing(REFUSED), SASHA)


@pytest.mark.parametrize(
    ("words", "hours", "is_open", "to_ask"),
    [
        ((), 0, True, False),
        ((GIVEN,), 1, False, False),
        ((GIVEN,), 24, True, True),
        ((GIVEN, Word(Said.ASKED, ROBIN, NOW + timedelta(hours=24))), 24, True, False),
        ((REFUSED,), 0, False, False),
    ],
)
def test_it_waits_until_somebody_has_spoken_and_again_once_that_is_over(words, hours, is_open, to_ask):
    now = NOW + timedelta(hours=hours)
    assert (standing(*words).is_open(now), standing(*words).to_ask(now)) == (is_open, to_ask)
