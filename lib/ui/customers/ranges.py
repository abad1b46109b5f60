"""The ranges of users and of days that the filters' selects offer, and all others in the words that an address holds."""

from __future__ import annotations

_ANY = "any"
USERS = {_ANY: "Any", "0-0": "None", "1-5": "1 to 5", "6-25": "6 to 25", "26-": "More than 25"}
DAYS = {_ANY: "Any time", "30": "30 days", "90": "90 days", "180": "180 days", "365": "1 year", "730": "2 years"}
#: Longer than any record has existed.
MOST_DAYS = 100_000
#: The largest whole number that a browser keeps exactly; no count of the API is larger.
_MOST = 2**53 - 1


def users(option: str) -> tuple[int | None, int | None]:
    """ "1-5" → (1, 5); "26-" → (26, None); anything else → no limits."""
    low, dash, high = option.partition("-")
    first, last = _whole(low), _whole(high)
    if not dash or (low and first is None) or (high and last is None):
        return None, None
    return first, last


def users_option(low: int | None, high: int | None) -> str:
    return _ANY if low is None and high is None else f"{'' if low is None else low}-{'' if high is None else high}"


def days(option: str) -> int | None:
    """ "365" → a number of days; anything else → no limit."""
    number = _whole(option)
    return number if number and number <= MOST_DAYS else None


def days_option(number: int | None) -> str:
    return _ANY if number is None else str(number)


def in_words(option: str) -> str:
    """An option that is no common one: "3-7" → "3 to 7", "-2" → "At most 2", "7-" → "7 or more", "400" → "400 days"."""
    if "-" not in option:
        return f"{option} days"
    low, high = users(option)
    if high is None:
        return f"{low or 0:,} or more"
    if not low:
        return f"At most {high:,}"
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _whole(digits: str) -> int | None:
    """A whole number; None for anything else and for what no count can be (it may stand in a URL that anyone wrote)."""
    return int(digits) if digits.isdecimal() and len(digits) <= len(str(_MOST)) and int(digits) <= _MOST else None
