"""What a price move would bill for a customer that something else bills, or will."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from billing.models import DatedChange, PlanChange, PriceMoveRow
from subscriptions.models import Meter, PlanVersion, Subscription, SubscriptionAddOn

Found = tuple[int, int, str]  # subscription, customer, and the meter's name
AN_ADD_ON = 0


@dataclass(frozen=True, slots=True)
class MoveClash:
    """A meter that something else of the customer's bills, or will."""

    meter: str
    is_to_come: bool


class MoveClashes:
    """Where something else of a customer's bills one of the new prices' meters; seven queries.

    Two of one customer cannot both be moved there: who is taken counts for those that follow.
    """

    def __init__(
        self, version: PlanVersion, subscriptions: Sequence[Subscription], at: datetime
    ) -> None:
        self._meters = list(Meter.objects.filter(prices__plan_version=version).distinct())
        self._customers = {one.customer_id for one in subscriptions}
        self._billed: dict[int, list[tuple[int, MoveClash]]] = defaultdict(list)
        if not self._meters:
            return
        for rows, is_to_come in ((self._now(at), False), (self._to_come(), True)):
            for pk, customer, meter in rows:
                self._billed[customer].append((pk, MoveClash(meter, is_to_come)))

    def of(self, subscription: Subscription) -> MoveClash | None:
        """What stands in the way of moving one, what is billed already first."""
        others = self._billed.get(subscription.customer_id, ())
        return next((clash for pk, clash in others if pk != subscription.pk), None)

    def take(self, subscription: Subscription) -> None:
        """Count one that is moved there."""
        clashes = (MoveClash(meter.name, is_to_come=True) for meter in self._meters)
        self._billed[subscription.customer_id] += ((subscription.pk, clash) for clash in clashes)

    def _now(self, at: datetime) -> Iterator[Found]:
        plans = Subscription.objects.live().filter(
            customer__in=self._customers, plan_version__prices__meter__in=self._meters
        )
        yield from plans.values_list("pk", "customer", "plan_version__prices__meter__name")
        there = Q(ends_at__isnull=True) | Q(ends_at__gt=at)
        add_ons = SubscriptionAddOn.objects.filter(
            there,
            subscription__in=Subscription.objects.live().filter(customer__in=self._customers),
            plan_version__prices__meter__in=self._meters,
        )
        named = add_ons.values_list("subscription__customer", "plan_version__prices__meter__name")
        yield from ((AN_ADD_ON, customer, meter) for customer, meter in named)

    def _to_come(self) -> Iterator[Found]:
        live = Subscription.objects.live().filter(customer__in=self._customers)
        changes = PlanChange.objects.filter(
            state=PlanChange.State.SCHEDULED,
            subscription__in=live,
            plan_version__prices__meter__in=self._meters,
        )
        yield from changes.values_list(
            "subscription", "subscription__customer", "plan_version__prices__meter__name"
        )
        days = DatedChange.objects.scheduled().filter(
            subscription__in=live, plan_version__prices__meter__in=self._meters
        )
        named = ("subscription__customer", "plan_version__prices__meter__name")
        of_plans = days.filter(kind=DatedChange.Kind.PLAN)
        yield from of_plans.values_list("subscription", *named)
        add_ons = days.filter(kind=DatedChange.Kind.ADD_ON, quantity__gte=1)
        yield from ((AN_ADD_ON, *row) for row in add_ons.values_list(*named))
        moves = PriceMoveRow.objects.to_come().filter(
            subscription__in=live, move__to_version__prices__meter__in=self._meters
        )
        yield from moves.values_list(
            "subscription", "subscription__customer", "move__to_version__prices__meter__name"
        )
