"""The next invoices of a subscription, one after the other, as the billing run would make them.

The first has the usage so far; of later periods none is known yet. What is scheduled happens
when its time comes, coupons and credit are used up in turn, and nothing is written.
"""

from billing.queries.extras import extras_of
from billing.queries.tax_table import TaxTable
from billing.services.changes.scheduled_changes import rehearsed_boundaries
from billing.services.invoices.boundaries import ends_at, pauses_at
from billing.services.invoices.draft_parts import Boundary, DraftInvoice
from billing.services.invoices.drafting import draft_invoices, with_credit
from billing.services.invoices.preview_books import add_ons_of, coupons_of, purse_of
from subscriptions.models import Subscription, SubscriptionPhase
from subscriptions.services.lifecycle import load_subscription
from tiktoktoe.kernel.money import zero

SHOWN = 3


def preview_next_invoices(*, subscription: Subscription, count: int = SHOWN) -> list[DraftInvoice]:
    """What the next invoices would be; fewer when it ends, or pauses for an open time."""
    loaded = load_subscription(subscription.pk)
    extras = extras_of(loaded)
    coupons = coupons_of(loaded, extras)
    phases: dict[int, list[SubscriptionPhase]] | None = None
    taxes = TaxTable([loaded.customer.country])
    known = add_ons_of(loaded, extras)
    balance, from_balance = extras.balance, zero(loaded.currency)
    purse = purse_of(loaded, extras)
    found: list[DraftInvoice] = []
    while len(found) < count:
        boundary = next(iter(rehearsed_boundaries([loaded], has_changes=extras.has_change)), None)
        if boundary is None:
            break
        drafts = draft_invoices(
            [boundary], coupons=coupons, phases=phases, taxes=taxes, known=known
        )
        for draft in drafts:
            less = with_credit(draft, to_come=-from_balance, purse=purse, balance=balance)
            from_balance += less.from_balance or zero(loaded.currency)
            found.append(less)
        if not _move_on(loaded, boundary):
            break
        phases = {loaded.pk: [_phase(loaded)]}
    return found


def _move_on(subscription: Subscription, boundary: Boundary) -> bool:
    """Put a loaded subscription into its next period, as a run does; False where it has none."""
    if boundary.coming is not None:
        subscription.current_period_start = boundary.coming.start
        subscription.current_period_end = boundary.coming.end
        subscription.next_billing_at = boundary.coming.end
        if not boundary.is_trial:
            subscription.state = Subscription.State.ACTIVE
        subscription.paused_from = subscription.resume_at = None
        return True
    is_over = ends_at(subscription, boundary.at) or not pauses_at(subscription, boundary.at)
    if is_over or subscription.resume_at is None:
        return False
    subscription.state = Subscription.State.PAUSED
    subscription.paused_from, subscription.pause_at = boundary.at, None
    subscription.next_billing_at = subscription.resume_at
    return True


def _phase(subscription: Subscription) -> SubscriptionPhase:
    """The stretch that a loaded subscription begins with its period; not to be saved."""
    return SubscriptionPhase(
        subscription=subscription,
        plan_version=subscription.plan_version,
        quantity=subscription.quantity,
        starts_at=subscription.current_period_start,
    )
