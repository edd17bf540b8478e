"""The events that were told, or were to be: listed by when they were made, page by page.

Source: "webhooks-events.list" in PayPal's document of Webhooks Management v1; how a page leads to
the next (move_to, index_time, index_id) is in the examples of PayPal's older libraries only.
"""

from datetime import datetime
from itertools import islice
from urllib.parse import urlencode

from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.store import Search
from tiktoktoe.sandbox.paypal.business import Business
from tiktoktoe.sandbox.paypal.errors import ApiError
from tiktoktoe.sandbox.paypal.routes import route

EVENTS = "/v1/notifications/webhooks-events"
PAGE_SIZE = 10


@route("GET", EVENTS)
def list_events(business: Business, query: Json) -> tuple[int, Json]:
    """The events of a time, both ends included, the newest first."""
    size = _number(query.get("page_size", PAGE_SIZE), "page_size")
    bounds = {"start_time": "gte", "end_time": "lte"}
    created = {word: _instant(query[n], n) for n, word in bounds.items() if n in query}
    wanted = query.get("event_type"), query.get("transaction_id")
    search = Search(
        created=created,
        fits=lambda kept: _is_wanted(kept["event"], *wanted),
        beyond=query.get("index_id"),
    )
    found = list(islice(business.store.newest_first("event", search), size + 1))
    page, is_more = found[:size], len(found) > size
    answer: Json = {"events": [kept["event"] for kept in page], "count": len(page), "links": []}
    if is_more:
        asked = {name: value for name, value in query.items() if not name.startswith("index")}
        index = {"index_time": page[-1]["event"]["create_time"], "index_id": page[-1]["id"]}
        path = f"{EVENTS}/?{urlencode({**asked, 'move_to': 'next', **index})}"
        answer["links"] = business.links(path, rel="next")
    return 200, answer


def _is_wanted(event: Json, name: str | None, transaction: str | None) -> bool:
    is_named = name in {None, event["event_type"]}
    return is_named and transaction in {None, event["resource"].get("id")}


def _instant(text: str, name: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ApiError(400, f"{name} is no time.", issue="INVALID_PARAMETER_SYNTAX")
    return int(at.timestamp())


def _number(text: object, name: str) -> int:
    if not str(text).isdecimal() or not int(str(text)):
        raise ApiError(400, f"{name} is no number.", issue="INVALID_PARAMETER_SYNTAX")
    return int(str(text))
