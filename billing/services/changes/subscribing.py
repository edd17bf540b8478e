"""A subscription is started and its first bill made, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from billing.models import Invoice
from billing.queries.planned_prices import planned_versions
from billing.services.changes.first_add_ons import AddOnWanted, put_first_add_ons
from billing.services.credit.coupons import redeem_coupon
from billing.services.invoices.invoicing import bill_start
from subscriptions.errors import CustomerInvalid, SubscriptionInvalid
from subscriptions.models import Customer, PlanVersion, Subscription
from subscriptions.services.customers import CustomerDetails, add_member, create_customer
from subscriptions.services.lifecycle import activate_subscription
from subscriptions.services.signup import subscribe
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.periods import Alignment


@dataclass(frozen=True, slots=True)
class Started:
    """A new subscription, and its first invoice if something is due at once."""

    subscription: Subscription
    invoice: Invoice | None


@transaction.atomic
def start_subscription(
    *,
    customer: Customer,
    plan_version: PlanVersion,
    at: datetime,
    actor: Actor,
    quantity: int = 1,
    trial_days: int | None = None,
    alignment: Alignment = Alignment.ANNIVERSARY,
    anchor_day: int | None = None,
    starts_at: datetime | None = None,
    coupon_code: str = "",
    needs_payment: bool = False,
    reference: str = "",
    add_ons: Sequence[AddOnWanted] = (),
) -> Started:
    """Subscribe a customer and bill the fee in advance, less a coupon if a code is given.

    Add-ons begin with it, and are on its first bill.

    The terms are those of `subscribe`. The same `reference` gives the subscription that is
    there, so that a form that is sent twice starts one.

    Raises:
        CouponInvalid: If the code cannot be redeemed; then nothing is kept.
        AddOnInvalid: If an add-on cannot be had with the plan; nothing is kept either.
        PlanVersionNotOnSale, SubscriptionInvalid: As `subscribe` does; then nothing is billed.
        TaxRateMissing: If tax is due in the customer's country and no rate is known.
    """
    known = _known(customer, reference) if reference else None
    if known is not None:
        return Started(known, known.invoices.order_by("created_at", "pk").first())
    subscription = subscribe(
        customer=customer,
        plan_version=plan_version,
        quantity=quantity,
        trial_days=trial_days,
        alignment=alignment,
        anchor_day=anchor_day,
        starts_at=starts_at,
        needs_payment=needs_payment,
        reference=reference,
        planned=planned_versions,
        at=at,
        actor=actor,
    )
    put_first_add_ons(subscription=subscription, add_ons=add_ons, actor=actor, at=at)
    if coupon_code:
        redeem_coupon(code=coupon_code, customer=customer, actor=actor, at=at)
    invoice = bill_start(subscription=subscription, at=at)
    if invoice is None or invoice.state == Invoice.State.PAID:
        subscription = activate_subscription(subscription=subscription, at=at)
    return Started(subscription, invoice)


def _known(customer: Customer, reference: str) -> Subscription | None:
    """The subscription of a reference, whoever starts it at the same time."""
    Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    known = Subscription.objects.filter(reference=reference).first()
    if known is not None and known.customer_id != customer.pk:
        raise SubscriptionInvalid("another customer's has this reference", field="reference")
    return known


@dataclass(frozen=True, slots=True)
class SignedUp:
    """A new customer with the person who signed it up."""

    customer: Customer
    user: User
    started: Started


@transaction.atomic
def sign_up(
    *,
    details: CustomerDetails,
    password: str,
    plan_version: PlanVersion,
    at: datetime,
    quantity: int = 1,
    coupon_code: str = "",
    add_ons: Sequence[AddOnWanted] = (),
) -> SignedUp:
    """Take a customer in by itself: the company, its first person, its subscription.

    The caller has checked the password.

    Raises:
        CustomerInvalid: If somebody signs in by this e-mail already; nothing is kept.
        PlanVersionNotOnSale, TaxRateMissing, CouponInvalid, AddOnInvalid: Then nothing is
            kept either.
    """
    customer = create_customer(details=details, at=at)
    try:
        user = User.objects.create_user(details.email, password, role=Role.CUSTOMER)
    except IntegrityError:
        raise CustomerInvalid("somebody signs in with it already", field="email") from None
    add_member(customer=customer, user=user, at=at)
    started = start_subscription(
        customer=customer,
        plan_version=plan_version,
        quantity=quantity,
        at=at,
        actor=Actor(source="portal", user=user),
        coupon_code=coupon_code,
        add_ons=add_ons,
    )
    return SignedUp(customer, user, started)
