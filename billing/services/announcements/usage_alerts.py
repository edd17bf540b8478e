"""Customers are told when usage comes to what is included, or to a budget of their own.

Pulled, not pushed: a task measures many subscriptions at once and raises what was not raised
in the period yet. PostgreSQL keeps each once, so that it may run twice, at once, or be killed.
What is raised is announced like everything else (billing.queries.happenings).
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from billing.domain.usage_alerts import shares_reached
from billing.errors import BudgetInvalid
from billing.models import UsageAlert, UsageBudget
from billing.services.invoices.draft_parts import Boundary
from billing.services.invoices.open_usage import open_usage
from billing.services.invoices.period_lines import usage_so_far
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.models import CustomerClock, Price, Subscription, SubscriptionAddOn
from subscriptions.models.subscriptions import SubscriptionQuerySet
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import quantize_amount, total
from tiktoktoe.kernel.periods import Period

logger = logging.getLogger(__name__)


@transaction.atomic
def set_budget(
    *, subscription: Subscription, amount: Decimal | None, actor: Actor, at: datetime
) -> UsageBudget | None:
    """Tell a customer when the usage of a period comes to an amount; None: no longer.

    A budget that was reached and is raised counts anew in the same period.

    Raises:
        BudgetInvalid: If it is not above zero, or has more decimals than the currency.
    """
    Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)
    if amount is None:
        UsageBudget.objects.filter(subscription=subscription).delete()
        return None
    payable = quantize_amount(amount, subscription.currency).amount
    if amount <= 0 or payable != amount:
        raise BudgetInvalid(
            f"{amount} is no amount above zero in {subscription.currency}",
            field="amount",
            remedy="leave it empty for no budget",
        )
    budget, _ = UsageBudget.objects.update_or_create(
        subscription=subscription,
        defaults={
            "amount": amount,
            "currency": subscription.currency,
            "set_at": at,
            "actor": actor.user,
            "source": actor.source,
        },
    )
    return budget


def raise_alerts(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Raise what usage has reached by an instant; gives how many alerts.

    Of customers with a test clock only those of `clock`, and of it no others.
    """
    raised, last = 0, 0
    while True:
        found = list(
            _watched(at)
            .on_clock(clock)
            .filter(pk__gt=last)
            .select_related("customer", "plan_version__plan", "usage_budget")
            .order_by("pk")[: settings.BILLING_CHUNK_SIZE]
        )
        if not found:
            return raised
        raised, last = raised + raise_for(found, at=at), found[-1].pk


def raise_for(subscriptions: Sequence[Subscription], *, at: datetime) -> int:
    """Raise what these have reached; a fixed number of queries for all. Gives how many."""
    known = _known(subscriptions)
    alerts = [*_of_included(subscriptions, known, at), *_of_budgets(subscriptions, known, at)]
    if not alerts:
        return 0
    before = UsageAlert.objects.filter(subscription__in=subscriptions).count()
    UsageAlert.objects.bulk_create(alerts, ignore_conflicts=True)
    raised = UsageAlert.objects.filter(subscription__in=subscriptions).count() - before
    logger.info("usage alerts raised", extra={"count": raised})
    return raised


def _watched(at: datetime) -> SubscriptionQuerySet:
    """Subscriptions in an open period, of which something is included or that have a budget."""
    included = Price.objects.filter(plan_version=OuterRef("plan_version"), included_units__gt=0)
    beside = SubscriptionAddOn.objects.at(at).filter(
        subscription=OuterRef("pk"), plan_version__prices__included_units__gt=0
    )
    return Subscription.objects.filter(
        Q(Exists(included)) | Q(Exists(beside)) | Q(usage_budget__isnull=False),
        state__in=sorted(BILLED_STATES - {Subscription.State.TRIALING}),
        current_period_start__lte=at,
        current_period_end__gt=at,
    )


Key = tuple[int, datetime, int | None]


def _known(subscriptions: Sequence[Subscription]) -> dict[Key, set[Decimal]]:
    """What was raised: shares by price, and levels of budgets."""
    known: dict[Key, set[Decimal]] = defaultdict(set)
    for alert in UsageAlert.objects.filter(subscription__in=subscriptions):
        is_budget = alert.price_id is None
        key = (alert.subscription_id, alert.period_start, alert.price_id)
        known[key].add(alert.level if is_budget else Decimal(alert.percent))
    return known


def _of_included(
    subscriptions: Sequence[Subscription], known: dict[Key, set[Decimal]], at: datetime
) -> Iterator[UsageAlert]:
    for of in open_usage(subscriptions, with_levels=False):
        subscription, price = of.subscription, of.price
        raised = known[subscription.pk, subscription.current_period_start, price.pk]
        shares = shares_reached(
            used=of.used,
            included=of.included,
            known=[int(share) for share in raised],
        )
        for share in shares:
            yield UsageAlert(
                subscription=subscription,
                period_start=subscription.current_period_start,
                price=price,
                percent=share,
                used=of.used,
                level=of.included,
                is_told=share == shares[-1],
                raised_at=at,
            )


def _of_budgets(
    subscriptions: Sequence[Subscription], known: dict[Key, set[Decimal]], at: datetime
) -> Iterator[UsageAlert]:
    budgeted = [s for s in subscriptions if hasattr(s, "usage_budget")]
    boundaries = [
        Boundary(s, at, Period(s.current_period_start, s.current_period_end), None)
        for s in budgeted
    ]
    usage = usage_so_far(boundaries, with_add_ons=True) if boundaries else {}
    for subscription in budgeted:
        level = subscription.usage_budget.amount.amount
        lines = usage.get(subscription.pk, [])
        spent = total((line.amount for line in lines), subscription.currency).amount
        raised = known[subscription.pk, subscription.current_period_start, None]
        if spent >= level and level not in raised:
            yield UsageAlert(
                subscription=subscription,
                period_start=subscription.current_period_start,
                percent=100,
                used=spent,
                level=level,
                is_told=True,
                raised_at=at,
            )
