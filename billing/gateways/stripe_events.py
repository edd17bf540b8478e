"""Stripe's events, asked for: what its webhooks would have told.

Stripe tries an event for three days and keeps it for thirty. Source: docs.stripe.com/webhooks
(retries), docs.stripe.com/api/events.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import stripe
from djstripe.models import Event

from billing.gateways.stripe_client import body, configured_client, gateway_error

# What is heard: the webhook endpoint is registered for these.
EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.failed",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "mandate.updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payment_method.attached",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "payment_method.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
)
PAGE = 100


def events_since(since: datetime) -> Iterator[list[Mapping[str, Any]]]:
    """Every event that was made since then, in pages, the newest first.

    Raises:
        GatewayUnavailable: If Stripe cannot be reached.
        GatewayRefused: If it refuses.
    """
    client = configured_client()
    asked: dict[str, Any] = {"created": {"gte": int(since.timestamp())}, "limit": PAGE}
    while True:
        try:
            page = body(client.events.list(asked))
        except stripe.StripeError as error:
            raise gateway_error(error) from error
        events: list[Mapping[str, Any]] = page["data"]
        yield events
        if not page["has_more"] or not events:
            return
        asked["starting_after"] = events[-1]["id"]


def mirror_event(event: Mapping[str, Any]) -> None:
    """Let dj-stripe take an event in as if it had come by webhook; our receiver hears of it."""
    Event.process(dict(event))
