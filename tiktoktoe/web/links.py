"""Reading what links carry; a link that was not made here leads nowhere: 404."""

import json
from collections.abc import Sequence
from datetime import date, datetime

from django.http import Http404
from django.utils.dateparse import parse_date

from tiktoktoe.web.days import FIRST_DAY, LAST_DAY


def number_of(text: str | None) -> int:
    """A row's number."""
    if not text or not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise Http404
    return int(text)


def linked_day(text: str | None) -> date:
    """A day."""
    try:
        found = parse_date(text or "")
    except ValueError:
        found = None
    if found is None or not FIRST_DAY <= found <= LAST_DAY:
        raise Http404
    return found


def linked_place(text: str | None) -> tuple[datetime, str] | None:
    """Where the page before ended: an instant and an id; nothing on the first page."""
    if not text:
        return None
    moment, _, event_id = text.partition(" ")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise Http404 from None
    if at.tzinfo is None or "\x00" in event_id:
        raise Http404
    return at, event_id


def linked_dimensions(texts: Sequence[str]) -> tuple[tuple[str, ...] | None, str]:
    """Values of a meter's dimensions, as they are and in words; of none, all are meant."""
    if not texts:
        return None, ""
    return tuple(texts), "; ".join(_dimensions_in_words(text) for text in texts)


def _dimensions_in_words(text: str) -> str:
    try:
        values = json.loads(text)
        words = ", ".join(f"{name} {value}" for name, value in values.items())
        words.encode()  # half of a pair, which JSON can name, is no text
    except (ValueError, AttributeError, RecursionError):
        raise Http404 from None
    return words or "none of them"
