"""What starting a subscription would bill: worked out by starting it, and nothing is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing.queries.planned_prices import planned_versions
from billing.services.changes.first_add_ons import AddOnWanted, put_first_add_ons
from billing.services.changes.scheduled_changes import rehearsed_boundaries
from billing.services.credit.coupon_book import CouponBook
from billing.services.credit.coupons import redeem_coupon
from billing.services.invoices.boundaries import start_boundary
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.drafting import draft_invoices, with_credit
from subscriptions.models import Customer, PlanVersion, Subscription
from subscriptions.services.customers import CustomerDetails, create_customer
from subscriptions.services.signup import subscribe
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.periods import Alignment

NOBODY_YET = Actor(source="portal")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPreview:
    """What is billed at once, and the first invoice after that as it stands."""

    subscription: Subscription
    today: DraftInvoice | None
    following: DraftInvoice | None

    @property
    def first(self) -> DraftInvoice | None:
        """What is billed with the start."""
        return self.today

    @property
    def shown(self) -> DraftInvoice | None:
        """The first that there is."""
        return self.today or self.following


def preview_sign_up(
    *,
    details: CustomerDetails,
    plan_version: PlanVersion,
    at: datetime,
    quantity: int = 1,
    add_ons: Sequence[AddOnWanted] = (),
    coupon_code: str = "",
) -> StartPreview:
    """What signing up would bill somebody who is no customer yet.

    Raises what `sign_up` does.
    """
    return _previewed(
        lambda: create_customer(details=details, at=at),
        plan_version=plan_version,
        quantity=quantity,
        add_ons=add_ons,
        coupon_code=coupon_code,
        at=at,
    )


def preview_start(
    *,
    customer: Customer,
    plan_version: PlanVersion,
    at: datetime,
    quantity: int = 1,
    trial_days: int | None = None,
    alignment: Alignment = Alignment.ANNIVERSARY,
    anchor_day: int | None = None,
    add_ons: Sequence[AddOnWanted] = (),
    coupon_code: str = "",
) -> StartPreview:
    """What starting a subscription would bill a customer.

    Raises what `start_subscription` does.
    """
    return _previewed(
        lambda: customer,
        plan_version=plan_version,
        quantity=quantity,
        trial_days=trial_days,
        alignment=alignment,
        anchor_day=anchor_day,
        add_ons=add_ons,
        coupon_code=coupon_code,
        at=at,
    )


def _previewed(
    buyer: Callable[[], Customer],
    *,
    plan_version: PlanVersion,
    quantity: int,
    add_ons: Sequence[AddOnWanted],
    coupon_code: str,
    at: datetime,
    trial_days: int | None = None,
    alignment: Alignment = Alignment.ANNIVERSARY,
    anchor_day: int | None = None,
) -> StartPreview:
    with transaction.atomic():
        customer = buyer()
        begun = subscribe(
            customer=customer,
            plan_version=plan_version,
            quantity=quantity,
            trial_days=trial_days,
            alignment=alignment,
            anchor_day=anchor_day,
            planned=planned_versions,
            at=at,
            actor=NOBODY_YET,
        )
        put_first_add_ons(subscription=begun, add_ons=add_ons, actor=NOBODY_YET, at=at)
        if coupon_code:
            redeem_coupon(code=coupon_code, customer=customer, actor=NOBODY_YET, at=at)
        coupons = CouponBook([customer.pk])
        first = start_boundary(begun)
        today = next(iter(draft_invoices([first], coupons=coupons)), None) if first else None
        later = draft_invoices(rehearsed_boundaries([begun]), coupons=coupons)
        preview = StartPreview(
            subscription=begun,
            today=with_credit(today) if today else None,
            following=later[0] if later else None,
        )
        transaction.set_rollback(True)
    return preview
