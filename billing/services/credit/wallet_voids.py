"""Prepaid credits are taken out of a wallet before anything used them: voided.

A mistake is put right, or what both sides agreed; what had been paid for is kept, as what
expires is. Source: Lago, `voided_credits` of a wallet transaction.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from billing.errors import CreditInvalid, CreditKeyReused
from billing.models import PrepaidCredit, PrepaidEntry, Wallet
from billing.queries.wallets import order_of_use
from billing.services.payments.payment_events import actor_name
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, quantize, total, zero

logger = logging.getLogger(__name__)


@transaction.atomic
def void_prepaid(
    *,
    wallet: Wallet,
    amount: Money | None,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> Money:
    """Take credits out of a wallet, in the order in which they would be used; gives how much.

    Without an amount, all that is left and has not expired. The same key takes them once.

    Raises:
        CreditInvalid: If that much is not there, the amount is not payable, or no reason is given.
        CreditKeyReused: If the key belongs to something else.
    """
    Wallet.objects.select_for_update(of=("self",)).get(pk=wallet.pk)
    known = _known(wallet, amount, idempotency_key)
    if known is not None:
        return known
    if not reason.strip():
        raise CreditInvalid("say why", field="reason")
    lots = PrepaidCredit.objects.filter(wallet=wallet, amount_left__gt=0)
    held = lots.exclude(expires_at__lte=at).select_for_update(of=("self",)).order_by("pk")
    ordered = sorted(held.select_related("wallet"), key=order_of_use)
    left = total((lot.amount_left for lot in ordered), wallet.currency)
    wanted = left if amount is None else amount
    _check(wallet, wanted, left)
    rest = wanted
    entries = []
    for number, lot in enumerate(ordered):
        taken = min(rest, lot.amount_left)
        rest -= taken
        if taken:
            entries.append(
                PrepaidEntry(
                    id=uuid7(),
                    credit=lot,
                    kind=PrepaidEntry.Kind.VOIDED,
                    currency=wallet.currency,
                    amount=-taken.amount,
                    reason=reason.strip()[:200],
                    actor=actor_name(actor)[:64],
                    idempotency_key=f"voided:{idempotency_key}:{number}",
                    at=at,
                )
            )
    PrepaidEntry.objects.bulk_create(entries)
    logger.info("prepaid credits voided", extra={"wallet": wallet.pk, "lots": len(entries)})
    return wanted


def _known(wallet: Wallet, amount: Money | None, key: str) -> Money | None:
    """What the key has taken already."""
    done = PrepaidEntry.objects.filter(idempotency_key__startswith=f"voided:{key}:")
    first = done.select_related("credit").first()
    if first is None:
        return None
    taken = Money(-(done.aggregate(sum=Sum("amount"))["sum"]), first.currency)
    if first.credit.wallet_id != wallet.pk or amount not in {None, taken}:
        raise CreditKeyReused(f"{key} is the key of other credits")
    return taken


def _check(wallet: Wallet, wanted: Money, left: Money) -> None:
    if wanted.currency.code != wallet.currency or quantize(wanted) != wanted:
        raise CreditInvalid(f"{wanted} is not in {wallet}", field="amount")
    if not left:
        raise CreditInvalid("nothing is left in it that could be voided", field="amount")
    if not zero(wallet.currency) < wanted <= left:
        raise CreditInvalid(
            f"{wanted} cannot be taken out of {left}",
            field="amount",
            remedy="above zero, and no more than is left",
        )
