"""Stripe's webhooks: signed for each endpoint. Undelivered ones are tried for three days.

Source: docs.stripe.com/webhooks: live mode tries for up to three days.
"""

import hashlib
import hmac
import time

import msgspec

from tiktoktoe.sandbox.core.outbox import Parcel
from tiktoktoe.sandbox.core.webhooks import Post
from tiktoktoe.sandbox.core.webhooks import Webhooks as CoreWebhooks


class Webhooks(CoreWebhooks):
    """Events on their way to endpoints."""

    def written(self, parcel: Parcel) -> Post | None:
        """The event, with the signature of its endpoint."""
        store = self._account.store
        event, endpoint = store.find(parcel.event), store.find(parcel.endpoint)
        if event is None or endpoint is None:
            return None
        content = msgspec.json.encode(event)
        secret = store.private(parcel.endpoint)["secret"]
        headers = {
            "User-Agent": "Stripe/1.0 (sandbox)",
            "Stripe-Signature": signature(content, secret, int(time.time())),
        }
        return Post(endpoint["url"], content, headers)

    def taken(self, parcel: Parcel) -> None:
        """One endpoint less is waited for."""
        event = self._account.store.find(parcel.event)
        if event is not None:
            event["pending_webhooks"] -= 1


def signature(content: bytes, secret: str, at: int) -> str:
    """The value of the Stripe-Signature header.

    Source: docs.stripe.com/webhooks/signature: HMAC-SHA256 of "timestamp.payload".
    """
    signed = f"{at}.".encode() + content
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
