"""Coupons with what is left of them, and prepaid credits."""

from collections.abc import Mapping
from typing import Any

from billing.errors import CouponInvalid
from billing.models import CouponRedemption, PrepaidCredit, Wallet
from billing.services.credit.coupons import redeem_coupon
from billing.services.credit.wallets import grant_prepaid, open_wallet
from billing.services.moving_in.arrivals import REASON, Arrival, customer_named, subscription_named
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import local_midnight


def take_coupon(given: Mapping[str, Any], by: Arrival) -> bool:
    customer = customer_named(given)
    subscription = subscription_named(given["subscription"]) if given["subscription"] else None
    code = given["coupon"].upper()
    mine = CouponRedemption.objects.filter(coupon__code=code, customer=customer)
    if mine.filter(subscription=subscription).exists():
        return False
    redemption = redeem_coupon(
        code=code, customer=customer, subscription=subscription, actor=by.actor, at=by.at
    )
    for name, column in (("amount_left", "amount_left"), ("invoices_left", "uses_left")):
        left, whole = given[name], getattr(redemption, column)
        if left is None:
            continue
        if whole is None or not 0 < left <= whole:
            words = f"is not between 1 and {whole}" if whole else "goes not with this coupon"
            raise CouponInvalid(words, field=name)
        setattr(redemption, column, left)
    redemption.save(update_fields=["amount_left", "uses_left"])
    return True


def take_credits(given: Mapping[str, Any], by: Arrival) -> bool:
    customer = customer_named(given)
    currency = given["currency"] or customer.currency
    key = f"moved-in:{given['key']}"
    is_known = PrepaidCredit.objects.filter(idempotency_key=key).exists()
    held = Wallet.objects.filter(customer=customer, currency=currency, name=given["wallet"])
    wallet = held.first() or open_wallet(
        customer=customer, currency=currency, name=given["wallet"], at=by.at
    )
    expires_on = given["expires_on"]
    grant_prepaid(
        wallet=wallet,
        amount=Money(given["amount"], currency),
        reason=REASON,
        idempotency_key=key,
        expires_at=local_midnight(expires_on, customer.time_zone) if expires_on else None,
        actor=by.actor,
        at=by.at,
    )
    return not is_known
