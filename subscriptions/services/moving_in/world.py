"""What is there already of what the rows of a file are about."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from django.db.models import Q

from subscriptions.domain.lifecycle import LIVE_STATES
from subscriptions.domain.moving_in import ReadRow
from subscriptions.models import (
    Customer,
    Meter,
    PlanVersion,
    Subscription,
    SubscriptionAddOn,
    UsageClosing,
)

Planned = Callable[[Collection[int]], Iterable[tuple[int, int]]]
"""Of customers: each with the prices that one of its subscriptions is scheduled to go to."""


class World:
    """What the rows of a file are about, loaded at once; its customers are held."""

    def __init__(self, rows: Sequence[ReadRow], planned: Planned, at: datetime) -> None:
        names = {row.values["customer"] for row in rows}
        self.customers = {
            c.external_id: c
            for c in Customer.objects.select_for_update(of=("self",))
            .filter(external_id__in=names)
            .order_by("pk")
        }
        versions = PlanVersion.objects.published().select_related("plan")
        self.versions: dict[tuple[str, str], list[PlanVersion]] = {}
        plans = {row.values["plan"] for row in rows}
        for version in versions.filter(plan__code__in=plans).order_by("-number"):
            key = (version.plan.code, version.currency)
            self.versions.setdefault(key, []).append(version)
        references = [row.values["reference"] for row in rows]
        known = Subscription.objects.filter(reference__in=references)
        self.known = {
            s.reference: s for s in known.select_related("customer", "plan_version__plan")
        }
        ids = [v.pk for group in self.versions.values() for v in group]
        coming = list(planned([customer.pk for customer in self.customers.values()]))
        self.meters = _meters_of([*ids, *(version_id for _, version_id in coming)])
        self.billed = self._billed(at)
        self.to_come: dict[int, set[str]] = defaultdict(set)
        for customer_id, version_id in coming:
            self.to_come[customer_id] |= self.meters.get(version_id, set())
        closed = UsageClosing.objects.filter(customer__in=self.customers.values())
        self.closed = {
            (customer_id, name): through
            for customer_id, name, through in closed.values_list(
                "customer", "meter__name", "closed_through"
            )
        }

    def _billed(self, at: datetime) -> dict[int, set[str]]:
        """The meters that each customer's live subscriptions and their add-ons bill."""
        billed: dict[int, set[str]] = defaultdict(set)
        live = Subscription.objects.filter(
            state__in=sorted(LIVE_STATES),
            customer__in=self.customers.values(),
            plan_version__prices__meter__isnull=False,
        )
        for customer_id, name in live.values_list("customer", "plan_version__prices__meter__name"):
            billed[customer_id].add(name)
        there = Q(ends_at__isnull=True) | Q(ends_at__gt=at)
        add_ons = SubscriptionAddOn.objects.filter(
            there,
            subscription__state__in=sorted(LIVE_STATES),
            subscription__customer__in=self.customers.values(),
            plan_version__prices__meter__isnull=False,
        )
        for customer_id, name in add_ons.values_list(
            "subscription__customer", "plan_version__prices__meter__name"
        ):
            billed[customer_id].add(name)
        return billed

    def take(self, made: Subscription) -> None:
        """Count a subscription of the file with those that are there."""
        meters = self.meters.get(made.plan_version_id, set())
        self.billed[made.customer_id] |= meters


def _meters_of(version_ids: Iterable[int]) -> dict[int, set[str]]:
    """The meters that each version's prices are by."""
    found: dict[int, set[str]] = defaultdict(set)
    meters = Meter.objects.filter(prices__plan_version__in=set(version_ids))
    for version_id, name in meters.values_list("prices__plan_version", "name"):
        found[version_id].add(name)
    return found
