"""Links that open one invoice for paying: made, found by their token, used, revoked.

A token is 256 random bits, told once; what is kept is its SHA-256.
"""

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import transaction
from django.urls import reverse

from billing.domain.part_amounts import Part
from billing.domain.presence import Presence
from billing.errors import PayLinkEnded, PayLinkInvalid
from billing.gateways.registry import DEFAULT_GATEWAY
from billing.models import Invoice, PayLink, PaymentAttempt, PaymentMethod
from billing.services.payments.addresses import absolute
from billing.services.payments.checkout import charge_present_customer, open_payment_page
from billing.services.payments.payment_events import actor_name
from subscriptions.services.transitions import Actor

logger = logging.getLogger(__name__)

FIX_FOR = timedelta(hours=72)
SHARE_DAYS_MAX = 90
BY_LINK = Actor(source="pay_link")


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeLink:
    """A new link, with the only time its address can be told."""

    link: PayLink
    address: str


def make_fix_link(*, invoice: Invoice, actor: Actor, at: datetime) -> MadeLink:
    """A link for an e-mail about a payment that failed: short-lived, and paid by once."""
    return _make(invoice, PayLink.Kind.FIX, FIX_FOR, actor, at)


def make_share_link(*, invoice: Invoice, days: int, actor: Actor, at: datetime) -> MadeLink:
    """A link that staff pass on; it serves until it expires, is revoked, or all is paid.

    Raises:
        PayLinkInvalid: If there is nothing to pay, or the days are not 1 to 90.
    """
    if not 1 <= days <= SHARE_DAYS_MAX:
        raise PayLinkInvalid(f"{days} days", field="days", remedy=f"1 to {SHARE_DAYS_MAX}")
    if invoice.state not in {"open", "uncollectible"} or invoice.amount_due.amount <= 0:
        raise PayLinkInvalid(f"nothing is to be paid on {invoice}", field="invoice")
    return _make(invoice, PayLink.Kind.SHARE, timedelta(days=days), actor, at)


def find_link(*, token: str, at: datetime) -> PayLink:
    """The link of a token.

    Raises:
        PayLinkEnded: If there is none, or it has expired or was revoked; it does not say which.
    """
    links = PayLink.objects.select_related("invoice__customer__clock")
    link = links.filter(token_hash=_hash(token)).first()
    if link is None or not link.is_usable(_own_time(link, at)):
        raise PayLinkEnded("this link cannot be used any more")
    return link


def pay_by_link(
    *,
    link: PayLink,
    is_mine: bool,
    saves_method: bool,
    at: datetime,
    part: Part | None = None,
    gateway: str = DEFAULT_GATEWAY,
) -> tuple[str, PayLink]:
    """Open the payment page of the link's invoice; gives its address.

    Talks to the gateway: wrap no transaction around it.

    Args:
        link: As it was found.
        is_mine: Whether who asks is who used it first.
        saves_method: Keep the method for later invoices.
        part: Of what is due; all by default.
        gateway: On whose page.
        at: Now.

    Raises:
        PayLinkEnded: If somebody else has used it, or it has ended meanwhile.
        Whatever `open_payment_page` raises.
    """
    claimed = _claim(link, is_mine=is_mine, at=at)
    address = open_payment_page(
        invoice=claimed.invoice,
        saves_method=saves_method,
        gateway=gateway,
        part=part,
        actor=BY_LINK,
        at=at,
    )
    return address, claimed


def pay_by_card(
    *,
    link: PayLink,
    is_mine: bool,
    method: PaymentMethod,
    present: Presence,
    at: datetime,
    part: Part | None = None,
) -> tuple[PaymentAttempt, PayLink]:
    """Charge a stored card for the link's invoice; its bank may ask whoever is there to confirm.

    Talks to the gateway: wrap no transaction around it.

    Raises:
        PayLinkEnded: If somebody else has used it, it has ended, or is one that is passed on.
        Whatever `charge_present_customer` raises.
    """
    if link.kind != PayLink.Kind.FIX:
        raise PayLinkEnded("this link pays on pages only")
    claimed = _claim(link, is_mine=is_mine, at=at)
    attempt = charge_present_customer(
        invoice=claimed.invoice, method=method, present=present, part=part, actor=BY_LINK, at=at
    )
    return attempt, claimed


@transaction.atomic
def revoke_link(*, link: PayLink, actor: Actor, at: datetime) -> PayLink:
    """Let a link open nothing any more; one that was revoked stays as it is."""
    locked = PayLink.objects.select_for_update(of=("self",)).get(pk=link.pk)
    if locked.revoked_at is None:
        locked.revoked_at, locked.revoked_by = at, actor_name(actor)[:64]
        locked.save(update_fields=["revoked_at", "revoked_by"])
        logger.info("pay link revoked", extra={"link": locked.pk})
    return locked


@transaction.atomic
def _claim(link: PayLink, *, is_mine: bool, at: datetime) -> PayLink:
    links = PayLink.objects.select_for_update(of=("self",))
    locked = links.select_related("invoice__customer__clock").get(pk=link.pk)
    is_others = locked.kind == PayLink.Kind.FIX and locked.used_at is not None and not is_mine
    if is_others or not locked.is_usable(_own_time(locked, at)):
        raise PayLinkEnded("this link cannot be used any more")
    if locked.used_at is None:
        locked.used_at = at
        locked.save(update_fields=["used_at"])
    return locked


def _own_time(link: PayLink, at: datetime) -> datetime:
    """What time it is for the link's customer: a test clock's, where it lives by one."""
    clock = link.invoice.customer.clock
    return clock.at if clock is not None else at


def _make(
    invoice: Invoice, kind: PayLink.Kind, lasts: timedelta, actor: Actor, at: datetime
) -> MadeLink:
    token = secrets.token_urlsafe(32)
    link = PayLink.objects.create(
        invoice=invoice,
        kind=kind,
        token_hash=_hash(token),
        created_at=at,
        created_by=actor_name(actor)[:64],
        expires_at=at + lasts,
    )
    logger.info("pay link made", extra={"link": link.pk, "invoice": invoice.number})
    return MadeLink(link=link, address=absolute(reverse("pay_link", args=[token])))


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
