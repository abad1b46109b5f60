"""What is known of customers, from the list, their studies and their names. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import numpy as np
from rapidfuzz import process

from lib.avara.models import Customer, id_key
from lib.customers.frame import CustomerFrame
from lib.evidence.activity import Activity
from lib.evidence.rules import Facts, LikelyDuplicate, Rule, leaves
from lib.spelling import folded

#: A word that more names than so many have tells nothing of a customer: "hospital".
_FEW = 300

#: By `id_key`: the name and id of each customer that looks like the same one, and how much in percent.
Twins = Mapping[str, tuple[tuple[str, str, int], ...]]


def facts_of(
    frame: CustomerFrame, ids: Iterable[str], rule: Rule, activity: Mapping[str, Activity], now: datetime
) -> list[Facts]:
    """What is known of these customers, in the order of `ids`; those that the frame lacks are left out.

    `activity` is by `id_key`. Names are compared only where the rule asks for duplicates.
    """
    records = frame.records(ids)
    twins = twins_of(frame.records(frame.rows["id"]), rule)
    facts = []
    for record in records:
        own, key = frame.own_update(record.id), id_key(record.id)
        before = None if own is None else own.before
        facts.append(Facts(record, now, activity.get(key), own is not None, before, twins.get(key, ())))
    return facts


def twins_of(records: Sequence[Customer], rule: Rule) -> Twins:
    """By `id_key`: name, id and likeness in percent of the customers that `rule` takes for likely the same, most alike first.

    Compared are the folded names with their words in alphabetical order, of customers that share a word that few have: all
    pairs of 100,000 names would be five thousand million.
    """
    asked = [leaf for leaf in leaves(rule) if isinstance(leaf, LikelyDuplicate)]
    if not asked:
        return {}
    least, same = min(one.likeness for one in asked), sorted({key for one in asked for key in one.same})
    names = [" ".join(sorted(re.findall(r"\w+", folded(one.name)))) for one in records]
    found: dict[str, set[tuple[str, str, int]]] = defaultdict(set)
    for group in _sharing_a_word(names, [tuple(_value(one, key) for key in same) for one in records]):
        alike = process.cdist([names[at] for at in group], [names[at] for at in group], score_cutoff=least, dtype=np.uint8)
        for one, other in zip(*np.nonzero(np.triu(alike, 1)), strict=True):
            here, there, percent = records[group[one]], records[group[other]], int(alike[one, other])
            found[id_key(here.id)].add((there.name, there.id, percent))
            found[id_key(there.id)].add((here.name, here.id, percent))
    return {key: tuple(sorted(twins, key=lambda twin: (-twin[2], twin[1]))) for key, twins in found.items()}


def _sharing_a_word(names: Sequence[str], values: Sequence[tuple[str, ...]]) -> Iterable[list[int]]:
    """The places of the names that have a word in common and the same values."""
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for place, (name, own) in enumerate(zip(names, values, strict=True)):
        for word in set(name.split()):
            groups[word, own].append(place)
    return (group for group in groups.values() if 1 < len(group) <= _FEW)


def _value(record: Customer, key: str) -> str:
    return next((folded(value) for name, value in record.metadata.items() if folded(name) == folded(key)), "")
