"""Conditions as one types them in Python."""

from __future__ import annotations

import pytest

from lib.customers.filters import Filter
from lib.errors import ViewUnreadable
from lib.notebook.conditions import filter_of


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ({"status": "Active"}, {"status": "active"}),
        ({"metadata": {"region": "west"}}, {"metadata": (("region", ("west",)),)}),
        ({"metadata": {"region": ["west", "dach"], "tier": ()}}, {"metadata": (("region", ("west", "dach")), ("tier", ()))}),
        ({"metadata": (("region", ("west",)),)}, {"metadata": (("region", ("west",)),)}),
        ({"metadata_absent": "contract"}, {"metadata_absent": ("contract",)}),
        ({"created_by": ["user"]}, {"created_by": ("user",)}),
        ({"users_max": 0, "not_updated_days": 365}, {"users_max": 0, "not_updated_days": 365}),
    ],
)
def test_what_is_typed_is_understood(typed, meant):
    assert filter_of(typed) == Filter(**meant)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"users": 0}, "There is no condition users. Did you mean users_min or users_max"),
        ({"statuss": "active"}, "Did you mean status"),
        ({"metadata": "region"}, "Write it like metadata="),
        ({"metadata": {"region": 5}}, "Write it like metadata="),
        ({"status": "gone"}, "status should be 'all', 'active' or 'inactive'"),
        ({"users_max": -1}, "users_max should be greater than or equal to 0"),
    ],
)
def test_what_is_not_says_what_can_be_written_instead(typed, says):
    with pytest.raises(ViewUnreadable, match=says):
        filter_of(typed)
