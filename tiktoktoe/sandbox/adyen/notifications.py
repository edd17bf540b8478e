"""Standard notifications: one event in each, signed with the endpoint's key."""

import base64
import binascii
import hashlib
import hmac

import msgspec

from tiktoktoe.sandbox.adyen.merchant import Merchant
from tiktoktoe.sandbox.core.account import snapshot
from tiktoktoe.sandbox.core.outbox import Parcel
from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.webhooks import Post, Webhooks

SIGNED = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")


class Notifications(Webhooks):
    """Events on their way to the shop. The shop has to answer "[accepted]"."""

    def __init__(self, merchant: Merchant) -> None:
        super().__init__(merchant)
        self._merchant = merchant

    def written(self, parcel: Parcel) -> Post | None:
        """The notification of an event."""
        event = self._merchant.store.find(parcel.event)
        if event is None or not self._merchant.terms.webhook:
            return None
        key, url = self._merchant.terms.hmac_key, self._merchant.terms.webhook
        if "token" in event:
            content, headers = token_event(event["token"], key)
            return Post(url, content, headers, _is_accepted)
        content = msgspec.json.encode(notification(event["item"], key))
        return Post(url, content, {}, _is_accepted)


def notification(item: Json, key: str) -> Json:
    """The body that tells of one event."""
    signed = snapshot(item)
    signed["additionalData"] = {**signed.get("additionalData", {})}
    signed["additionalData"]["hmacSignature"] = signature(item, key)
    return {"live": "false", "notificationItems": [{"NotificationRequestItem": signed}]}


def token_event(told: Json, key: str) -> tuple[bytes, dict[str, str]]:
    """The webhook of a stored card: signed as a whole, in a header."""
    content = msgspec.json.encode(told)
    digest = hmac.new(binascii.unhexlify(key), content, hashlib.sha256).digest()
    return content, {"HmacSignature": base64.b64encode(digest).decode(), "Protocol": "HmacSHA256"}


def signature(item: Json, key: str) -> str:
    """The signature of an event, which covers these fields and no others.

    Source: docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures.
    """
    parts = [str(item.get(name) or "") for name in SIGNED]
    amount = item["amount"]
    parts += [str(amount["value"]), amount["currency"], item["eventCode"], item["success"]]
    digest = hmac.new(binascii.unhexlify(key), ":".join(parts).encode(), hashlib.sha256)
    return base64.b64encode(digest.digest()).decode()


def _is_accepted(status: int, content: bytes) -> bool:
    return 200 <= status < 300 and content.strip() == b"[accepted]"
