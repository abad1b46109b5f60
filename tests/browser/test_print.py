"""Reports and receipts as they are printed: what is asked of a layout only a browser can say."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.receipts.export import Format, export
from tests.browser.conftest import OpenPage
from tests.journal.places import sqlite_place
from tests.receipts.test_report import five, made
from tests.runs.fakes import KIM, NOW

#: A4 with the page's own margins, upright and across, in CSS pixels.
UPRIGHT, ACROSS = 703, 1031
TOO_NARROW = """tables => tables.flatMap(table => [...table.tHead?.rows[0].cells ?? []])
    .filter(head => head.getClientRects().length && (
        head.scrollWidth > head.clientWidth || /Why|Evidence/.test(head.innerText) && head.offsetWidth < 190))
    .map(head => head.innerText)"""


@pytest.mark.parametrize(("what", "width"), [("report", UPRIGHT), ("receipt", ACROSS)])
def test_on_paper_each_column_has_room_for_what_stands_in_it(
    open_page: OpenPage, tmp_path: Path, what: str, width: int
) -> None:
    journal = sqlite_place(tmp_path).open()
    run_id = five(journal, reason="Contract ended")
    body = made(journal, run_id).body if what == "report" else export(journal, run_id, Format.HTML, who=KIM, now=NOW).body
    journal.close()
    page = open_page(width=width)
    page.emulate_media(media="print")
    page.set_content(body.decode())
    tables = page.locator("table")
    assert tables.evaluate_all(TOO_NARROW) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing is cut at the right"
    if what == "report":
        assert page.locator("code", has_text="cus_").first.evaluate("it => it.getClientRects().length") == 1
    page.close()
