"""What payments have cost, in whichever currency a gateway tells it.

A fee in the payment's currency stands with the attempt, and is measured against the rules. One in
another, as of the payout's, is kept and booked as it was told: no rate of ours turns it into what
it is not.
"""

from datetime import datetime

from billing.models import ForeignFee, PaymentAttempt
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, zero


def take_fee(
    *, attempt: PaymentAttempt, fee: Money, at: datetime, reference: str = "", adds: bool = False
) -> None:
    """Take over what an attempt has cost; the caller has locked it, and saves it.

    A gateway that tells the same fee in another currency later has told it already.

    Args:
        reference: The capture of a hold that has cost it.
        adds: Whether it comes on top of what is known, as each capture's does.
    """
    is_own = fee.currency.code == attempt.currency
    is_told_otherwise = attempt.has_foreign_fee if is_own else attempt.fee is not None
    if is_told_otherwise and not adds:
        return
    if is_own:
        before = attempt.fee if adds and attempt.fee is not None else zero(attempt.currency)
        attempt.fee = before + fee
        return
    attempt.has_foreign_fee = True
    if fee.amount:
        keep_foreign_fees([foreign_fee(attempt, fee, at, reference=reference)])


def foreign_fee(
    attempt: PaymentAttempt, fee: Money, at: datetime, *, reference: str = ""
) -> ForeignFee:
    """A fee as it was told, not written yet."""
    return ForeignFee(
        id=uuid7(),
        attempt=attempt,
        reference=reference,
        currency=fee.currency.code,
        amount=fee.amount,
        at=at,
    )


def keep_foreign_fees(fees: list[ForeignFee]) -> None:
    """Write fees down, each once: what was told first stays."""
    ForeignFee.objects.bulk_create(fees, ignore_conflicts=True)
