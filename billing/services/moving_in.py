"""What customers bring along from another engine: stored methods, coupons, credits, add-ons.

Each row is taken in by the service that a page would call, so that nothing gets past its rules;
all of a file, or nothing. What is there already is left alone.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from billing.domain.belongings import FIELDS, BelongingKind
from billing.errors import CouponInvalid, MethodInvalid
from billing.gateways.registry import gateway_names
from billing.models import (
    CouponRedemption,
    GatewayCustomer,
    PaymentMethod,
    PrepaidCredit,
    Wallet,
)
from billing.services.changes.add_ons import check_interval, check_meters
from billing.services.credit.coupons import redeem_coupon
from billing.services.credit.wallets import grant_prepaid, open_wallet
from billing.services.payments.payment_methods import set_default_method
from subscriptions.domain.moving_in import ReadRow, RowError
from subscriptions.errors import AddOnInvalid, CustomerInvalid, SubscriptionInvalid
from subscriptions.models import Customer, PlanVersion, Subscription
from subscriptions.services.add_ons import current_add_on, put_add_on
from subscriptions.services.changes import ensure_live
from subscriptions.services.lifecycle import lock_subscription
from subscriptions.services.meters import hold_meters
from subscriptions.services.moving_in import MovedIn, read_file
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import local_date, local_midnight

logger = logging.getLogger(__name__)
REASON = "Moved in"


@dataclass(frozen=True, slots=True)
class _By:
    """By whom and when."""

    actor: Actor
    at: datetime


def move_belongings_in(
    *,
    kind: BelongingKind,
    text: str,
    actor: Actor,
    at: datetime,
    mapping: Mapping[str, str] | None = None,
    is_dry_run: bool = True,
) -> MovedIn:
    """Check a CSV file and, unless it is a dry run or a line is wrong, take all of it in.

    Raises:
        InvalidInput: If it is no such file at all: unreadable, too long, columns missing.
    """
    rows, errors = read_file(FIELDS[kind], text, mapping or {})
    result = MovedIn(kind=kind, errors=errors)
    take = TAKERS[kind]
    with transaction.atomic():
        for row in rows:
            _take(take, row, result, _By(actor, at))
        result.is_written = not is_dry_run and not result.errors
        transaction.set_rollback(not result.is_written)
    result.errors.sort(key=lambda error: (error.line, error.field))
    if result.is_written:
        logger.info("moved in", extra={"kind": str(kind), "made": result.made})
    return result


def _take(
    take: Callable[[Mapping[str, Any], _By], bool], row: ReadRow, result: MovedIn, by: _By
) -> None:
    """One row; what it is refused for is said by line and field, and nothing of it stays."""
    try:
        with transaction.atomic():
            is_new = take(row.values, by)
    except InvalidInput as refusal:
        said = f"{refusal.message}{f' ({refusal.remedy})' if refusal.remedy else ''}"
        result.errors.append(RowError(row.line, refusal.field, said))
    except Conflict as refusal:
        result.errors.append(RowError(row.line, "", str(refusal)))
    else:
        result.made += is_new
        result.known += not is_new


def _customer(given: Mapping[str, Any]) -> Customer:
    customer = Customer.objects.filter(external_id=given["customer"]).first()
    if customer is None:
        raise CustomerInvalid("there is no such customer", field="customer")
    return customer


def _subscription(reference: str) -> Subscription:
    found = Subscription.objects.filter(reference=reference).first()
    if found is None:
        raise SubscriptionInvalid("there is no such subscription", field="subscription")
    return found


def _take_method(given: Mapping[str, Any], by: _By) -> bool:
    """A token that the gateway holds for the customer; the gateway is not asked about it here."""
    customer = _customer(given)
    gateway, reference = given["gateway"], given["reference"]
    if gateway not in gateway_names():
        raise MethodInvalid(
            f"{gateway!r} is no gateway here", field="gateway", remedy=", ".join(gateway_names())
        )
    if len(given["last4"]) > 4 or not (given["last4"] or "0").isdecimal():
        raise MethodInvalid("four digits at most", field="last4")
    if given["expires"] is not None and given["expires"] < by.at.date():
        raise MethodInvalid("has expired", field="expires", remedy="leave it out")
    known = PaymentMethod.objects.filter(gateway=gateway, gateway_reference=reference).first()
    if known is not None:
        if known.customer_id != customer.pk:
            raise MethodInvalid(f"is stored for {known.customer} already", field="reference")
        return False
    _know(customer, gateway, given["customer_reference"], by.at)
    method = PaymentMethod.objects.create(
        customer=customer,
        gateway=gateway,
        gateway_reference=reference,
        kind=given["kind"],
        brand=given["brand"],
        last4=given["last4"],
        expires_on=given["expires"],
        country=given["country"][:2],
        created_at=by.at,
    )
    usable = PaymentMethod.objects.usable().filter(customer=customer)
    if given["is_default"] or not usable.filter(is_default=True).exists():
        set_default_method(method=method)
    return True


def _know(customer: Customer, gateway: str, reference: str, at: datetime) -> None:
    """What the gateway calls the customer; each has one name there."""
    known = GatewayCustomer.objects.filter(gateway=gateway)
    mine = known.filter(customer=customer).first()
    if mine is not None and mine.gateway_reference != reference:
        raise MethodInvalid(
            f"the customer is {mine.gateway_reference} there", field="customer_reference"
        )
    other = known.filter(gateway_reference=reference).exclude(customer=customer).first()
    if other is not None:
        raise MethodInvalid(f"is {other.customer} there", field="customer_reference")
    if mine is None:
        GatewayCustomer.objects.create(
            customer=customer, gateway=gateway, gateway_reference=reference, created_at=at
        )


def _take_coupon(given: Mapping[str, Any], by: _By) -> bool:
    customer = _customer(given)
    subscription = _subscription(given["subscription"]) if given["subscription"] else None
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


def _take_credits(given: Mapping[str, Any], by: _By) -> bool:
    customer = _customer(given)
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


def _take_add_on(given: Mapping[str, Any], by: _By) -> bool:
    """It is there from today on, and billed with the next period: the running one was elsewhere."""
    asked = _subscription(given["subscription"])
    hold_meters(asked.customer_id)
    locked = lock_subscription(asked)
    ensure_live(locked)
    versions = PlanVersion.objects.published().filter(
        plan__code=given["add_on"],
        plan__is_add_on=True,
        currency=locked.currency,
        effective_from__lte=by.at,
    )
    version = versions.select_related("plan").order_by("-number").first()
    if version is None:
        raise AddOnInvalid(f"nothing of it is on sale in {locked.currency}", field="add_on")
    if given["quantity"] < 1:
        raise AddOnInvalid("at least 1", field="quantity")
    held = current_add_on(locked, version, by.at)
    if held is not None:
        if held.quantity != given["quantity"]:
            raise AddOnInvalid(f"it has {held.quantity} already", field="quantity")
        return False
    check_interval(locked, version)
    check_meters(locked, version, by.at)
    today = local_midnight(local_date(by.at, locked.time_zone), locked.time_zone)
    put_add_on(
        subscription=locked,
        version=version,
        quantity=given["quantity"],
        boundary=max(today, locked.current_period_start),
        is_scheduled=False,
        owes_setup=False,
        actor=by.actor,
        reason=REASON,
        at=by.at,
    )
    return True


TAKERS: Mapping[BelongingKind, Callable[[Mapping[str, Any], _By], bool]] = {
    BelongingKind.PAYMENT_METHODS: _take_method,
    BelongingKind.COUPONS: _take_coupon,
    BelongingKind.WALLETS: _take_credits,
    BelongingKind.ADD_ONS: _take_add_on,
}
