"""Our own words on a document's lines, notes and arithmetic, found in what was kept in English.

Lines are kept as they were made, in English. A document in another language says what is ours in
it (", unused time") by these patterns; what staff have named is in a group, and stays.
"""

import re
from collections.abc import Mapping

from billing.domain.document_phrases import LANGUAGES

DAY = r"\d{4}-\d\d-\d\d"
NUMBER = re.compile(r"\d+(?:\.\d+)?")

OF_LINES: Mapping[str, tuple[str, ...]] = {
    "proration_credit": ("{what}, unused time",),
    "proration_charge": ("{what}, rest of the period",),
    "true_up": ("{what}, minimum", "{what}: minimum"),
    "usage_credit": ("Usage billed before with invoice {number}",),
    "prepaid": ("Prepaid credits: {what}",),
}
OF_ALL_LINES = ("{what}, came late",)
REASONS = (
    "Unused time after a change on {day}",
    "Unused time from {day}",
    "Paused from {day}",
    "Not served from {day} to {until}",
)
LABELS = (
    "unused time",
    "part of the period",
    "rounded",
    "per event",
    "billed as it came",
    "flat fee",
    "per unit",
    "up to the minimum",
    "events at the minimum",
    "events at the maximum",
    "what {number} events say",
    "coupon {what}",
    "packages of {number}",
    "tier {number}: above {low} up to {high}",
    "tier {number}: above {low} and more",
    "tier {number}: above {low} up to {high}, {share} %",
    "tier {number}: above {low} and more, {share} %",
    "what is less than before is taken off, or given back",
)
FORMULAS = (
    "{sum} days = {amount}",
    "{sum} seconds = {amount}",
    "{sum} rounded to {amount}",
)
GROUPS = {
    "day": DAY,
    "until": DAY,
    "number": r"\S+",
    "low": r"\S+",
    "high": r"\S+",
    "share": r"\S+",
    "amount": r"\S+",
}


def of_line(kind: str) -> tuple[str, ...]:
    """What we say on lines of a kind."""
    return (*OF_LINES.get(kind, ()), *OF_ALL_LINES)


def found(text: str, phrases: tuple[str, ...]) -> tuple[str, dict[str, str]] | None:
    """Which of our phrases a text is, and what stands in it; None if it is none of them."""
    for english in phrases:
        match = _pattern(english).fullmatch(text)
        if match is not None:
            return english, match.groupdict()
    return None


def is_spoken(language: str) -> bool:
    """Whether documents have words of their own in a language; English is as it is written."""
    return language in LANGUAGES


def _pattern(english: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", english)
    literal, names = parts[::2], parts[1::2]
    groups = (f"(?P<{name}>{GROUPS.get(name, '.+')})" for name in names)
    pieces = [re.escape(literal[0])]
    for group, after in zip(groups, literal[1:], strict=True):
        pieces += [group, re.escape(after)]
    return re.compile("".join(pieces))
