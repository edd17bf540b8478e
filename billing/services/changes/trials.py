"""A trial ends at once, and its first bill is made with it."""

from datetime import datetime

from django.db import transaction

from billing.services.changes.subscribing import Started
from billing.services.invoices.invoicing import bill_start
from subscriptions.models import Subscription
from subscriptions.services.lifecycle import ensure_unchanged, lock_subscription
from subscriptions.services.transitions import Actor
from subscriptions.services.trials import end_trial


@transaction.atomic
def convert_trial_now(
    *,
    subscription: Subscription,
    actor: Actor,
    at: datetime,
    reason: str = "",
    expected: str | None = None,
) -> Started:
    """End a trial today and bill the fee in advance from this local day on.

    Raises:
        TransitionNotAllowed: If it is in no trial.
        SubscriptionChanged: If it is not as `expected`, the token of a preview, says.
        TaxRateMissing: If tax is due in the customer's country and no rate is known.
    """
    ensure_unchanged(lock_subscription(subscription), expected)
    active = end_trial(subscription=subscription, actor=actor, reason=reason, at=at)
    return Started(active, bill_start(subscription=active, at=at))
