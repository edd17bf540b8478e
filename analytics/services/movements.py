"""The movement ledger is kept: each transition of a subscription is read once.

Analytics only reads others' tables; it finds the transitions without a movement, so that
nothing is lost when it has not run for a while.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from django.db import connection, transaction
from django.db.models import Sum

from analytics.domain.mrr import DEFINITION_VERSION, monthly_exact, movement_kind
from analytics.models import MrrDay, MrrMovement
from billing.domain.tax import multipliers
from billing.errors import TaxRateMissing
from billing.queries.tax_table import TaxTable
from subscriptions.models import (
    Price,
    SubscriptionAddOn,
    SubscriptionPhase,
    SubscriptionTransition,
)
from tiktoktoe.kernel.money import Money, quantize_amount, total, zero
from tiktoktoe.kernel.periods import local_date

logger = logging.getLogger(__name__)
COUNTED_STATES = frozenset({"active", "past_due"})
# Events that change a part of a subscription, which their details say.
PART_CHANGED = frozenset({"plan_changed", "add_on_changed"})
LOCK = 7101

ADD_TO_DAYS = """
INSERT INTO analytics_mrrday AS kept (day, currency, kind, amount, movement_count)
SELECT (effective_at AT TIME ZONE 'UTC')::date, currency, kind, sum(amount), count(*)
FROM analytics_mrrmovement WHERE id = ANY(%s) AND kind <> 'none'
GROUP BY 1, 2, 3
ON CONFLICT (day, currency, kind) DO UPDATE SET
    amount = kept.amount + excluded.amount,
    movement_count = kept.movement_count + excluded.movement_count
"""


@transaction.atomic
def record_movements(*, at: datetime, limit: int = 5000) -> int:
    """Read transitions not read yet, and write what each did to MRR; gives how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    transitions = list(
        SubscriptionTransition.objects.filter(mrrmovement__isnull=True)
        .select_related("subscription__customer")
        .order_by("effective_at", "id")[:limit]
    )
    if not transitions:
        return 0
    worth = _Worth(transitions)
    totals = _totals(transitions)
    rows = []
    for transition in transitions:
        subscription = transition.subscription
        key = (subscription.customer_id, subscription.currency)
        change = worth.after(transition) - worth.before(transition)
        before, was_paying = totals[key]
        after = before + change
        kind = movement_kind(before=before, after=after, was_ever_paying=was_paying)
        totals[key] = (after, was_paying or after > zero(subscription.currency))
        rows.append(
            MrrMovement(
                transition=transition,
                customer_id=subscription.customer_id,
                subscription=subscription,
                kind=str(kind),
                amount=change.amount,
                currency=subscription.currency,
                effective_at=transition.effective_at,
                recorded_at=at,
                definition_version=DEFINITION_VERSION,
            )
        )
    made = MrrMovement.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute(ADD_TO_DAYS, [[movement.pk for movement in made]])
    logger.info("movements recorded", extra={"movements": len(made)})
    return len(made)


def _totals(
    transitions: Sequence[SubscriptionTransition],
) -> dict[tuple[int, str], tuple[Money, bool]]:
    """Each customer's MRR as recorded so far, and whether it was ever above zero."""
    customers = {t.subscription.customer_id for t in transitions}
    known = MrrMovement.objects.filter(customer__in=customers)
    totals: dict[tuple[int, str], tuple[Money, bool]] = {}
    for customer, currency, amount in known.values_list("customer_id", "currency").annotate(
        total=Sum("amount")
    ):
        totals[customer, currency] = (Money(amount, currency), False)
    for customer, currency in known.filter(amount__gt=0).values_list("customer_id", "currency"):
        totals[customer, currency] = (totals[customer, currency][0], True)
    for transition in transitions:
        subscription = transition.subscription
        key = (subscription.customer_id, subscription.currency)
        totals.setdefault(key, (zero(subscription.currency), False))
    return totals


def _is_there(add_on: SubscriptionAddOn, transition: SubscriptionTransition) -> bool:
    """Whether a subscription has an add-on at a transition; where it stops, until then."""
    at = transition.effective_at
    if transition.to_state not in COUNTED_STATES:
        return add_on.starts_at < at and (add_on.ends_at is None or add_on.ends_at >= at)
    return add_on.starts_at <= at and (add_on.ends_at is None or add_on.ends_at > at)


