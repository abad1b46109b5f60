"""Words in two forms: whole for people, and for the log without names, metadata values or what the API said. Pure.

The log is append-only, so whatever gets into it can't be taken out again; the whole words stand beside each step and run.
"""

from __future__ import annotations

from lib.errors import ApiError


class Words(str):
    """Words for people, and how the log says the same: as they are, unless told otherwise.

    Text of any other type has no form for the log, so what nobody has thought of stays out of it.
    """

    __slots__ = ("in_log",)
    in_log: str

    def __new__(cls, words: str, in_log: str | None = None) -> Words:
        made = super().__new__(cls, words)
        made.in_log = words if in_log is None else in_log
        return made

    def within(self, sentence: str) -> Words:
        """`sentence` with these words in place of its `{}`, in both forms."""
        return Words(sentence.replace("{}", self, 1), sentence.replace("{}", self.in_log, 1))

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # what copies are made from; str has one part
        return str(self), self.in_log


def for_log(words: str) -> str:
    """What the log says of `words`; nothing where they have no form for it."""
    return words.in_log if isinstance(words, Words) else ""


def joined(*parts: str) -> Words:
    """The parts one after the other; the log gets those that have a form for it."""
    return Words(" ".join(parts), " ".join(filter(None, map(for_log, parts))))


def of_error(error: ApiError) -> Words:
    """What an error says; for the log its kind and status alone, since a message may quote whatever the API sent."""
    kind = type(error).__name__
    return Words(error.message, f"{kind}." if error.status is None else f"{kind}, status {error.status}.")
