"""What axe-core finds on a page."""

from __future__ import annotations

from dataclasses import dataclass, field

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser import drive

#: What only Streamlit 1.67 itself can mend: the rule, and what is in the HTML of the part at fault.
STREAMLITS = {
    # The zone onto which files are dropped has the role "presentation" and a name all the same.
    ("presentation-role-conflict", "stFileUploaderDropzone"),
    # What a tooltip says hangs outside of all landmarks.
    ("region", "stFloatingOverlayPortal"),
}


@dataclass
class Auditor:
    """Looks at a page in both themes, and keeps what it finds and the title that the tab had.

    All rules look at it in the light; in the dark those of colours, which alone can find something else there.
    """

    page: Page
    axe: Axe = field(default_factory=Axe)
    found: list[str] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)

    def look(self, state: str) -> None:
        drive.idle(self.page)
        self.titles[state] = self.page.title()
        violations = {"resultTypes": ["violations"]}
        colours = {**violations, "runOnly": ["color-contrast", "link-in-text-block"]}
        for scheme, rules in (("dark", colours), ("light", violations)):
            drive.paint(self.page, scheme)
            for fault in self.axe.run(self.page, options=rules).response["violations"]:
                for node in fault["nodes"]:
                    if not any(fault["id"] == rule and part in node["html"] for rule, part in STREAMLITS):
                        why = "; ".join(found["message"] for found in (*node["any"], *node["all"], *node["none"]))
                        self.found.append(f"{state}, {scheme}: {fault['id']}: {node['html'][:200]}: {why}")
