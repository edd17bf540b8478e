"""Endpoints: made with a secret that is shown once, switched off and on, removed."""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from billing.domain.webhook_signing import endpoint_secret
from billing.errors import WebhookInvalid
from billing.gateways.webhook_post import AddressRefused, check_url
from billing.models import WebhookDelivery, WebhookEndpoint
from billing.services.announcements.company_mail import tell_company
from tiktoktoe.kernel.ids import short_id

logger = logging.getLogger(__name__)
SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint and its secret, which is shown this once."""

    endpoint: WebhookEndpoint
    secret: str


@transaction.atomic
def create_endpoint(
    *, url: str, kinds: Sequence[str], at: datetime, description: str = ""
) -> NewEndpoint:
    """Let a system be told of events; without kinds it is told of all.

    Raises:
        WebhookInvalid: If the address cannot be sent to.
    """
    try:
        check_url(url, allows_private=settings.WEBHOOKS_ALLOW_PRIVATE)
    except AddressRefused as refusal:
        raise WebhookInvalid(str(refusal), field="url", remedy="write https://…") from None
    endpoint = WebhookEndpoint.objects.create(
        reference=short_id("whe"),
        url=url,
        description=description,
        kinds=sorted(kinds),
        salt=secrets.token_bytes(SALT_BYTES),
        created_at=at,
    )
    logger.info("webhook endpoint created", extra={"endpoint": endpoint.reference})
    return NewEndpoint(endpoint, secret_of(endpoint))


@transaction.atomic
def renew_secret(*, endpoint: WebhookEndpoint) -> NewEndpoint:
    """Give an endpoint another secret; the old one signs nothing from now on."""
    locked = _lock(endpoint)
    locked.salt = secrets.token_bytes(SALT_BYTES)
    locked.save(update_fields=["salt"])
    return NewEndpoint(locked, secret_of(locked))


@transaction.atomic
def disable_endpoint(*, endpoint: WebhookEndpoint, reason: str) -> WebhookEndpoint:
    """Send an endpoint nothing for now; its events wait."""
    locked = _lock(endpoint)
    if locked.state == WebhookEndpoint.State.ACTIVE:
        locked.state, locked.state_reason = WebhookEndpoint.State.DISABLED, reason[:200]
        locked.save(update_fields=["state", "state_reason"])
        logger.warning("webhook endpoint disabled", extra={"endpoint": locked.reference})
    return locked


@transaction.atomic
def enable_endpoint(*, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Send to an endpoint again; what waited is sent at once."""
    locked = _lock(endpoint)
    if locked.state == WebhookEndpoint.State.DISABLED:
        locked.state, locked.state_reason = WebhookEndpoint.State.ACTIVE, ""
        locked.failing_since = None
        locked.save(update_fields=["state", "state_reason", "failing_since"])
    return locked


@transaction.atomic
def remove_endpoint(*, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Never send to an endpoint again; what waited is given up, and its log stays."""
    locked = _lock(endpoint)
    locked.state = WebhookEndpoint.State.REMOVED
    locked.save(update_fields=["state"])
    waiting = WebhookDelivery.objects.filter(endpoint=locked, next_try_at__isnull=False)
    waiting.update(state=WebhookDelivery.State.FAILED, next_try_at=None)
    return locked


def tell_disabled(endpoint: WebhookEndpoint, *, reason: str) -> None:
    """Write to the company that an endpoint was disabled; its page says so in any case."""
    address = settings.BASE_URL + reverse("webhook_endpoint_detail", args=[endpoint.reference])
    text = (
        f"The webhook endpoint {endpoint.url} is disabled: {reason}.\n\n"
        f"Its events wait. When it works again, enable it here:\n{address}\n"
    )
    tell_company(
        subject="A webhook endpoint is disabled",
        text=text,
        about={"endpoint": endpoint.reference},
    )


def secret_of(endpoint: WebhookEndpoint) -> str:
    """What the endpoint's requests are signed with."""
    return endpoint_secret(
        key=settings.WEBHOOK_KEY, reference=endpoint.reference, salt=bytes(endpoint.salt)
    )


def _lock(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return WebhookEndpoint.objects.select_for_update(of=("self",)).get(pk=endpoint.pk)
