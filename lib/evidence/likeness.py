"""Which customers are likely the same, by their names. Pure.

Two names are likely the same where the words in which they differ are themselves nearly the same: a typo, an abbreviation, a
word that says nothing. Where one whole word stands for another, or a number differs, they are two: "Springfield Cardiology" and
"Springfield Radiology", "Clinic Nord 1" and "Clinic Nord 2".
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from lib.avara.models import Customer, id_key
from lib.customers.frame import CustomerFrame
from lib.evidence.rules import LEAST, LikelyDuplicate, Twin
from lib.spelling import folded

#: A name of `_plain`, and the values that have to be the same.
_Named = tuple[str, tuple[str, ...]]
#: A word that more different names than so many have tells nothing of a customer: "hospital".
_FEW = 300
#: Letters of the longer of two words in which one typo may be: of shorter ones it makes another word ("Mary", "Mark").
_LONG = 5
_FULL = {
    "assoc": "associates",
    "centre": "center",
    "clin": "clinic",
    "cntr": "center",
    "ctr": "center",
    "dept": "department",
    "hosp": "hospital",
    "inst": "institute",
    "kh": "krankenhaus",
    "med": "medical",
    "mt": "mount",
    "rad": "radiology",
    "st": "saint",
    "ste": "saint",
    "univ": "university",
}
#: Words that say nothing of which customer it is, and legal forms.
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a an and at by for in of on the; am an das der des die für fuer im in und von zu; de del des du et la le les y; "
        "ag bv co corp corporation company eg ev gbr gmbh inc kg limited llc llp ltd mbh ohg plc pllc sa sarl srl ug",
    )
)
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})

#: By `id_key`: the name and id of up to so many customers that look like the same one, and how much in percent.
Twins = Mapping[str, tuple[Twin, ...]]
_TOLD = 3
_KNOWN: WeakKeyDictionary[CustomerFrame, dict[tuple[str, ...], Twins]] = WeakKeyDictionary()


def twins_of(frame: CustomerFrame, asked: LikelyDuplicate) -> Twins:
    """By `id_key`: name, id and likeness in percent of the customers that `asked` takes for likely the same, most alike first.

    Once found, those of a frame are at hand while it is.
    """
    known, same = _KNOWN.setdefault(frame, {}), tuple(sorted(set(map(folded, asked.same))))
    if same not in known:
        known[same] = _found(frame.records(frame.rows["id"]), same)
    alike = {key: tuple(twin for twin in twins if twin[2] >= asked.likeness) for key, twins in known[same].items()}
    return {key: twins for key, twins in alike.items() if twins}


def _found(records: Sequence[Customer], same: tuple[str, ...]) -> Twins:
    """By the least likeness there is. Who has the very same name is found however many they are; of other names those are
    compared that share a word that few have: all pairs of 100,000 would be five thousand million.
    """
    bearers: dict[_Named, list[Customer]] = defaultdict(list)
    for record in sorted(records, key=lambda one: one.id):
        values = tuple(_value(record, key) for key in same)
        if all(values) and (name := _plain(record.name)):
            bearers[name, values].append(record)
    found: dict[str, list[Twin]] = defaultdict(list)
    for alike in bearers.values():
        for one in alike:
            found[id_key(one.id)] += [(other.name, other.id, 100) for other in alike[: _TOLD + 1] if other is not one]
    for here, there, percent in _pairs(bearers):
        for some, others in ((here, there), (there, here)):
            told = [(other.name, other.id, percent) for other in bearers[others][:_TOLD]]
            for one in bearers[some]:
                found[id_key(one.id)] += told
    return {key: tuple(sorted(twins, key=lambda twin: (-twin[2], twin[1]))[:_TOLD]) for key, twins in found.items() if twins}


def _pairs(named: Iterable[_Named]) -> Iterable[tuple[_Named, _Named, int]]:
    """Each two that are likely the same by their different names, once, and how alike they are in percent."""
    pairs: dict[tuple[_Named, _Named], int] = {}
    for group in _sharing_a_word(named):
        names = [name for name, _ in group]
        alike = process.cdist(names, names, score_cutoff=LEAST, dtype=np.uint8)
        for one, other in zip(*np.nonzero(np.triu(alike, 1)), strict=True):
            if likely_same(names[one], names[other]):
                pairs[group[one], group[other]] = int(alike[one, other])
    return ((one, other, percent) for (one, other), percent in pairs.items())


def likely_same(one: str, other: str) -> bool:
    """Whether the words in which two names of `_plain` differ are near each other, each with one of the other name."""
    here, there = one.split(), other.split()
    for word in one.split():
        if word in there:
            here.remove(word)
            there.remove(word)
    if "".join(here) == "".join(there):  # "MRT Zentrum", "MRTZentrum"
        return True
    return len(here) == len(there) and all(map(_near, here, there))  # typos are never in the first letter


def _near(one: str, other: str) -> bool:
    spelled = one[0] == other[0] and max(len(one), len(other)) >= _LONG and not re.search(r"\d", one + other)
    return spelled and OSA.distance(one, other, score_cutoff=1) <= 1


def _plain(name: str) -> str:
    """The words that tell who it is, in full, in alphabetical order; all of them where none does, else the signs."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", folded(name)).translate(_GERMAN))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    words = [_FULL.get(word, word) for word in re.findall(r"\w+", re.sub(r"(?<=\w)['’`´]s?\b", "", bare))]
    return " ".join(sorted([word for word in words if word not in _EMPTY] or words or bare.split()))


def _sharing_a_word(named: Iterable[_Named]) -> Iterable[list[_Named]]:
    """The different names that have a word in common and the same values."""
    groups: dict[tuple[str, tuple[str, ...]], list[_Named]] = defaultdict(list)
    for name, values in named:
        for word in set(name.split()):
            groups[word, values].append((name, values))
    return (group for group in groups.values() if 1 < len(group) <= _FEW)


def _value(record: Customer, key: str) -> str:
    """Of a key as `folded`; empty where it is not there."""
    return next((folded(value) for name, value in record.metadata.items() if folded(name) == key), "")
