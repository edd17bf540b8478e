"""The lines of what is sold beside a plan: its fees, billed with the subscription's periods."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta

from billing.services.invoices.draft_parts import Boundary, DraftLine
from billing.services.invoices.fee_lines import fee_line, setup_line
from billing.services.invoices.terms import LoadedPrice, PriceBook
from subscriptions.domain.proration import whole_of
from subscriptions.models import Subscription, SubscriptionAddOn
from subscriptions.services.policies import PolicyBook
from tiktoktoe.kernel.periods import BillingPeriods, Period


class AddOnBook:
    """The add-ons of some subscriptions with their prices: one query, three where there are any."""

    def __init__(self, subscription_ids: Iterable[int], policies: PolicyBook) -> None:
        rows = SubscriptionAddOn.objects.filter(subscription__in=set(subscription_ids))
        self._rows: dict[int, list[SubscriptionAddOn]] = defaultdict(list)
        for row in rows.select_related("plan").order_by("plan__rank", "plan__code", "starts_at"):
            self._rows[row.subscription_id].append(row)
        versions = {row.plan_version_id for group in self._rows.values() for row in group}
        self._prices = PriceBook(versions) if versions else None
        self._policies = policies

    def arrears(self, boundary: Boundary) -> Iterator[DraftLine]:
        """The fees in arrears of the closed period, each for the time that it was there."""
        if boundary.closed is None:
            return
        for row in self._rows[boundary.subscription.pk]:
            for loaded in self._recurring(row, "arrears"):
                part = _time_of(row, boundary.closed)
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
        if boundary.coming is None or is_paused or self._prices is None:
            return
        for row in self._rows[boundary.subscription.pk]:
            is_new = boundary.closed is None or row.starts_at > boundary.closed.start
            if row.owes_setup and is_new and _is_there(row, boundary.coming):
                for loaded in self._prices.setup(row.plan_version_id):
                    yield setup_line(loaded, boundary.coming, row.quantity)

    def _recurring(self, row: SubscriptionAddOn, timing: str) -> list[LoadedPrice]:
        return self._prices.recurring(row.plan_version_id, timing) if self._prices else []

    def _fee(
        self,
        row: SubscriptionAddOn,
        loaded: LoadedPrice,
        part: Period,
        boundary: Boundary,
        periods: BillingPeriods,
    ) -> DraftLine:
        policy = self._policies.of_plan(loaded.plan_id, boundary.at)
        return fee_line(
            loaded,
            part,
            row.quantity,
            whole=whole_of(part, periods=periods, policy=policy),
            time_zone=boundary.subscription.time_zone,
            policy=policy,
        )


def _time_of(row: SubscriptionAddOn, closed: Period) -> Period | None:
    """The part of a closed period in which it was there."""
    ends_at = row.ends_at or max(closed.end, row.starts_at + timedelta(days=1))
    return Period(row.starts_at, ends_at).intersection(closed)


def _is_there(row: SubscriptionAddOn, coming: Period) -> bool:
    """Whether it is there when a period begins."""
    has_ended = row.ends_at is not None and row.ends_at <= coming.start
    return row.starts_at <= coming.start and not has_ended
