"""Overdue states of customers: found anew by their conditions, and what they block.

While service is blocked nothing is billed; once it is not, what was billed in advance for the
blocked days is credited, whenever it was billed.
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Count, F, Min, Q, Sum

from billing.domain.overdue import Debt, days_to_look, overdue_state
from billing.models import (
    BlockedTime,
    DunningCampaign,
    Invoice,
    OverdueChange,
    OverdueState,
)
from billing.models.invoices import LEFT_TO_PAY, InvoiceQuerySet
from billing.services.credit.giving_back import issue_notes
from billing.services.credit.note_plans import plan_notes
from billing.services.credit.unused_time import blocked_time
from billing.services.dunning.campaigns import company_campaign
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.models import Customer, CustomerClock, Subscription
from subscriptions.services.policies import policy_of
from subscriptions.services.restrictions import lift_restrictions, restrict_service
from tiktoktoe.kernel.periods import local_date, local_midnight

logger = logging.getLogger(__name__)


def update_overdue(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Find every customer's overdue state anew, and credit blocked time; gives how many changed.

    Counts for customers only while the company's campaign has states.
    """
    changed = sum(_update(customer, at) for customer in _to_look_at(at, clock))
    credit_blocked(at=at, clock=clock)
    return changed


def current_overdue(customer: Customer) -> OverdueState | None:
    """The state that a customer is in; None: clear."""
    last = OverdueChange.objects.filter(customer=customer).select_related("state").first()
    return last.state if last else None


def overdue_instants(customer: Customer, at: datetime) -> Iterator[datetime]:
    """When a customer's state may change by the age of its debt alone."""
    campaign = company_campaign(at)
    debt = debt_of(customer, at)
    if campaign is None or debt is None:
        return
    states = [state.terms for state in campaign.states.all()]
    for day in days_to_look(states, debt.earliest_on):
        yield local_midnight(day, customer.time_zone)


def next_overdue_at(
    clock: CustomerClock | None, *, after: datetime, to: datetime
) -> datetime | None:
    """When the state of a customer may change by age within a time; None if nobody's."""
    campaign = company_campaign(to)
    if campaign is None or not campaign.states.exists():
        return None
    owing = Customer.objects.filter(clock=clock, pk__in=_owed(to).values("customer"))
    coming = [at for customer in owing for at in overdue_instants(customer, to)]
    return min((at for at in coming if after < at <= to), default=None)


def debt_of(customer: Customer, at: datetime) -> Debt | None:
    """What a customer owes on open invoices; None if nothing.

    Age and number are of all of them; the amount is of the customer's currency alone, since a
    state's amount names none: 100 would be little in one currency and much in another.
    """
    owed = _owed(at).filter(customer=customer)
    row = owed.aggregate(first=Min("finalized_at"), count=Count("pk"))
    if row["first"] is None:
        return None
    mine = owed.filter(currency=customer.currency).aggregate(amount=Sum("left"))
    return Debt(
        earliest_on=local_date(row["first"], customer.time_zone),
        invoices=row["count"],
        amount=mine["amount"] or Decimal(0),
    )


def _owed(at: datetime) -> InvoiceQuerySet:
    return (
        Invoice.objects.collectable()
        .filter(finalized_at__lte=at)
        .annotate(left=LEFT_TO_PAY)
        .filter(left__gt=0)
    )


def _to_look_at(at: datetime, clock: CustomerClock | None) -> Iterator[Customer]:
    campaign = company_campaign(at)
    has_states = campaign is not None and campaign.states.exists()
    blocked = Q(restrictions__source__startswith="overdue:", restrictions__ends_at__isnull=True)
    owing = Q(pk__in=_owed(at).values("customer")) if has_states else Q(pk__in=[])
    found = Customer.objects.filter(blocked | owing, clock=clock).distinct()
    yield from found.order_by("pk")


@transaction.atomic
def _update(customer: Customer, at: datetime) -> bool:
    Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    campaign = company_campaign(at)
    found = _state_of(customer, campaign, at)
    before = current_overdue(customer)
    if found == before:
        return False
    OverdueChange.objects.create(customer=customer, state=found, at=at)
    source = f"overdue:{customer.pk}"
    lift_restrictions(source=source, at=at)
    if found is not None and (found.blocks_service or found.blocks_changes):
        restrict_service(
            customer=customer,
            reason=f"invoices are unpaid: {found.name}",
            source=source,
            blocks_service=found.blocks_service,
            blocks_changes=found.blocks_changes,
            at=at,
        )
    if found is not None and found.blocks_service:
        _block(customer, at)
    else:
        _unblock(customer, at)
    logger.info("overdue state", extra={"customer": customer.external_id, "state": str(found)})
    return True


def _state_of(
    customer: Customer, campaign: DunningCampaign | None, at: datetime
) -> OverdueState | None:
    rows = list(campaign.states.all()) if campaign else []
    today = local_date(at, customer.time_zone)
    terms = overdue_state([row.terms for row in rows], debt_of(customer, at), today)
    return next((row for row in rows if terms and row.name == terms.name), None)


def _block(customer: Customer, at: datetime) -> None:
    """Stop billing what is not served; what is blocked already stays so."""
    billed = Subscription.objects.filter(
        customer=customer, state__in=BILLED_STATES, next_billing_at__isnull=False
    )
    for subscription in billed.select_for_update(of=("self",)).order_by("pk"):
        BlockedTime.objects.create(subscription=subscription, blocked_from=at)
        subscription.next_billing_at = None
        subscription.save(update_fields=["next_billing_at"])


def _unblock(customer: Customer, at: datetime) -> None:
    """Bill on where billing stopped."""
    blocked = BlockedTime.objects.filter(
        subscription__customer=customer, blocked_until__isnull=True
    )
    for row in blocked.select_related("subscription").order_by("pk"):
        row.blocked_until = at
        row.save(update_fields=["blocked_until"])
        Subscription.objects.filter(
            pk=row.subscription_id, state__in=BILLED_STATES, next_billing_at__isnull=True
        ).update(next_billing_at=F("current_period_end"))


def credit_blocked(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Credit blocked days that are over, once everything of that time has been billed."""
    over = BlockedTime.objects.filter(
        Q(subscription__current_period_end__gte=F("blocked_until"))
        | Q(subscription__ended_at__isnull=False),
        blocked_until__lte=at,
        credited_at__isnull=True,
        subscription__customer__clock=clock,
    )
    credited = 0
    for pk in list(over.order_by("pk").values_list("pk", flat=True)):
        credited += _credit(pk, at)
    return credited


@transaction.atomic
def _credit(blocked_id: int, at: datetime) -> bool:
    rows = BlockedTime.objects.select_for_update(of=("self",)).select_related(
        "subscription__customer", "subscription__plan_version__plan"
    )
    row = rows.get(pk=blocked_id)
    if row.credited_at is not None or row.blocked_until is None:
        return False
    subscription = row.subscription
    policy = policy_of(subscription.plan_version.plan, row.blocked_from)
    unused = blocked_time(subscription, row.blocked_from, row.blocked_until, policy)
    zone = subscription.time_zone
    days = f"{local_date(row.blocked_from, zone)} to {local_date(row.blocked_until, zone)}"
    issue_notes(
        plan_notes(unused, UnusedTime.CREDIT),
        reason=f"Not served from {days}",
        idempotency_key=f"blocked:{row.pk}",
        at=at,
    )
    row.credited_at = at
    row.save(update_fields=["credited_at"])
    return True
