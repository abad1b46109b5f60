"""What is open beside the table of customers: a record, the picks, a list, views or rules."""

from __future__ import annotations

from datetime import UTC, datetime

from lib.customers.frame import CustomerFrame
from lib.customers.idindex import Positions
from lib.ui.customers import asked, drawer, pick_list, tray, views
from lib.ui.evidence import editor
from lib.ui.resources import Resources
from lib.ui.widgets import dialogs


def show(resources: Resources, frame: CustomerFrame, positions: Positions) -> None:
    """Draw it; `positions` are those of the customers on show."""
    if record := dialogs.opened("record"):
        drawer.show(resources, frame, record.about)
    elif dialogs.opened("picks"):
        tray.show_picks(frame, positions)
    elif dialogs.opened("list"):
        pick_list.show(resources.loads)
    elif dialogs.opened("views"):
        views.show(resources, datetime.now(UTC))
    elif dialogs.opened("rules"):
        editor.show_editor(resources, frame, asked.take)
