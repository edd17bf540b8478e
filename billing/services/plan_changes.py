"""A subscription goes to another plan or quantity: shown first, then done, by the same code.

What costs more takes effect on the customer's day it is asked for, and the difference is
invoiced at once. What costs less, or is billed in other intervals, takes effect with the next
period: so nothing paid in advance is lost, and no credit can be farmed by going up and down.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing.errors import PlanChangeInvalid, PlanChangeNotNow
from billing.models import Invoice, PlanChange
from billing.services.drafting import DraftInvoice, DraftLine, make_draft, with_credit
from billing.services.invoicing import issue
from billing.services.proration_lines import charge_lines, credit_lines
from billing.services.tax import TaxTable
from billing.services.terms import PriceBook
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.domain.proration import change_boundary
from subscriptions.models import Meter, PlanVersion, Subscription
from subscriptions.services.changes import ensure_sellable, switch_plan
from subscriptions.services.lifecycle import lock_subscription
from subscriptions.services.policies import PolicyBook
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money, quantize, total, zero

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChangePreview:
    """What a change would do: when, and what is credited and charged for it at once."""

    subscription: Subscription
    plan_version: PlanVersion
    quantity: int
    is_immediate: bool
    effective_at: datetime
    draft: DraftInvoice | None
    fee_before: Money
    fee_after: Money

    @property
    def due_now(self) -> Money:
        """What is to pay at once: with tax, less what the credit balance pays."""
        return self.draft.due if self.draft else zero(self.subscription.currency)


def preview_plan_change(
    *, subscription: Subscription, plan_version: PlanVersion, quantity: int, at: datetime
) -> PlanChangePreview:
    """What a change asked for now would do; nothing is written.

    Raises:
        PlanChangeInvalid: If it changes nothing, the quantity is below 1, or another live
            subscription of the customer bills one of the new plan's meters.
        PlanChangeNotNow: If the subscription has no period to change in.
        PlanVersionNotOnSale: If the new prices are not on sale, or in another currency.
    """
    loaded = Subscription.objects.select_related("customer", "plan_version__plan").get(
        pk=subscription.pk
    )
    _check(loaded, plan_version, quantity, at)
    book = PriceBook([loaded.plan_version_id, plan_version.pk])
    from_plan, to_plan = loaded.plan_version.plan_id, plan_version.plan_id
    policy = PolicyBook().of_change(from_plan, to_plan, at).policy
    boundary = change_boundary(at=at, time_zone=loaded.time_zone, policy=policy)
    boundary = max(boundary, loaded.current_period_start)
    lines: list[DraftLine] = []
    if loaded.state != Subscription.State.TRIALING:
        lines = [
            *credit_lines(loaded, boundary, book, policy),
            *charge_lines(
                loaded,
                plan_version=plan_version,
                quantity=quantity,
                boundary=boundary,
                book=book,
                policy=policy,
            ),
        ]
    net = total((line.amount for line in lines), loaded.currency)
    old, new = loaded.plan_version.plan.billing_interval, plan_version.plan.billing_interval
    is_immediate = net >= zero(loaded.currency) and old == new
    effective_at = boundary if is_immediate else loaded.current_period_end
    return PlanChangePreview(
        subscription=loaded,
        plan_version=plan_version,
        quantity=quantity,
        is_immediate=is_immediate,
        effective_at=effective_at,
        draft=_draft(loaded, boundary, lines) if is_immediate and lines else None,
        fee_before=_fee(book, loaded.plan_version_id, loaded.quantity, loaded.currency),
        fee_after=_fee(book, plan_version.pk, quantity, loaded.currency),
    )


@transaction.atomic
def change_plan(
    *,
    subscription: Subscription,
    plan_version: PlanVersion,
    quantity: int,
    actor: Actor,
    at: datetime,
) -> PlanChange:
    """Change plan or quantity: at once with an invoice, or with the next period.

    A change that was scheduled before is replaced. Raises what `preview_plan_change` does.
    """
    locked = lock_subscription(subscription)
    preview = preview_plan_change(
        subscription=locked, plan_version=plan_version, quantity=quantity, at=at
    )
    PlanChange.objects.filter(subscription=locked, state="scheduled").update(state="withdrawn")
    invoice = issue(preview.draft, at=at) if preview.draft else None
    if preview.is_immediate:
        switch_plan(
            subscription=locked,
            plan_version=plan_version,
            quantity=quantity,
            effective_at=at,
            actor=actor,
            at=at,
        )
    change = PlanChange.objects.create(
        subscription=locked,
        plan_version=plan_version,
        quantity=quantity,
        state="applied" if preview.is_immediate else "scheduled",
        effective_at=preview.effective_at,
        requested_at=at,
        applied_at=at if preview.is_immediate else None,
        invoice=invoice,
        source=actor.source,
        actor=actor.user,
    )
    logger.info("plan change", extra={"subscription": locked.reference, "state": change.state})
    return change


@transaction.atomic
def withdraw_plan_change(*, change: PlanChange) -> PlanChange:
    """Take back a change that has not taken effect yet; one that has stays."""
    PlanChange.objects.filter(pk=change.pk, state="scheduled").update(state="withdrawn")
    change.refresh_from_db()
    return change


def _check(
    subscription: Subscription, plan_version: PlanVersion, quantity: int, at: datetime
) -> None:
    if quantity < 1:
        raise PlanChangeInvalid(f"{quantity} is too few", field="quantity", remedy="at least 1")
    if (subscription.plan_version_id, subscription.quantity) == (plan_version.pk, quantity):
        raise PlanChangeInvalid("it is on this plan and quantity already", field="plan_version")
    if subscription.state not in BILLED_STATES:
        raise PlanChangeNotNow(f"the subscription is {subscription.state}")
    if subscription.cancel_at is not None:
        raise PlanChangeNotNow("its end is scheduled; withdraw the cancellation first")
    if not subscription.current_period.contains(at):
        raise PlanChangeNotNow("its period is over and not billed yet; try again shortly")
    ensure_sellable(plan_version, subscription, at)
    others = Subscription.objects.live().filter(customer_id=subscription.customer_id)
    billed = Meter.objects.filter(
        prices__plan_version__subscriptions__in=others.exclude(pk=subscription.pk)
    )
    taken = Meter.objects.filter(prices__plan_version=plan_version, pk__in=billed.values("pk"))
    clash = taken.first()
    if clash is not None:
        raise PlanChangeInvalid(
            f"another live subscription bills {clash} already", field="plan_version"
        )


def _draft(
    subscription: Subscription, boundary: datetime, lines: Sequence[DraftLine]
) -> DraftInvoice:
    draft = make_draft(
        subscription=subscription,
        kind=Invoice.Kind.CHANGE,
        boundary=boundary,
        period_end=subscription.current_period_end,
        lines=lines,
        taxes=TaxTable([subscription.customer.country]),
        idempotency_key=f"change:{subscription.pk}:{subscription.plan_changes.count() + 1}",
    )
    return with_credit(draft)


def _fee(book: PriceBook, version_id: int, quantity: int, currency: str) -> Money:
    """The recurring fees of a whole period, before tax."""
    fees = [
        p.fee(quantity)
        for timing in ("advance", "arrears")
        for p in book.recurring(version_id, timing)
    ]
    return quantize(total(fees, currency))
