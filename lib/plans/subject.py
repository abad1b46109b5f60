"""What a review is of: who is acted on, who is left out and why, and what it takes back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib.avara.models import Customer
from lib.avara.text import count
from lib.plans.plan import MOST_NAMED, OF_RULES, Untouched
from lib.plans.review import Review
from lib.plans.undo import Undo


@dataclass(frozen=True)
class Subject:
    """What is reviewed, where it comes from, and for an undo the run that it takes back."""

    reviewed: Review
    filter_text: str
    #: Picks that are no longer in the list.
    missing: tuple[str, ...] = ()
    undo: Undo | None = None
    #: Whose record could not be read, and why.
    unread: tuple[tuple[str, str], ...] = ()
    #: Whom a person took out of the review.
    taken_out: tuple[Customer, ...] = ()
    #: Candidates of the rule sets that others were picked by, or how many of them, and why each is one.
    passed_over: tuple[tuple[Customer | int, str], ...] = ()
    #: Whom a plan left out that was made before.
    before: tuple[Untouched, ...] = ()

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
        return self.undo.without({record.id for record, _ in self.reviewed.protected}, "The settings protect it.").left_alone

    @property
    def set_aside(self) -> tuple[Untouched, ...]:
        """Who is left out and why, as a plan of picks keeps them: the first of each kind, and how many the others are."""
        if self.undo is not None:
            return ()
        kept: list[Untouched] = []
        for title, those in self.left_out.items():
            kept += those[:MOST_NAMED]
            if rest := sum(one.number for one in those[MOST_NAMED:]):
                kept.append(Untouched(customer_id="", why=f"More of these: {title}.", number=rest))
        return tuple(kept)

    @property
    def left_out(self) -> Mapping[str, Sequence[Untouched]]:
        """Who is not acted on, and why, under a title each."""
        state = "active" if self.reviewed.action.wants_active else "inactive"
        kinds = {
            ("customer", f"already {state}, set aside"): [
                left_out(record, f"It is {state} already.") for record in self.reviewed.set_aside
            ],
            ("customer", "protected, left out"): [
                left_out(record, f"Protected: {why}.") for record, why in self.reviewed.protected
            ],
            ("pick", "no longer in the list, left out"): [
                Untouched(customer_id=id_, why="No longer in the list.") for id_ in self.missing
            ],
            ("customer", "with a record that could not be read, left out"): [
                Untouched(customer_id=id_, why=why) for id_, why in self.unread
            ],
            ("customer", "taken out by hand"): [left_out(record, "A person took it out.") for record in self.taken_out],
            ("candidate", OF_RULES): [left_out(who, why) for who, why in self.passed_over],
            ("customer", "left out when it was planned"): self.before,
            ("customer", "of that run left alone"): self.undo.left_alone if self.undo else (),
        }
        return {
            f"{count(sum(one.number for one in those), what)} {words}": those for (what, words), those in kinds.items() if those
        }


def left_out(record: Customer | int, why: str) -> Untouched:
    if isinstance(record, int):
        return Untouched(customer_id="", why=why, number=record)
    return Untouched(customer_id=record.id, name=record.name, why=why)
