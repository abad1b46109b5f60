"""Downloads of a run's receipt. Each file is made, and its export logged, when it is asked for."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.plans.model import Run
from lib.receipts.export import Format
from lib.ui import notices
from lib.ui.resources import Resources
from lib.ui.runs import report

_LABELS = {
    Format.CSV: "CSV, safe in spreadsheets",
    Format.JSONL: "JSON lines, exact",
    Format.HTML: "HTML, to print",
}


def show(resources: Resources, run: Run) -> None:
    with st.popover("Receipt", icon=":material/receipt_long:", width="content"):
        for form, label in _LABELS.items():
            notices.download_button(
                label,
                data=partial(_made, resources, run.id, form),
                file_name=f"receipt-{run.id}.{form.value}",
                mime=form.mime,
                on_click="ignore",
                key=f"receipt_{form.value}",
                width="stretch",
            )
        report.of_run(resources, run.id)


def _made(resources: Resources, run_id: str, form: Format) -> bytes:
    return resources.receipt(run_id, form).body
