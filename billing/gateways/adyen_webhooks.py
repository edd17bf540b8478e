"""Adyen's standard notifications: what is signed in them, and what that proves.

The signature covers the references, the amount, the event's code and its success, and nothing
else: what else a notification tells, such as a reason, is shown at most and decides nothing.
Source: docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from billing.domain.adyen_declines import adyen_decline
from billing.domain.attempts import Answer
from billing.errors import WebhookForged, WebhookUnreadable
from billing.gateways.adyen_disputes import DISPUTE_CODES, dispute_of
from billing.gateways.adyen_objects import from_adyen
from billing.gateways.base import GatewayEvent, Outcome
from tiktoktoe.kernel.errors import InvalidInput

ITEMS_MAX = 50
_SENSELESS = (KeyError, TypeError, ValueError, RecursionError, InvalidInput)
_SIGNED = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
Item = Mapping[str, Any]


def events_of(body: bytes, *, keys: tuple[str, ...], merchant: str) -> list[GatewayEvent]:
    """The events of a notification, all of them signed with one of our keys.

    Raises:
        WebhookUnreadable: If it is no notification.
        WebhookForged: If one of its events is not signed, or is for another merchant.
    """
    items = _items(body)
    for item in items:
        if not is_signed(item, keys):
            raise WebhookForged("the signature is missing or wrong")
        if item["merchantAccountCode"] != merchant:
            raise WebhookForged("the event is for another merchant account")
    return [event_of(item) for item in items]


def is_signed(item: Item, keys: tuple[str, ...]) -> bool:
    """Whether an event bears the signature by one of the keys."""
    given = str((item.get("additionalData") or {}).get("hmacSignature") or "").encode()
    return any(hmac.compare_digest(signature(item, key).encode(), given) for key in keys)


def signature(item: Item, key: str) -> str:
    """The signature that an event has to bear."""
    amount = item["amount"]
    parts = [str(item.get(name) or "") for name in _SIGNED]
    parts += [str(amount["value"]), str(amount["currency"])]
    parts += [str(item["eventCode"]), str(item["success"])]
    digest = hmac.new(binascii.unhexlify(key), ":".join(parts).encode(), hashlib.sha256)
    return base64.b64encode(digest.digest()).decode()


def _items(body: bytes) -> list[Item]:
    try:
        wrappers = msgspec.json.decode(body)["notificationItems"]
        items = [wrapper["NotificationRequestItem"] for wrapper in wrappers]
        for item in items:
            _check(item)
    except (*_SENSELESS, msgspec.DecodeError) as error:
        raise WebhookUnreadable("this is no notification of Adyen's") from error
    if not 0 < len(items) <= ITEMS_MAX:
        raise WebhookUnreadable(f"a notification has 1 to {ITEMS_MAX} events")
    return items


def _check(item: Item) -> None:
    """See that what is signed is there.

    Raises:
        KeyError, TypeError, ValueError: If it is not.
    """
    for name in ("pspReference", "merchantAccountCode", "eventCode", "success"):
        if not isinstance(item[name], str):
            raise TypeError(name)
    from_adyen(item["amount"])
    str(item["amount"]["currency"])
    if not isinstance(item.get("additionalData") or {}, dict):
        raise TypeError("additionalData")


def event_of(item: Item) -> GatewayEvent:
    """What an event says."""
    code = str(item["eventCode"])
    about, read = _MEANINGS.get(code, ("other", _nothing))
    details = item.get("additionalData") or {}
    return GatewayEvent(
        event_id=f"{item['pspReference']}:{code}:{item['success']}",
        name=code,
        about=about,
        reference=str(item["pspReference"]),
        our_reference=str(item.get("merchantReference") or ""),
        customer_reference=str(details.get("shopperReference") or ""),
        happened_at=_instant(item.get("eventDate")),
        outcome=read(item),
        dispute=dispute_of(item),
    )


def _authorisation(item: Item) -> Outcome:
    reference = str(item["pspReference"])
    if item["success"] == "true":
        amount = from_adyen(item["amount"])
        return Outcome(answer=Answer.SUCCEEDED, reference=reference, amount=amount)
    # The reason is not signed, and no code is told: a decline, of a kind that nobody knows.
    decline = adyen_decline()
    return Outcome(answer=Answer.DECLINED, reference=reference, decline=decline)


def _refund(item: Item) -> Outcome:
    answer = Answer.SUCCEEDED if item["success"] == "true" else Answer.DECLINED
    amount = from_adyen(item["amount"])
    return Outcome(answer=answer, reference=str(item["pspReference"]), amount=amount)


def _refund_failed(item: Item) -> Outcome:
    return Outcome(answer=Answer.DECLINED, reference=str(item["pspReference"]))


def _capture(item: Item) -> Outcome:
    """A capture was carried out, or not."""
    return _refund(item)


def _cancellation(item: Item) -> Outcome:
    answer = Answer.ABANDONED if item["success"] == "true" else Answer.DECLINED
    return Outcome(answer=answer, reference=str(item["pspReference"]))


def _expiry(item: Item) -> Outcome:
    return Outcome(answer=Answer.ABANDONED, reference=str(item["pspReference"]))


def _nothing(_item: Item) -> None:
    return None


_MEANINGS: Mapping[str, tuple[str, Callable[[Item], Outcome | None]]] = {
    "AUTHORISATION": ("payment", _authorisation),
    "CAPTURE": ("operation", _capture),
    "CAPTURE_FAILED": ("operation", _refund_failed),
    "CANCELLATION": ("operation", _cancellation),
    "TECHNICAL_CANCEL": ("operation", _cancellation),  # of one whose name we never heard
    "EXPIRE": ("hold", _expiry),
    "REFUND": ("refund", _refund),
    "REFUND_FAILED": ("refund", _refund_failed),
    "REFUNDED_REVERSED": ("refund", _refund_failed),
    # The shopper left: what has become of the page is read.
    "OFFER_CLOSED": ("payment", _nothing),
    "RECURRING_CONTRACT": ("method", _nothing),
    "REPORT_AVAILABLE": ("report", _nothing),
    **dict.fromkeys(sorted(DISPUTE_CODES), ("dispute", _nothing)),
}


def _instant(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
