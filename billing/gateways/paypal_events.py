"""PayPal's events: what each one is about.

None proves anything by itself: each is a hint to look, at the object that it names.
Source: developer.paypal.com/api/rest/webhooks/event-names.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from billing.errors import WebhookUnreadable
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
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise WebhookUnreadable("this is no event of PayPal's") from error
    return GatewayEvent(
        event_id=identity,
        name=name,
        about="operation" if operation else about,
        reference=reference,
        our_reference=ours,
        happened_at=_instant(event.get("create_time")),
    )


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
