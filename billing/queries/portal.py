"""What a customer sees of their own account."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from billing.domain.declines import POLICIES, DeclineClass
from billing.domain.risk import RiskAction, RiskVerdict
from billing.models import (
    Invoice,
    Payment,
    PaymentAttempt,
    PaymentReview,
    PlannedStart,
    UsageAlert,
)
from subscriptions.models import Customer, Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An invoice that could not be collected, and what the customer can do about it."""

    invoice: Invoice
    words: str


def alerts_of_period(subscription: Subscription) -> list[UsageAlert]:
    """What usage has come to in the current period, the latest first."""
    rows = UsageAlert.objects.filter(
        subscription=subscription, period_start=subscription.current_period_start, is_told=True
    )
    return list(rows.select_related("price"))


def ended_for_good(customer: Customer) -> list[Subscription]:
    """The last subscription to each plan that has ended, does not run again, and is not to."""
    live = Subscription.objects.live().filter(customer=customer).values("plan_version__plan")
    ended = Subscription.objects.filter(customer=customer, ended_at__isnull=False)
    waiting = PlannedStart.objects.waiting().filter(customer=customer).values("plan_version__plan")
    gone = ended.exclude(plan_version__plan__in=live).exclude(plan_version__plan__in=waiting)
    rows = gone.order_by("plan_version__plan_id", "-ended_at", "-pk")
    return list(rows.distinct("plan_version__plan_id").select_related("plan_version__plan"))


def uncollected_invoices(customer: Customer) -> list[Trouble]:
    """Open invoices whose last payment failed or waits for the customer, the oldest first."""
    troubled = ("failed", "requires_action")
    invoices = Invoice.objects.collectable().filter(
        customer=customer, payments__state__in=[*troubled, "open"]
    )
    found = []
    for invoice in invoices.distinct().order_by("finalized_at"):
        last = last_failure(invoice.payments.order_by("-created_at", "-id"))
        if last is not None:
            words = f"Invoice {invoice} could not be collected. {why_declined(last)}"
            found.append(Trouble(invoice=invoice, words=words))
    return found


def held_in_words(invoice: Invoice) -> str:
    """What a customer is told of an invoice that a person looks at; empty: of none.

    It does not say which rules there are, or how far a payment was from them.
    """
    reviews = PaymentReview.objects.filter(payment__invoice=invoice, state="open")
    review = reviews.exclude(payment__state="canceled").order_by("-created_at").first()
    if review is None:
        return ""
    if RiskVerdict(hits=review.hits).action == RiskAction.BLOCK:
        return (
            "This invoice cannot be paid online at the moment. "
            f"Please write to {settings.COMPANY['email']}, so that we find another way."
        )
    return (
        "We look at your payment before it is taken; nothing more is taken meanwhile. "
        "You need not do anything: please come back here later to pay."
    )


def last_failure(payments: Iterable[Payment]) -> PaymentAttempt | None:
    """The last attempt of the newest payment that came to anything, if it was declined.

    A page that was opened and left changes nothing about that.
    """
    newest = next(iter(payments), None)
    if newest is None:
        return None
    came_to_nothing = ["abandoned", "not_sent", "requires_action"]
    last = newest.attempts.exclude(state__in=came_to_nothing).order_by("-sequence").first()
    return last if last is not None and last.state == PaymentAttempt.State.DECLINED else None


def why_declined(attempt: PaymentAttempt) -> str:
    """A decline in plain words, and what to do; nothing for an attempt that was not declined."""
    if not attempt.decline_class:
        return ""
    return POLICIES[DeclineClass(attempt.decline_class)].advice
