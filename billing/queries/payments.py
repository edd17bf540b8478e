"""Payments as staff look at them: what a list adds up to, and what happened to one."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, Sum

from billing.domain.declines import POLICIES, DeclineClass
from billing.models import Payment, PaymentAttempt, PaymentEvent
from billing.models.payments import PaymentQuerySet
from tiktoktoe.kernel.money import Money, zero

TONES = {
    "attempt_succeeded": "good",
    "payment_paid": "good",
    "refund_succeeded": "good",
    "attempt_declined": "bad",
    "payment_failed": "bad",
    "payment_returned": "bad",
    "refund_failed": "bad",
    "gateway_contradicts": "bad",
    "correction_made": "good",
    "capture_succeeded": "good",
    "capture_failed": "bad",
    "capture_unknown": "warn",
    "void_unknown": "warn",
    "dispute_won": "good",
    "dispute_lost": "bad",
    "dispute_accepted": "bad",
    "dispute_expired": "bad",
    "dispute_inquiry": "warn",
    "dispute_needs_response": "warn",
    "attempt_unknown": "warn",
    "refund_unknown": "warn",
    "attempt_requires_action": "warn",
    "payment_requires_action": "warn",
}
WORDS = {
    "attempt_dispatched": "Attempt written down, then sent",
    "attempt_succeeded": "The gateway took the money",
    "attempt_declined": "Declined",
    "attempt_unknown": "No answer: the outcome is not known yet",
    "attempt_not_sent": "Proven not to have been executed",
    "attempt_requires_action": "Waiting for the customer",
    "attempt_pending": "Waiting for the bank",
    "attempt_abandoned": "The payment page expired unpaid",
    "payment_paid": "Paid",
    "payment_open": "Open: to be tried again",
    "payment_failed": "Given up: collecting by itself has ended",
    "payment_requires_action": "The customer has to act",
    "payment_returned": "Taken back by the customer's bank: it is owed again",
    "debit_announced": "The debit was announced; it leaves with its file",
    "collection_after_return": "To be collected again after a return",
    "collection_of_rest": "The rest is to be collected",
    "payment_canceled": "No longer needed",
    "payment_not_routed": "Nothing could be charged",
    "payment_held": "Held back: a person has to look first",
    "payment_approved": "Approved by a person",
    "payment_refused": "Refused by a person",
    "review_lapsed": "There is nothing to review any more",
    "proof_given": "Two people have seen what became of it",
    "outcome_claimed": "A person says what became of it; another has to agree",
    "outcome_claim_refused": "What was said of it does not count",
    "collection_resumed": "To be collected again",
    "gateway_contradicts": "The gateway contradicts our record: somebody must look",
    "correction_proposed": "A person wants to follow the gateway; another has to agree",
    "correction_made": "Brought to what the gateway says, by two people",
    "correction_refused": "The gateway is not followed",
    "attempt_authorized": "Held: authorised, and not taken yet",
    "capture_dispatched": "Capture written down, then sent",
    "capture_succeeded": "Captured",
    "capture_pending": "The capture is on its way",
    "capture_failed": "The capture failed",
    "capture_unknown": "No answer: whether it was captured is not known yet",
    "void_dispatched": "Void written down, then sent",
    "void_succeeded": "Let go",
    "void_pending": "The void is on its way",
    "void_failed": "The void failed",
    "void_unknown": "No answer: whether it was let go is not known yet",
    "dispute_inquiry": "The customer's bank asks about it",
    "dispute_needs_response": "Disputed: the bank waits for an answer",
    "dispute_under_review": "The bank has our evidence",
    "dispute_answer_dispatched": "Answer to the bank written down, then sent",
    "dispute_answer_submitted": "The bank has our answer",
    "dispute_answer_unknown": "No answer: whether the bank has ours is not known yet",
    "dispute_answer_draft": "Our answer was not taken; it can be sent again",
    "dispute_won": "Dispute won",
    "dispute_lost": "Dispute lost",
    "dispute_accepted": "Dispute accepted: we have given it up",
    "dispute_expired": "Dispute lost: nobody answered in time",
    "dispute_closed": "The inquiry came to nothing",
    "refund_dispatched": "Refund written down, then sent",
    "refund_succeeded": "Refunded",
    "refund_pending": "The refund is on its way",
    "refund_failed": "The refund failed",
    "refund_unknown": "No answer: whether it was refunded is not known yet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSum:
    """What the payments of a list in one currency add up to."""

    currency: str
    count: int
    paid: Money
    refunded: Money
    charged_back: Money
    fees: Money
    outstanding: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened to a payment, for its timeline."""

    what: str
    at: datetime
    note: str = ""
    who: str = ""
    tone: str = ""
    href: str = ""


def payment_sums(payments: PaymentQuerySet) -> list[PaymentSum]:
    """What was paid, given back, lost, kept by the gateway and is still to come, by currency."""
    is_live = Q(state__in=["open", "processing", "requires_action"])
    rows = (
        payments.order_by("currency")
        .values_list("currency")
        .annotate(
            count=Count("pk"),
            paid=Sum("amount", filter=Q(state="paid")),
            refunded=Sum("amount_refunded"),
            lost=Sum("amount_charged_back"),
            outstanding=Sum("amount", filter=is_live),
        )
    )
    fees = _fees(payments)
    return [
        PaymentSum(
            currency=currency,
            count=count,
            paid=Money(paid or 0, currency),
            refunded=Money(refunded or 0, currency),
            charged_back=Money(lost or 0, currency),
            fees=fees.get(currency, zero(currency)),
            outstanding=Money(outstanding or 0, currency),
        )
        for currency, count, paid, refunded, lost, outstanding in rows
    ]


def payment_history(payment: Payment) -> list[Happening]:
    """Everything that happened to a payment, the latest first."""
    events = payment.events.select_related("attempt").order_by("-pk")
    return [
        Happening(
            what=WORDS.get(event.event, event.event.replace("_", " ").capitalize()),
            at=event.at,
            note=_note(event),
            who=event.actor,
            tone=TONES.get(event.event, ""),
        )
        for event in events
    ]


def decline_in_words(attempt: PaymentAttempt) -> str:
    """Why it was declined, for staff: our class, the gateway's own word, and what helps."""
    if not attempt.decline_class:
        return ""
    policy = POLICIES[DeclineClass(attempt.decline_class)]
    helps = {
        "nobody": "It is tried again by itself.",
        "customer": "The customer has to act; trying again cannot help.",
        "staff": "Somebody here has to look at it.",
    }[policy.needs]
    kind = attempt.decline_class.replace("_", " ")
    return f"{kind} ({attempt.decline_code}). {helps}"


def _fees(payments: PaymentQuerySet) -> dict[str, Money]:
    rows = (
        PaymentAttempt.objects.filter(payment__in=payments.order_by(), state="succeeded")
        .order_by("currency")
        .values_list("currency")
        .annotate(fees=Sum("fee"))
    )
    return {currency: Money(fees or 0, currency) for currency, fees in rows}


def _note(event: PaymentEvent) -> str:
    details = event.details
    parts = [
        f"attempt {event.attempt.sequence}" if event.attempt else "",
        str(details.get("code", "")),
        str(details.get("message", "")),
        str(details.get("reason", "")),
        f"{details['amount']} {event.payment.currency}" if "amount" in details else "",
        str(details.get("reference", "")),
        f"sent {details['sends']} times" if int(details.get("sends", 1)) > 1 else "",
    ]
    return " · ".join(part for part in parts if part)
