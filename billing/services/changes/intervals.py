"""One offer in several intervals: what each costs, and how much less it is in a year."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from billing.services.changes.plan_change_previews import recurring_fee
from billing.services.invoices.terms import PriceBook
from subscriptions.domain.change_kind import yearly
from subscriptions.models import PlanVersion, Subscription
from tiktoktoe.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalOffer:
    """A way of paying for the same thing; `less_percent` than by the dearest, in a year."""

    version: PlanVersion
    fee: Money
    less_percent: int
    is_current: bool


def interval_offers(subscription: Subscription, at: datetime) -> list[IntervalOffer]:
    """The plans of a subscription's offer that are on sale, the dearest in a year first.

    Its own with the prices that it is on; nothing where there is no other.
    """
    plan, current = subscription.plan_version.plan, subscription.plan_version
    if not plan.offer:
        return []
    on_sale = PlanVersion.objects.published().filter(
        plan__product=plan.product_id,
        plan__offer=plan.offer,
        plan__is_public=True,
        currency=subscription.currency,
        effective_from__lte=at,
    )
    newest = on_sale.exclude(plan=plan).order_by("plan_id", "-number").distinct("plan_id")
    versions = [current, *newest.select_related("plan")]
    if len(versions) < 2:
        return []
    book = PriceBook(version.pk for version in versions)
    return compared(versions, book, subscription.quantity, current=current)


def compared(
    versions: Sequence[PlanVersion],
    book: PriceBook,
    quantity: int,
    current: PlanVersion | None = None,
) -> list[IntervalOffer]:
    """Versions of one offer with what each is less in a year, the dearest first."""
    fees = {v.pk: recurring_fee(book, v, quantity) for v in versions}
    in_a_year = {v.pk: yearly(fees[v.pk], v.plan.billing_interval) for v in versions}
    dearest = max(in_a_year.values())
    return [
        IntervalOffer(
            version=version,
            fee=fees[version.pk],
            less_percent=_less(in_a_year[version.pk], dearest),
            is_current=current is not None and version.pk == current.pk,
        )
        for version in sorted(versions, key=lambda v: (-in_a_year[v.pk], v.pk))
    ]


def _less(amount: Fraction, dearest: Fraction) -> int:
    """Whole percent, rounded down, so that nobody is promised more than there is."""
    return int((1 - amount / dearest) * 100) if dearest else 0
