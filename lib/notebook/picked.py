"""Which customers a person means in a notebook, and how they were found. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import pandas as pd

from lib.avara.models import id_key
from lib.errors import PlanError
from lib.evidence.judgement import Judgement
from lib.plans.evidence import Picked, Way

_PICKED = "express_ops_picked"


def note(table: pd.DataFrame, how: Picked) -> pd.DataFrame:
    """The table, which says from now on how its customers were found; what is cut out of it says so too.

    Plain texts: whatever compares the attributes of tables (pandas.concat) must be able to.
    """
    read_at = how.read_at.isoformat() if how.read_at else ""
    table.attrs[_PICKED] = [how.way.name, how.filter_text, read_at]
    return table


def ids_of(customers: object) -> list[str]:
    """The ids that a person means by a table with a column `id`, a column, ids or one id. Raises PlanError."""
    if isinstance(customers, pd.DataFrame):
        if "id" not in customers:
            raise PlanError("This table has no column id, so it tells no customers.")
        customers = customers["id"]
    if isinstance(customers, str):
        customers = [customers]
    if not isinstance(customers, Iterable):
        raise PlanError("These are no customers: give a table with a column id, or ids.")
    return list({id_key(text): text for one in customers if (text := str(one).strip())}.values())


def each_picked(customers: object, how: Picked, said: Mapping[str, Judgement]) -> dict[str, Picked]:
    """Each id with how it was picked and what the rules `said` of it, by `id_key`; the table itself says it where they don't.

    Raises PlanError where nobody can tell of one: an analyst has to say that unknown is taken for yes.
    """
    ids, table = ids_of(customers), {}
    if isinstance(customers, pd.DataFrame) and "candidate" in customers:
        table = dict(zip(map(id_key, customers["id"].astype(str)), customers["candidate"], strict=True))
    each = {one: replace(how, judgement=said.get(id_key(one))) for one in ids}
    answers = (one.judgement.answer if one.judgement else table.get(id_key(id_)) for id_, one in each.items())
    if unknown := sum(answer == "unknown" for answer in answers):
        raise PlanError(
            f"Of {unknown:,} of these customers nobody can tell whether the rules mean {'it' if unknown == 1 else 'them'}. "
            'Plan the others: candidates[candidates["candidate"] == "yes"], or ask a rule set with unknown_counts=True.'
        )
    return each


def picked_of(customers: object) -> Picked | None:
    """How the customers of a table were found; None where nothing says so."""
    try:
        way, filter_text, read_at = getattr(customers, "attrs", {})[_PICKED]
        return Picked(Way[way], filter_text, datetime.fromisoformat(read_at))
    except (KeyError, TypeError, ValueError):
        return None
