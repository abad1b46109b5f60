"""The words on the bar of picks agree with counting them one by one, however the picks, the filters and the list change."""

from __future__ import annotations

from random import Random

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as hs

from lib.avara.models import Customer
from lib.customers.frame import CustomerFrame, build
from lib.customers.idindex import Positions
from lib.plans.evidence import Way
from lib.ui import picks
from lib.ui.customers.tray import _Amount, _pick_all, _summary
from lib.ui.text import count, number
from tests.customers.records import customers, distinct_customers


def plainly(frame: CustomerFrame, picked: tuple[str, ...], matching: Positions) -> str:
    if not picked:
        return "Nothing picked yet. Tick rows, pick all that match, or pick from a list."
    records, shown = frame.records(picked), set(frame.ids(matching))
    hidden = [record for record in records if record.id not in shown]
    parts = [f"**{number(len(picked))} picked**"]
    parts += [f"{number(len(hidden))} hidden by filters"] if hidden else []
    parts += [f"{number(len(picked) - len(records))} no longer listed"] if len(records) < len(picked) else []
    return " · ".join([*parts, f"{count(sum(record.user_count for record in records), 'user')} affected"])


@given(distinct_customers, hs.lists(customers, min_size=1, max_size=3), hs.randoms(use_true_random=False))
def test_the_bar_says_what_counting_says(records: list[Customer], others: list[Customer], random: Random) -> None:
    frame = build(record.model_copy(update={"user_count": record.user_count % 1000}) for record in records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "session_state", {})
        patch.setattr(picks, "may", lambda _right: True)
        for _ in range(6):
            matching = frame.positions([id_ for id_ in frame.rows["id"] if random.random() < 0.6])
            random.choice(
                [
                    lambda index=frame.index, matching=matching: _pick_all(index, matching),
                    lambda: picks.add([random.choice([*records, *others]).id], Way.TICKED),
                    lambda: picks.remove(picks.get()[:1]),
                    lambda: None,
                ]
            )()
            if random.random() < 0.3:
                frame = frame.with_records([random.choice(others).model_copy(update={"user_count": 7})])
            picked = picks.get()
            assert _summary(frame, picked, _Amount.of(frame, picked), matching) == plainly(frame, picked, matching)
