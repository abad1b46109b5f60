"""What is known of customers, from the list, their studies and their names. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from lib.avara.models import id_key
from lib.customers.frame import CustomerFrame
from lib.evidence.activity import Activity
from lib.evidence.likeness import twins_of
from lib.evidence.rules import Facts, HasMetadata, LikelyDuplicate, Rule, leaves


def facts_of(
    frame: CustomerFrame, ids: Iterable[str], rule: Rule, activity: Mapping[str, Activity], now: datetime
) -> list[Facts]:
    """What is known of these customers, in the order of `ids`; those that the frame lacks are left out.

    `activity` is by `id_key`. Names are compared only where the rule asks for duplicates.
    """
    records = frame.records(ids)
    twins = {leaf: twins_of(frame, leaf) for leaf in leaves(rule) if isinstance(leaf, LikelyDuplicate)}
    matching: dict[str, frozenset[str]] = {}
    for leaf in leaves(rule):
        if isinstance(leaf, HasMetadata):
            values = [value for record in records for value in leaf.values(record)]
            matching[leaf.matches] = matching.get(leaf.matches, frozenset()) | leaf.matching(values)
    facts = []
    for record in records:
        own, key = frame.own_update(record.id), id_key(record.id)
        before = None if own is None else own.before
        own_twins = {leaf: found.get(key, ()) for leaf, found in twins.items()}
        facts.append(Facts(record, now, activity.get(key), own is not None, before, own_twins, matching))
    return facts
