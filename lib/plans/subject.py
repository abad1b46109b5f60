"""What a review is of: who is acted on, who is left out and why, and what it takes back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib.avara.text import count
from lib.plans.plan import Untouched
from lib.plans.review import Review
from lib.plans.undo import LeftAlone, Undo


@dataclass(frozen=True)
class Subject:
    """What is reviewed, where it comes from, and for an undo the run that it takes back."""

    reviewed: Review
    filter_text: str
    #: Picks that are no longer in the list.
    missing: tuple[str, ...] = ()
    undo: Undo | None = None

    @property
    def about(self) -> str:
        """The run that is undone; empty where this is no undo."""
        return self.undo.undo_of if self.undo else ""

    @property
    def title(self) -> str:
        """What is about to be done: "Deactivate 12 customers"."""
        return f"{self.reviewed.action.value.capitalize()} {count(len(self.reviewed.in_order), 'customer')}"

    @property
    def untouched(self) -> tuple[Untouched, ...]:
        """Whom an undo leaves alone, as its plan keeps them; nobody where this is none."""
        if self.undo is None:
            return ()
        return self.undo.without({record.id for record, _ in self.reviewed.protected}, "The settings protect it.").untouched

    @property
    def left_out(self) -> Mapping[str, Sequence[LeftAlone]]:
        """Who is not acted on, and why, under a title each."""
        state = "active" if self.reviewed.action.wants_active else "inactive"
        kinds = {
            ("customer", f"already {state}, set aside"): [
                LeftAlone(record.id, record.name, f"It is {state} already.") for record in self.reviewed.set_aside
            ],
            ("customer", "protected, left out"): [
                LeftAlone(record.id, record.name, f"Protected: {why}.") for record, why in self.reviewed.protected
            ],
            ("pick", "no longer in the list, left out"): [LeftAlone(id_, "", "No longer in the list.") for id_ in self.missing],
            ("customer", "of that run left alone"): self.undo.left_alone if self.undo else (),
        }
        return {f"{count(len(those), what)} {words}": those for (what, words), those in kinds.items() if those}
