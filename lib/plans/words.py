"""Words in two forms: whole for people, and for the log without names, metadata values or what the API said. Pure.

The log is append-only, so whatever gets into it can't be taken out again; the whole words stand beside each step and run.
"""

from __future__ import annotations

from dataclasses import dataclass

from lib.errors import ApiError


@dataclass(frozen=True)
class Words:
    """`text` for people, and `in_log`: what the log says of it, empty for nothing. `said` makes both alike."""

    text: str
    in_log: str

    def __bool__(self) -> bool:
        return bool(self.text)

    def within(self, sentence: str) -> Words:
        """`sentence` with these words in place of its `{}`, in both forms."""
        return Words(sentence.replace("{}", self.text, 1), sentence.replace("{}", self.in_log, 1))


NOTHING = Words("", "")


def said(text: str) -> Words:
    """Words without data, which the log may hold as they are."""
    return Words(text, text)


def joined(*parts: Words) -> Words:
    """The parts one after the other, in both forms."""
    return Words(" ".join(part.text for part in parts if part), " ".join(part.in_log for part in parts if part.in_log))


def of_error(error: ApiError) -> Words:
    """What an error says; for the log its kind and status alone, since a message may quote whatever the API sent."""
    kind = type(error).__name__
    return Words(error.message, f"{kind}." if error.status is None else f"{kind}, status {error.status}.")
