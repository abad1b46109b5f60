"""What a review says of a second person: that one will be asked, or that without one the run is refused."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.avara.models import Customer
from lib.people import Right
from lib.plans.approval import nobody_else
from lib.plans.model import Action
from lib.ui.resources import Resources
from lib.ui.text import md


def show(resources: Resources, action: Action, records: Sequence[Customer], active_total: int | None) -> Right | None:
    """Say who has to approve such a run; what confirming it takes, None where it can't be confirmed at all."""
    why = resources.asks(action, records, active_total)
    if why and resources.nobody_signs_in and not resources.alone_by_name:
        st.error(nobody_else(why), icon=":material/block:")
        return None
    tell(resources, why)
    return Right.ASK if why and not resources.alone_by_name else Right.RUN


def tell(resources: Resources, why: Sequence[str]) -> None:
    """What confirming a run means of which this is why a second person has to approve it; nothing where there is no reason."""
    if not why:
        return
    means = "It waits for the approval of a second person, and nothing is sent before that"
    if resources.alone_by_name:
        means = "It is large, and nobody else signs in here, so you confirm it by the account's name"
    st.info(md(f"{means}: {'; '.join(why)}.", limit=1_000), icon=":material/approval:")
