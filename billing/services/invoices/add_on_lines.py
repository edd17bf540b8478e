"""The lines of what is sold beside a plan, billed with the subscription's periods."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.db.models import QuerySet

from billing.services.invoices.draft_parts import Boundary, DraftLine, Stretch, stretch_of
from billing.services.invoices.fee_lines import fee_line, setup_line
from billing.services.invoices.terms import LoadedPrice, PriceBook
from subscriptions.domain.proration import whole_of
from subscriptions.models import Subscription, SubscriptionAddOn
from subscriptions.services.policies import PolicyBook
from tiktoktoe.kernel.periods import BillingPeriods, Period
from tiktoktoe.standing import standing


@standing
def _add_ons_of(subscriptions: list[int]) -> QuerySet[SubscriptionAddOn]:
    rows = SubscriptionAddOn.objects.filter(subscription__any_of=subscriptions)
    return rows.select_related("plan").order_by("plan__rank", "plan__code", "starts_at")


class AddOnBook:
    """The add-ons of some subscriptions, and their prices with those of some plans.

    One query more than the plans' prices alone.
    """

    def __init__(
        self, subscription_ids: Iterable[int], policies: PolicyBook, plan_versions: Iterable[int]
    ) -> None:
        self._rows: dict[int, list[SubscriptionAddOn]] = defaultdict(list)
        for row in _add_ons_of.rows(subscriptions=list(set(subscription_ids))):
            self._rows[row.subscription_id].append(row)
        own = {row.plan_version_id for group in self._rows.values() for row in group}
        self.prices = PriceBook(own.union(plan_versions))
        self.policies = policies

    def usage_stretches(self, boundary: Boundary) -> list[Stretch]:
        """The parts of the closed period in which something was there that prices usage."""
        if boundary.closed is None:
            return []
        found = [
            stretch_of(
                boundary,
                _time_of(row, boundary.closed),
                version_id=row.plan_version_id,
                quantity=row.quantity,
                is_add_on=True,
                usage_from=row.usage_from,
            )
            for row in self._rows[boundary.subscription.pk]
            if self.prices.usage(row.plan_version_id)
        ]
        return [stretch for stretch in found if stretch is not None]

    def arrears(self, boundary: Boundary) -> Iterator[DraftLine]:
        """The fees in arrears of the closed period, each for the time that it was there."""
        if boundary.closed is None:
            return
        for row in self._rows[boundary.subscription.pk]:
            for loaded in self._recurring(row, "arrears"):
                part = _time_of(row, boundary.closed).intersection(boundary.closed)
                if part is not None:
                    yield self._fee(row, loaded, part, boundary, boundary.closed_row)

    def advance(self, boundary: Boundary) -> Iterator[DraftLine]:
        """The fees in advance of the coming period."""
        if boundary.coming is None:
            return
        row_of_periods = boundary.subscription.billing_periods
        for row in self._rows[boundary.subscription.pk]:
            if _is_there(row, boundary.coming):
                for loaded in self._recurring(row, "advance"):
                    yield self._fee(row, loaded, boundary.coming, boundary, row_of_periods)

    def setups(self, boundary: Boundary) -> Iterator[DraftLine]:
        """The set-up fees of what has come since the boundary before."""
        is_paused = boundary.subscription.state == Subscription.State.PAUSED
        if boundary.coming is None or is_paused:
            return
        for row in self._rows[boundary.subscription.pk]:
            is_new = boundary.closed is None or row.starts_at > boundary.closed.start
            if row.owes_setup and is_new and _is_there(row, boundary.coming):
                for loaded in self.prices.setup(row.plan_version_id):
                    yield setup_line(loaded, boundary.coming, row.quantity)

    def _recurring(self, row: SubscriptionAddOn, timing: str) -> list[LoadedPrice]:
        return self.prices.recurring(row.plan_version_id, timing)

    def _fee(
        self,
        row: SubscriptionAddOn,
        loaded: LoadedPrice,
        part: Period,
        boundary: Boundary,
        periods: BillingPeriods,
    ) -> DraftLine:
        policy = self.policies.of_plan(loaded.plan_id, boundary.at)
        return fee_line(
            loaded,
            part,
            row.quantity,
            whole=whole_of(part, periods=periods, policy=policy),
            time_zone=boundary.subscription.time_zone,
            policy=policy,
        )


def _time_of(row: SubscriptionAddOn, closed: Period) -> Period:
    """From its start to its end, or the end of a closed period."""
    return Period(row.starts_at, row.ends_at or max(closed.end, row.starts_at + timedelta(days=1)))


def _is_there(row: SubscriptionAddOn, coming: Period) -> bool:
    """Whether it is there when a period begins."""
    has_ended = row.ends_at is not None and row.ends_at <= coming.start
    return row.starts_at <= coming.start and not has_ended
