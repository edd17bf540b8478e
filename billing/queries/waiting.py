"""What waits for people: nothing of it goes on by itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from billing.errors import DisputedWhileHeld
from billing.models import (
    BankDelivery,
    BankEntry,
    BillingFailure,
    GatewayClock,
    GatewayHealth,
    PaymentAttempt,
    PaymentReview,
    PlannedStart,
    UnclearReturn,
    WebhookEvent,
)
from billing.queries.contradictions import unresolved_contradictions
from billing.queries.return_rates import ach_return_rates
from billing.queries.unknowns import unknown_operations, unknown_refunds, untold_holds

# An outcome that is not known for a day is no longer expected to become known by asking.
UNKNOWN_FOR = timedelta(days=1)
# Whoever could not be put on a plan is asked about for so long, or put on it otherwise.
REFUSED_LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many of one kind wait, and the page where they are seen to."""

    words: str
    count: int
    url_name: str


# What it is called, its rows at an instant, and the page where they are seen to.
_KINDS: Sequence[tuple[str, Callable[[datetime], QuerySet[Any]], str]] = (
    (
        "Payments whose outcome is not known for a day",
        lambda at: PaymentAttempt.objects.filter(
            state="unknown", dispatched_at__lte=at - UNKNOWN_FOR
        ),
        "unknown_list",
    ),
    (
        "Refunds whose outcome is not known for a day",
        lambda at: unknown_refunds().filter(requested_at__lte=at - UNKNOWN_FOR),
        "unknown_list",
    ),
    (
        "Captures and voids whose outcome is not known for a day",
        lambda at: unknown_operations().filter(requested_at__lte=at - UNKNOWN_FOR),
        "unknown_list",
    ),
    ("Holds that are over by their date, and no gateway has said so", untold_holds, "unknown_list"),
    (
        "Gateways that are left alone because they fail",
        lambda _at: GatewayHealth.objects.filter(state="open"),
        "payment_monitor",
    ),
    (
        "Gateways whose clock differs from ours: nothing is charged there",
        lambda _at: GatewayClock.objects.askew(),
        "payment_monitor",
    ),
    (
        "Payments of which a gateway says another thing than we know",
        lambda _at: unresolved_contradictions(),
        "unknown_list",
    ),
    (
        "Payments to be reviewed",
        lambda _at: PaymentReview.objects.filter(state="open"),
        "review_list",
    ),
    (
        "Gateway events that could not be worked off",
        lambda _at: WebhookEvent.objects.filter(state="failed"),
        "webhook_event_list",
    ),
    (
        "Disputes that wait for a hold to end: take the rest, or let it go",
        lambda _at: WebhookEvent.objects.filter(state="waiting", result=DisputedWhileHeld.__name__),
        "webhook_event_list",
    ),
    (
        "Bank messages that cannot be read",
        lambda _at: BankDelivery.objects.filter(state="unreadable"),
        "bank_file_list",
    ),
    (
        "Transfers that match no invoice",
        lambda _at: BankEntry.objects.filter(state="waiting"),
        "bank_entry_list",
    ),
    (
        "Returned debits of another amount",
        lambda _at: UnclearReturn.objects.filter(state="waiting"),
        "bank_entry_list",
    ),
    (
        "Subscriptions that could not be billed",
        lambda _at: BillingFailure.objects.filter(released_at__isnull=True),
        "billing_run_list",
    ),
    (
        "Planned subscriptions that did not start in the last seven days",
        lambda at: PlannedStart.objects.filter(state="refused", done_at__gt=at - REFUSED_LATELY),
        "planned_start_list",
    ),
)


def waiting_for_people(at: datetime) -> list[Waiting]:
    """Each kind of which there is any."""
    found = [Waiting(words, rows(at).count(), url_name) for words, rows, url_name in _KINDS]
    beyond = sum(rate.is_beyond for rate in ach_return_rates(at))
    found.append(
        Waiting("Limits of returned ACH debits that are passed", beyond, "payment_monitor")
    )
    return [row for row in found if row.count]
