"""The review as files, to be shown to somebody before anything happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from lib.plans.subject import Subject
from lib.receipts.review import Proposal, to_html, to_xlsx
from lib.ui import notices
from lib.ui.deactivate.draft import Why
from lib.ui.resources import Resources, operator

_FORMS = {
    "html": ("HTML, to print", "text/html", to_html),
    "xlsx": ("Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", to_xlsx),
}


def show(resources: Resources, subject: Subject, why: Why, keys: Sequence[str], read_at: datetime | None) -> None:
    """What is on the page, as it is now. A file is made when it is asked for."""
    facts = {
        "Account": f"{resources.connection.label} ({resources.connection.base_url})",
        "Reason": why.reason,
        "Ticket": why.ticket,
        "Prepared by": operator().name,
    }
    proposal = Proposal(subject, facts, tuple(keys), read_at)
    with st.popover("Print or Excel", icon=":material/print:", width="content"):
        st.caption("To show to somebody before anything happens.")
        for ending, (label, mime, made) in _FORMS.items():
            notices.download_button(
                label,
                data=partial(_made, made, proposal),
                file_name=f"review-{subject.title.replace(',', '').replace(' ', '-').lower()}.{ending}",
                mime=mime,
                on_click="ignore",
                key=f"review_{ending}",
                width="stretch",
            )


def _made(form: Callable[[Proposal, datetime], bytes], proposal: Proposal) -> bytes:
    return form(proposal, datetime.now(UTC))
