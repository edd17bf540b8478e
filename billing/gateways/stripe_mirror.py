"""dj-stripe's part: its mirror of the account, and the endpoint that its webhooks come in at.

The mirror is for looking at. Nothing here, and nothing in its tables, decides what is paid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import stripe
from django.conf import settings
from django.urls import reverse
from djstripe.models import Account, APIKey, WebhookEndpoint

from billing.gateways.stripe_client import configured_client, gateway_error
from billing.gateways.stripe_secrets import cover_old_rows

UUID_KEY = "djstripe_uuid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A webhook endpoint as registered, and whether that was done only now."""

    reference: str
    url: str
    is_new: bool


def mirror_account() -> str:
    """Make dj-stripe know the account and the key, which all of its syncing needs."""
    client = configured_client()
    cover_old_rows()
    try:
        found = client.accounts.retrieve_current()
    except stripe.StripeError as error:
        raise gateway_error(error) from error
    account = Account.sync_from_stripe_data(found)
    live = settings.STRIPE_LIVE_MODE
    secret = settings.STRIPE_LIVE_SECRET_KEY if live else settings.STRIPE_TEST_SECRET_KEY
    APIKey.objects.update_or_create(
        secret=secret,
        defaults={"type": "secret", "livemode": live, "djstripe_owner_account": account},
    )
    return str(account.id)


def register_endpoint(*, base_url: str, events: Sequence[str]) -> Endpoint:
    """Register where Stripe sends its events, once; later calls only renew what is sent.

    The signing secret is told only when an endpoint is made. One that only the other side
    knows is therefore of no use, and is made anew.
    """
    try:
        return _register(configured_client(), base_url.rstrip("/"), list(events))
    except stripe.StripeError as error:
        raise gateway_error(error) from error


def _register(client: Any, base_url: str, events: list[str]) -> Endpoint:
    prefix = f"{base_url}{reverse('djstripe:djstripe_webhook_by_uuid', args=[uuid4()])}"
    prefix = prefix.rstrip("/").rpartition("/")[0] + "/"
    theirs = {
        endpoint.id: endpoint
        for endpoint in client.webhook_endpoints.list({"limit": 100}).auto_paging_iter()
        if endpoint.url.startswith(prefix)
    }
    ours = WebhookEndpoint.objects.filter(url__startswith=prefix).exclude(secret="")
    for known in ours:
        if known.id in theirs:
            client.webhook_endpoints.update(known.id, {"enabled_events": events})
            return Endpoint(reference=known.id, url=known.url, is_new=False)
    ours.delete()
    for stranger in theirs:
        client.webhook_endpoints.delete(stranger)
    return _create(client, prefix, events)


def _create(client: Any, prefix: str, events: list[str]) -> Endpoint:
    identity = str(uuid4())
    made = client.webhook_endpoints.create(
        {
            "url": f"{prefix}{identity}/",
            "enabled_events": events,
            "api_version": settings.STRIPE_API_VERSION,
            "description": "TikTokToe",
            "metadata": {UUID_KEY: identity},
        }
    )
    endpoint = WebhookEndpoint.sync_from_stripe_data(made)
    return Endpoint(reference=str(endpoint.id), url=str(endpoint.url), is_new=True)
