"""Adyen's events of stored cards: made, renewed by the card's network, disabled.

They come as webhooks of their own kind: signed as a whole, in a header, with the key of that
webhook. Source: docs.adyen.com/online-payments/tokenization/create-tokens and
docs.adyen.com/api-explorer/Tokenization-webhooks (recurring.token.created, .updated, .disabled,
.alreadyExisting).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from billing.errors import WebhookForged
from billing.gateways.base import GatewayEvent

KIND = "recurring.token."
SIGNED_IN = "hmacsignature"


def token_event_of(
    headers: Mapping[str, str], body: bytes, *, keys: tuple[str, ...], merchant: str
) -> GatewayEvent | None:
    """The event of a stored card; None if the request is of another kind.

    It says no more than that the card has to be asked about.

    Raises:
        WebhookForged: If it is not signed with one of our keys, or for another merchant.
    """
    said = _said(body)
    if said is None:
        return None
    given = headers.get(SIGNED_IN, "").encode()
    if not any(hmac.compare_digest(signature(body, key).encode(), given) for key in keys):
        raise WebhookForged("the signature is missing or wrong")
    data: Mapping[str, Any] = said["data"]
    if data.get("merchantAccount") != merchant:
        raise WebhookForged("the event is for another merchant account")
    return GatewayEvent(
        event_id=f"{said['eventId']}:{said['type']}",
        name=str(said["type"]),
        about="token",
        reference=str(data.get("storedPaymentMethodId") or ""),
        customer_reference=str(data.get("shopperReference") or ""),
        happened_at=_instant(said.get("createdAt")),
    )


def signature(body: bytes, key: str) -> str:
    """The signature that a request has to bear."""
    digest = hmac.new(binascii.unhexlify(key), body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _said(body: bytes) -> Mapping[str, Any] | None:
    try:
        said = msgspec.json.decode(body)
    except (ValueError, RecursionError):  # no JSON, or no UTF-8
        return None
    is_token = isinstance(said, dict) and str(said.get("type") or "").startswith(KIND)
    return said if is_token and "eventId" in said and isinstance(said.get("data"), dict) else None


def _instant(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else None
