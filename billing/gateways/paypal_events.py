"""PayPal's events: what each one is about.

None proves anything by itself: each is a hint to look, at the object that it names.
Source: developer.paypal.com/api/rest/webhooks/event-names; of the list of those that were told,
or were to be: "webhooks-events.list" in developer.paypal.com/api/webhooks/v1.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from billing.errors import GatewayUnavailable, WebhookUnreadable
from billing.gateways.base import GatewayEvent

# What to subscribe the endpoint to, by what it is about.
EVENTS: Mapping[str, str] = {
    "CHECKOUT.ORDER.APPROVED": "page",
    "CUSTOMER.DISPUTE.CREATED": "dispute",
    "CUSTOMER.DISPUTE.RESOLVED": "dispute",
    "CUSTOMER.DISPUTE.UPDATED": "dispute",
    "PAYMENT.AUTHORIZATION.CREATED": "payment",
    "PAYMENT.AUTHORIZATION.VOIDED": "hold",
    "PAYMENT.CAPTURE.COMPLETED": "payment",
    "PAYMENT.CAPTURE.DECLINED": "payment",
    "PAYMENT.CAPTURE.DENIED": "payment",
    "PAYMENT.CAPTURE.PENDING": "payment",
    "PAYMENT.CAPTURE.REFUNDED": "refund",
    "PAYMENT.CAPTURE.REVERSED": "reversal",
    "PAYMENT.REFUND.FAILED": "refund",
    "PAYMENT.REFUND.PENDING": "refund",
}
LIST = "/v1/notifications/webhooks-events"
PAGE = 100


def event_of(body: bytes) -> GatewayEvent:
    """The event of a request.

    Raises:
        WebhookUnreadable: If it is none.
    """
    try:
        event = msgspec.json.decode(body)
        resource, name = event["resource"], str(event["event_type"])
        identity, about = str(event["id"]), EVENTS.get(name, "other")
        reference = str(resource["dispute_id"] if about == "dispute" else resource["id"])
        operation = str(resource.get("invoice_id") or "") if about == "payment" else ""
        ours = operation or str(resource.get("custom_id") or _custom_id_of_unit(resource))
        if about == "reversal":  # its own name, and what it is of
            reference, ours = _whose(resource), reference
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise WebhookUnreadable("this is no event of PayPal's") from error
    return GatewayEvent(
        event_id=identity,
        name=name,
        about="operation" if operation else about,
        reference=reference,
        our_reference=ours,
        happened_at=_instant(event.get("create_time")),
    )


def listed_events(
    ask: Callable[..., dict[str, Any]], since: datetime, until: datetime
) -> Iterator[Sequence[bytes]]:
    """The events of a time that are heard, page by page; a page leads to the next by a link.

    Args:
        ask: Makes a request of PayPal's.

    Raises:
        GatewayUnavailable: If PayPal cannot be reached, or the pages lead nowhere.
        GatewayRefused: If it refuses.
    """
    query = {"start_time": _told(since), "end_time": _told(until), "page_size": str(PAGE)}
    asked = []
    while query and query not in asked:
        asked.append(query)
        answer = ask("GET", LIST, params=query)
        if not isinstance(answer.get("events"), list):
            raise GatewayUnavailable("PayPal's answer is no list of events")
        yield [
            msgspec.json.encode(event)
            for event in answer["events"]
            if isinstance(event, dict) and event.get("event_type") in EVENTS
        ]
        query = _next_page(answer)
    if query:
        raise GatewayUnavailable("PayPal's list of events leads in a circle")


def _next_page(answer: Mapping[str, Any]) -> dict[str, str]:
    """What to ask for next; of the link only the words count, so that it leads nowhere else."""
    for link in answer.get("links") or []:
        if isinstance(link, dict) and link.get("rel") == "next":
            return dict(parse_qsl(urlsplit(str(link.get("href") or "")).query))
    return {}


def _told(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _whose(reversal: Mapping[str, Any]) -> str:
    """The capture that was taken back: the reversal is named, and leads "up" to it."""
    for link in reversal.get("links") or []:
        if link.get("rel") == "up":
            return str(link["href"]).rpartition("/")[2]
    return str(reversal["id"])


def _custom_id_of_unit(resource: Mapping[str, Any]) -> str:
    units = resource.get("purchase_units") or [{}]
    return str(units[0].get("custom_id") or "")


def _instant(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else None
