"""Coupons are made, redeemed, taken away, and given back what a void invoice used of them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet

from billing.errors import CouponInvalid
from billing.models import Coupon, CouponRedemption, CouponUse, Invoice
from billing.services.payments.payment_events import actor_name
from subscriptions.models import Customer, Meter, Plan, Price, Subscription
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money, quantize

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponDetails:
    """What a coupon gives, how long, and to whom; an amount or a percentage."""

    code: str
    name: str
    amount: Money | None = None
    percentage: Decimal | None = None
    monthly_cap: Money | None = None
    duration: str = Coupon.Duration.ONCE
    periods: int | None = None
    max_redemptions: int | None = None
    max_per_customer: int = 1
    expires_at: datetime | None = None
    plans: Sequence[Plan] = ()
    meters: Sequence[Meter] = ()
    price_codes: Sequence[str] = ()


@transaction.atomic
def create_coupon(*, details: CouponDetails, at: datetime) -> Coupon:
    """Offer a coupon.

    Raises:
        CouponInvalid: If its code is taken, or its numbers make no sense.
    """
    _check(details)
    coupon = Coupon.objects.create(
        code=details.code.upper(),
        name=details.name,
        kind=Coupon.Kind.AMOUNT if details.amount else Coupon.Kind.PERCENT,
        amount=details.amount.amount if details.amount else None,
        currency=_currency(details),
        percentage=details.percentage,
        monthly_cap=details.monthly_cap.amount if details.monthly_cap else None,
        duration=details.duration,
        periods=details.periods,
        max_redemptions=details.max_redemptions,
        max_per_customer=details.max_per_customer,
        expires_at=details.expires_at,
        price_codes=sorted(set(details.price_codes)),
        created_at=at,
    )
    coupon.plans.set(details.plans)
    coupon.meters.set(details.meters)
    return coupon


@transaction.atomic
def archive_coupon(*, coupon: Coupon, at: datetime) -> Coupon:
    """Let nobody redeem it any more; who has it keeps it."""
    Coupon.objects.filter(pk=coupon.pk, archived_at=None).update(archived_at=at)
    coupon.refresh_from_db()
    return coupon


@transaction.atomic
def redeem_coupon(
    *,
    code: str,
    customer: Customer,
    actor: Actor,
    at: datetime,
    subscription: Subscription | None = None,
) -> CouponRedemption:
    """Give a customer a coupon, for all its subscriptions or one; it counts from the next invoice.

    Raises:
        CouponInvalid: If there is no such coupon, it cannot be redeemed any more, or the
            customer has it already.
    """
    coupon = _redeemable(Coupon.objects.select_for_update(), code, at)
    if subscription is not None and subscription.customer_id != customer.pk:
        raise CouponInvalid("the subscription is another customer's", field="subscription")
    had = list(coupon.redemptions.filter(customer=customer))
    target = subscription.pk if subscription else None
    live = [r for r in had if r.state == CouponRedemption.State.ACTIVE]
    if any(row.subscription_id == target for row in live) or len(had) >= coupon.max_per_customer:
        raise _refused("it was redeemed already")
    once_amount = coupon.kind == Coupon.Kind.AMOUNT and coupon.duration == Coupon.Duration.ONCE
    uses: dict[str, int | None] = {
        Coupon.Duration.ONCE: None if once_amount else 1,
        Coupon.Duration.REPEATING: coupon.periods,
        Coupon.Duration.FOREVER: None,
    }
    redemption = CouponRedemption.objects.create(
        coupon=coupon,
        customer=customer,
        subscription=subscription,
        number=len(had) + 1,
        amount_left=coupon.amount if once_amount else None,
        uses_left=uses[coupon.duration],
        actor=actor_name(actor)[:64],
        redeemed_at=at,
    )
    logger.info("coupon redeemed", extra={"coupon": coupon.code, "customer": customer.pk})
    return redemption


def ensure_redeemable(code: str, *, at: datetime) -> None:
    """Refuse a code that nobody could redeem at an instant, by what is known now.

    Raises:
        CouponInvalid: If there is no such coupon, or it cannot be redeemed any more then.
    """
    _redeemable(Coupon.objects.all(), code, at)


@transaction.atomic
def withdraw_redemption(*, redemption: CouponRedemption) -> CouponRedemption:
    """Take a coupon away from a customer; what it took off stays."""
    live = CouponRedemption.objects.filter(pk=redemption.pk, state=CouponRedemption.State.ACTIVE)
    live.update(state=CouponRedemption.State.WITHDRAWN)
    redemption.refresh_from_db()
    return redemption


def return_coupons(*, invoice: Invoice) -> None:
    """Give back what a void invoice used of its coupons; in the caller's transaction."""
    CouponUse.objects.filter(invoice=invoice, is_returned=False).update(is_returned=True)


def _currency(details: CouponDetails) -> str:
    """Of its amount, or its cap; a percentage without a cap has none."""
    named = details.amount or details.monthly_cap
    return named.currency.code if named else ""


def _check_cap(cap: Money, details: CouponDetails) -> None:
    if cap.amount <= 0 or quantize(cap) != cap:
        raise CouponInvalid(f"{cap} is no payable amount above zero", field="monthly_cap")
    if details.amount and details.amount.currency != cap.currency:
        raise CouponInvalid("it is in another currency than the amount", field="monthly_cap")
    if details.amount and details.duration == Coupon.Duration.ONCE:
        raise CouponInvalid(
            "an amount that is given once has no months",
            field="monthly_cap",
            remedy="let it repeat, or leave the cap out",
        )


def _check(details: CouponDetails) -> None:
    if bool(details.amount) == bool(details.percentage):
        raise CouponInvalid("give an amount or a percentage", field="amount")
    if details.amount and (
        details.amount.amount <= 0 or quantize(details.amount) != details.amount
    ):
        raise CouponInvalid(f"{details.amount} is no payable amount above zero", field="amount")
    if details.monthly_cap is not None:
        _check_cap(details.monthly_cap, details)
    if details.percentage and not 0 < details.percentage <= 100:
        raise CouponInvalid("a percentage is above 0 and at most 100", field="percentage")
    if (details.duration == Coupon.Duration.REPEATING) != bool(details.periods):
        raise CouponInvalid("say how often a repeating one counts, and only then", field="periods")
    sold = Price.objects.filter(code__in=details.price_codes).values_list("code", flat=True)
    if unknown := sorted(set(details.price_codes) - set(sold)):
        raise CouponInvalid(f"no plan has a price called {unknown[0]}", field="price_codes")
    if Coupon.objects.filter(code=details.code.upper()).exists():
        raise CouponInvalid("another coupon has this code", field="code")


def _redeemable(coupons: "QuerySet[Coupon]", code: str, at: datetime) -> Coupon:
    coupon = coupons.filter(code=code.strip().upper()).first()
    if coupon is None:
        raise _refused("there is no such coupon")
    _check_redeemable(coupon, at)
    return coupon


def _check_redeemable(coupon: Coupon, at: datetime) -> None:
    if coupon.archived_at is not None or (coupon.expires_at and coupon.expires_at <= at):
        raise _refused("it cannot be redeemed any more")
    if coupon.max_redemptions is not None and coupon.redeemed_count >= coupon.max_redemptions:
        raise _refused("it has been redeemed as often as it may")


def _refused(why: str) -> CouponInvalid:
    return CouponInvalid(why, field="coupon_code", remedy="try another code, or none")