class _Worth:
    """What subscriptions were worth a month around their transitions."""

    def __init__(self, transitions: Sequence[SubscriptionTransition]) -> None:
        ids = {t.subscription_id for t in transitions}
        self._phases: dict[int, list[SubscriptionPhase]] = defaultdict(list)
        for phase in SubscriptionPhase.objects.filter(subscription__in=ids).order_by("starts_at"):
            self._phases[phase.subscription_id].append(phase)
        self._add_ons: dict[int, list[SubscriptionAddOn]] = defaultdict(list)
        for add_on in SubscriptionAddOn.objects.filter(subscription__in=ids):
            self._add_ons[add_on.subscription_id].append(add_on)
        versions = {p.plan_version_id for group in self._phases.values() for p in group}
        versions |= {a.plan_version_id for group in self._add_ons.values() for a in group}
        self._worth = monthly_worth(versions)

    def before(self, transition: SubscriptionTransition) -> Money:
        """What it was worth just before."""
        subscription = transition.subscription
        if transition.from_state not in COUNTED_STATES:
            return zero(subscription.currency)
        if transition.event in PART_CHANGED:
            version = int(transition.details["from_plan_version"])
            quantity = int(transition.details["from_quantity"])
            return self._value(version, quantity, transition)
        return self._at(transition)

    def after(self, transition: SubscriptionTransition) -> Money:
        """What it was worth from then on."""
        subscription = transition.subscription
        if transition.to_state not in COUNTED_STATES:
            return zero(subscription.currency)
        if transition.event in PART_CHANGED:
            version = int(transition.details["to_plan_version"])
            quantity = int(transition.details["to_quantity"])
            return self._value(version, quantity, transition)
        return self._at(transition)

    def _at(self, transition: SubscriptionTransition) -> Money:
        phases = self._phases[transition.subscription_id]
        begun = [p for p in phases if p.starts_at <= transition.effective_at]
        if transition.to_state not in COUNTED_STATES:
            begun = [p for p in phases if p.starts_at < transition.effective_at] or begun
        phase = (begun or phases)[-1 if begun else 0]
        currency = transition.subscription.currency
        add_ons = [
            self._value(a.plan_version_id, a.quantity, transition)
            for a in self._add_ons[transition.subscription_id]
            if _is_there(a, transition)
        ]
        plan = self._value(phase.plan_version_id, phase.quantity, transition)
        return plan + total(add_ons, currency)

    def _value(self, version: int, quantity: int, transition: SubscriptionTransition) -> Money:
        if not quantity:  # an add-on that is not there; a flat fee would count all the same
            return zero(transition.subscription.currency)
        if version not in self._worth:
            self._worth |= monthly_worth({version})
        fees = [
            fee.amount * (1 if fee.is_flat else quantity) / self._with_tax(fee, transition)
            for fee in self._worth[version]
        ]
        return quantize_amount(sum(fees, Fraction(0)), transition.subscription.currency)

    def _with_tax(self, fee: "MonthlyFee", transition: SubscriptionTransition) -> Fraction:
        """What a fee is divided by to be without tax, for its customer on that day."""
        if not fee.includes_tax:
            return Fraction(1)
        customer = transition.subscription.customer
        on = local_date(transition.effective_at, customer.time_zone)
        table = TaxTable([customer.country])
        try:
            rates = table.outcome(customer, on, price_id=fee.price_id)
        except TaxRateMissing:  # it cannot be billed either; counted with its tax until then
            return Fraction(1)
        return 1 + sum(multipliers(rates), Fraction(0))


@dataclass(frozen=True, slots=True)
class MonthlyFee:
    """What a recurring price is worth a month, exactly: for each unit, or in all if it is flat."""

    price_id: int
    amount: Fraction
    is_flat: bool
    includes_tax: bool


def monthly_worth(version_ids: set[int]) -> dict[int, list[MonthlyFee]]:
    """The monthly worth of each version's fees."""
    worth: dict[int, list[MonthlyFee]] = {pk: [] for pk in version_ids}
    prices = Price.objects.filter(plan_version__in=version_ids, kind=Price.Kind.RECURRING)
    for price in prices.select_related("plan_version__plan"):
        version = price.plan_version
        fee = MonthlyFee(
            price_id=price.pk,
            amount=monthly_exact(price.unit_amount.amount, version.plan.billing_interval),
            is_flat=price.charge_model == Price.ChargeModel.FLAT,
            includes_tax=version.includes_tax,
        )
        worth[version.pk].append(fee)
    return worth


@transaction.atomic
def rebuild_days() -> None:
    """Add the days up anew from the movements; they must come out the same."""
    MrrDay.objects.all().delete()
    ids = list(MrrMovement.objects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(ADD_TO_DAYS, [ids])
