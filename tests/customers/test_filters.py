"""Filters agree with a plain reading of each record, and say in words and in the URL what they are."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.avara.times import known
from lib.customers.facets import facet_keys, facet_values
from lib.customers.filters import (
    Filter,
    apply,
    chips,
    describe,
    matching,
    users_of,
)
from lib.customers.frame import build
from lib.customers.search import SHORTEST_ID_PART
from lib.customers.sorting import sort_positions
from lib.customers.text import fold, words
from tests.customers.records import API_KEY_ID, NOW, USER_ID, an_id, customer, distinct_customers, texts

keys = st.sampled_from(["region", "Größe", "", "none"]) | texts
filters = st.builds(
    Filter,
    text=st.just("") | texts | st.sampled_from(["reg", "gdansk ward", "cus_0000", "00", "0003", "STRASSE"]),
    status=st.sampled_from(["all", "active", "inactive"]),
    users_min=st.none() | st.integers(0, 3),
    users_max=st.none() | st.integers(0, 8),
    not_updated_days=st.none() | st.integers(1, 800),
    created_from=st.none() | st.dates(date(2025, 1, 1), date(2026, 3, 1)) | st.just(date.max),
    created_to=st.none() | st.dates(date(2025, 1, 1), date(2026, 3, 1)) | st.just(date.max),
    created_by=st.lists(st.sampled_from(["user", "api_key", "unknown"]), max_size=2).map(tuple),
    metadata=st.lists(st.tuples(keys, st.lists(texts, max_size=2).map(tuple)), max_size=2).map(tuple),
    metadata_absent=st.lists(keys, max_size=1).map(tuple),
    among=st.none() | st.lists(st.integers(0, 12).map(an_id)).map(tuple),
)


def has_word(record, word):
    if len(word) >= SHORTEST_ID_PART and word in record.id.lower():
        return True
    return any(word in fold(text) for text in [record.name, *record.metadata, *record.metadata.values()])


def maker(record):
    return "user" if record.created_by_user_id else "api_key" if record.created_by_api_key_id else "unknown"


def certain(record, flt):
    return (
        flt.status in ("all", "active" if record.is_active else "inactive")
        and (flt.among is None or record.id in flt.among)
        and (flt.users_min is None or record.user_count >= flt.users_min)
        and (flt.users_max is None or record.user_count <= flt.users_max)
        and (not flt.created_by or maker(record) in flt.created_by)
        and all(key in record.metadata and (not some or record.metadata[key] in some) for key, some in flt.metadata)
        and not any(key in record.metadata for key in flt.metadata_absent)
        and all(has_word(record, word) for word in words(flt.text))
    )


def by_time(record, flt):
    """True, False, or None where the time is unknown, for each condition on a time."""
    now = datetime.now(UTC)
    created, updated = known(record.created_at, now) and record.created_at.date(), known(record.updated_at, now)
    if flt.not_updated_days is not None:
        yield None if updated is None else updated <= NOW - timedelta(days=flt.not_updated_days)
    if flt.created_from is not None:
        yield None if created is None else created >= flt.created_from
    if flt.created_to is not None:
        yield None if created is None else created <= flt.created_to


@given(distinct_customers, filters)
def test_the_matches_are_those_that_a_plain_reading_of_each_record_gives(records, flt):
    frame = build(records)
    found = matching(frame, flt, NOW)
    may_match = [(place, [*by_time(record, flt)]) for place, record in enumerate(records) if certain(record, flt)]
    assert found.positions.tolist() == apply(frame, flt, NOW).tolist() == [place for place, times in may_match if all(times)]
    in_doubt = [place for place, times in may_match if None in times and False not in times]
    assert found.unknown_times == len(in_doubt)
    asks_for_a_time = flt != flt.model_copy(update=dict.fromkeys(("not_updated_days", "created_from", "created_to")))
    if asks_for_a_time:  # and those can be looked at
        assert apply(frame, flt.model_copy(update={"time_unknown": True}), NOW).tolist() == in_doubt


@pytest.mark.parametrize(
    ("field", "at", "is_known"),
    [
        *(
            (field, at, is_known)
            for field in ("created_at", "updated_at")
            for at, is_known in [
                (None, False),
                (datetime.min.replace(tzinfo=UTC), False),
                (datetime(1601, 1, 1, tzinfo=UTC), False),
                (datetime(1899, 12, 31, tzinfo=UTC), False),
                (datetime(1969, 12, 31, 10, tzinfo=UTC), False),  # zero, in the zone that is first at a day
                (datetime(1970, 1, 1, tzinfo=UTC), False),
                (datetime(1970, 1, 1, 12, tzinfo=UTC), False),  # zero, in the last one
                (datetime(1971, 1, 1, tzinfo=UTC), True),
                (datetime(2024, 1, 15, tzinfo=UTC), True),
                (datetime(2100, 1, 1, tzinfo=UTC), False),
                (datetime.max.replace(tzinfo=UTC), False),
            ]
        )
    ],
)
def test_a_time_that_cannot_be_a_fact_is_unknown_to_filters_and_sorts(field, at, is_known):
    """A zero of some clock would be the longest untouched customer of all."""
    frame = build([customer(1, **{field: at}), customer(2)])
    asked = Filter(created_from=date.min) if field == "created_at" else Filter(not_updated_days=1)
    assert apply(frame, asked, datetime.now(UTC)).tolist() == ([0, 1] if is_known else [1])
    doubtful = asked.model_copy(update={"time_unknown": True}), Filter(time_unknown=True)
    for flt in doubtful:
        assert apply(frame, flt, datetime.now(UTC)).tolist() == ([] if is_known else [0])
    if not is_known:
        assert [sort_positions(frame, np.arange(2), field, descending=way).tolist() for way in (True, False)] == [[1, 0]] * 2
    assert frame.record(an_id(1)) == customer(1, **{field: at})  # the record itself stays as it was read


def test_a_clock_that_goes_ahead_a_little_makes_no_time_unknown():
    now = datetime.now(UTC)
    assert known(now + timedelta(minutes=4), now)
    assert known(now + timedelta(minutes=6), now) is None


@given(distinct_customers, filters, keys)
def test_counts_are_those_of_the_matching_records(records, flt, key):
    frame = build(records)
    positions = apply(frame, flt, NOW)
    there = [records[place] for place in positions]
    assert users_of(frame, positions) == sum(record.user_count for record in there)
    assert dict(facet_keys(frame, positions)) == Counter(key for record in there for key in record.metadata)
    assert facet_keys(frame) == facet_keys(frame, np.arange(len(frame)))
    assert dict(facet_values(frame, key)) == Counter(r.metadata[key] for r in records if key in r.metadata)


def test_facets_come_most_common_first_then_by_name_and_can_be_cut():
    frame = build([customer(n, metadata={"k": value}) for n, value in enumerate(["b", "a", "c", "c"])])
    assert facet_values(frame, "k") == [("c", 2), ("a", 1), ("b", 1)]
    assert facet_values(frame, "k", limit=2) == [("c", 2), ("a", 1)]
    assert facet_values(frame, "none") == []
    assert facet_keys(frame) == [("k", 4)]
    assert facet_keys(build([])) == []


SUBJECT = customer(
    0xABCDEF,
    name="Szpital Gdański — Radiology",
    user_count=0,
    updated_at=datetime(2025, 3, 1, 12, tzinfo=UTC),
    created_at=datetime(2024, 1, 15, 23, 59, 59, 999_999, tzinfo=UTC),
    created_by_api_key_id=API_KEY_ID,
    created_by_user_id=USER_ID,
    metadata={"Region": "Pomorskie", "empty": ""},
)


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({}, True),
        ({"text": "gdansk"}, True),
        ({"text": "radiology szpital"}, True),
        ({"text": "radiology oncology"}, False),
        ({"text": "abcdef"}, True),
        ({"text": "ABCDEF"}, True),
        ({"text": "cus_"}, True),
        ({"text": "000"}, False),  # too short a part of an id to mean one
        ({"text": "region"}, True),
        ({"text": "pomorskie"}, True),
        ({"text": "   "}, True),
        ({"text": ".*"}, False),
        ({"users_max": 0}, True),
        ({"users_min": 1}, False),
        ({"users_max": 10**30}, True),
        ({"not_updated_days": 365}, True),  # to the second
        ({"not_updated_days": 366}, False),
        ({"not_updated_days": 100_000}, False),
        ({"created_from": date(2024, 1, 15), "created_to": date(2024, 1, 15)}, True),
        ({"created_from": date(2024, 1, 16)}, False),
        ({"created_to": date(2024, 1, 14)}, False),
        ({"created_from": date.min, "created_to": date.max}, True),
        ({"created_by": ("user",)}, True),
        ({"created_by": ("api_key", "unknown")}, False),
        ({"metadata": (("Region", ()),)}, True),
        ({"metadata": (("region", ()),)}, False),  # keys are exact
        ({"metadata": (("Region", ("Mazowieckie", "Pomorskie")),)}, True),
        ({"metadata": (("empty", ("",)),)}, True),
        ({"metadata": (("Region", ("",)),)}, False),
        ({"metadata_absent": ("Region",)}, False),
        ({"metadata_absent": ("department",)}, True),
    ],
)
def test_a_condition_matches(conditions, matches):
    assert apply(build([SUBJECT]), Filter(**conditions), NOW).tolist() == ([0] if matches else [])


@pytest.mark.parametrize(
    ("conditions", "in_words"),
    [
        ({}, "all customers"),
        ({"status": "active", "users_max": 0, "not_updated_days": 365}, "active · no users · not updated for 365 days"),
        ({"status": "inactive", "users_min": 1}, "inactive · 1 user or more"),
        ({"users_max": 5}, "at most 5 users"),
        ({"users_min": 0, "users_max": 5}, "at most 5 users"),
        ({"users_min": 2, "users_max": 1200}, "2 to 1,200 users"),
        ({"users_min": 1, "users_max": 1}, "1 user"),
        ({"not_updated_days": 1, "ignore_our_runs": True}, "not updated for 1 day, our own runs aside"),
        ({"ignore_our_runs": True}, "all customers"),
        ({"not_updated_days": 1}, "not updated for 1 day"),
        ({"created_from": date(2024, 1, 1)}, "created from 2024-01-01"),
        ({"created_to": date(2024, 1, 1)}, "created until 2024-01-01"),
        ({"created_from": date(2024, 1, 1), "created_to": date(2024, 1, 1)}, "created on 2024-01-01"),
        ({"created_from": date(2024, 1, 1), "created_to": date(2024, 2, 1)}, "created 2024-01-01 to 2024-02-01"),
        ({"created_by": ("user", "unknown")}, "created by a dashboard user or someone unknown"),
        ({"text": "  two\n words "}, "text “two words”"),
        ({"metadata": (("region", ("a", "b")), ("tier", ()))}, "region is a or b · has tier"),
        ({"metadata_absent": ("tier",)}, "has no tier"),
        ({"not_updated_days": 30, "time_unknown": True}, "not updated for 30 days · a date is unknown"),
    ],
)
def test_a_filter_is_described_in_one_line(conditions, in_words):
    assert describe(Filter(**conditions)) == in_words


@given(filters)
def test_taking_every_chip_away_leaves_the_empty_filter(flt):
    for _ in range(20):
        active = chips(flt)
        if not active:
            break
        assert active[0].without != flt
        flt = active[0].without
    assert flt == Filter()


@given(filters)
def test_a_filter_is_a_value_that_hashes_and_its_copies_are_equal(flt):
    assert hash(flt) == hash(Filter(**flt.model_dump()))
    assert Filter(**flt.model_dump()) == flt
