"""Faults: how they are written, and when they strike."""

from __future__ import annotations

import json

import pytest

from lib.sandbox import faults
from lib.sandbox.faults import CHANGES, FAULTS, FaultError, Faults, parse
from lib.sandbox.wire import Answer, Call, encode


def _call(operation="deactivate", customer="cus_a", **query):
    return Call(operation, "POST", "/", customer, query)


def _faults(*texts, seed=1):
    return Faults(seed, tuple(parse(text) for text in texts))


@pytest.mark.parametrize(
    ("text", "rate", "operations"),
    [
        ("timeout-after", 1.0, CHANGES),
        ("timeout-after=0.3", 0.3, CHANGES),
        ("http-503@list", 1.0, ("list",)),
        ("http-503@get=0.5", 0.5, ("get",)),
        ("bad-record=0", 0.0, ("list",)),
    ],
)
def test_a_fault_is_a_name_with_an_operation_and_a_rate(text, rate, operations):
    setting = parse(text)
    assert (setting.rate, setting.operations) == (rate, operations)
    assert parse(str(setting)) == setting


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("timeout", "There is no fault 'timeout'"),
        ("http-500=2", "from 0 to 1"),
        ("http-500=-0.1", "from 0 to 1"),
        ("http-500=often", "from 0 to 1"),
        ("http-500=nan", "from 0 to 1"),
        ("http-500=", "from 0 to 1"),
        ("still-active@list", "can't strike 'list'"),
        ("http-500@", "can't strike ''"),
    ],
)
def test_a_fault_that_can_not_be_is_refused_in_words(text, says):
    with pytest.raises(FaultError, match=says):
        parse(text)


def test_every_fault_strikes_what_its_table_says_and_nothing_else():
    for name, fault in FAULTS.items():
        for operation in faults.ALL:
            struck = _faults(name)
            struck.strike(_call(operation, "cus_b", cursor="x"))  # some strike from the second on
            hit = struck.strike(_call(operation, cursor="x"))
            assert bool(hit) == (operation in fault.usual), (name, operation)


def test_the_rate_is_the_share_of_customers_struck():
    some = _faults("http-500=0.3")
    struck = sum(bool(some.strike(_call(customer=f"cus_{n}"))) for n in range(2000))
    assert 0.26 < struck / 2000 < 0.34


def test_the_same_customers_are_struck_in_whatever_order_they_are_called():
    def struck(order):
        some = _faults("timeout-after=0.5")
        return {n for n in order if some.strike(_call(customer=f"cus_{n}"))}

    assert struck(range(100)) == struck(reversed(range(100)))
    assert struck(range(100)) != {
        n for n in range(100) if _faults("timeout-after=0.5", seed=2).strike(_call(customer=f"cus_{n}"))
    }


def test_a_second_try_at_the_same_customer_is_drawn_anew():
    some = _faults("http-503=0.5")
    assert {bool(some.strike(_call())) for _ in range(20)} == {True, False}


@pytest.mark.parametrize("name", ["studies-403", "studies-cut", "studies-slow"])
def test_a_fault_of_studies_strikes_the_same_customers_each_time_in_both_lists_and_on_every_page(name):
    some = _faults(f"{name}=0.3")

    def struck(operation, **query):
        return {n for n in range(300) if some.strike(_call(operation, "", expressCustomerId=f"cus_{n}", **query))}

    first = struck("viewer-studies")
    assert 60 < len(first) < 120
    assert first == struck("viewer-studies") == struck("autoscribe-studies") == struck("viewer-studies", cursor="x")


def test_other_faults_of_a_customers_studies_do_not_depend_on_who_was_asked_before():
    def struck(order):
        some = _faults("http-500@viewer-studies=0.5")
        return {n for n in order if some.strike(_call("viewer-studies", "", expressCustomerId=f"cus_{n}"))}

    assert struck(range(100)) == struck(reversed(range(100)))


def test_one_request_has_one_ending_but_may_be_slow_and_drift_too():
    assert _faults("slow", "http-500", "timeout-after", "drift").strike(_call()) == ("slow", "http-500", "drift")


def test_drift_happens_once_to_a_customer():
    drifting = _faults("drift")
    assert [drifting.strike(_call("get", customer)) for customer in ("a", "a", "b")] == [("drift",), (), ("drift",)]


def test_the_key_is_revoked_in_the_middle_and_stays_so():
    revoking = _faults("unauthorized-midway")
    assert revoking.strike(_call("list", "")) == ()
    assert not revoking.revoked
    assert revoking.strike(_call("list", "", cursor="x")) == ("unauthorized-midway",)
    assert revoking.revoked


@pytest.mark.parametrize("pick", range(len(faults.BAD_FIELDS)))
def test_a_bad_record_differs_from_the_page_in_one_field(pick):
    records = [
        {"expressCustomerId": f"cus_{n:032x}", "expressCustomerName": "A", "isActive": True, "userCount": 1, "metadata": {}}
        | {"createdAt": None, "updatedAt": None}
        for n in range(3)
    ]
    page = Answer(200, encode({"expressCustomers": records, "hasMore": False}))
    spoilt = json.loads(faults.spoil_record(page, pick).body)["expressCustomers"]
    different = [(n, key) for n in range(3) for key in records[n] if spoilt[n][key] != records[n][key]]
    assert len(different) == 1
