"""What is told of what happens: the kinds, and which of them a customer hears of by e-mail."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from subscriptions.domain.lifecycle import EVENTS
from tiktoktoe.kernel.money import quantize_amount

Facts = Mapping[str, Any]

# How long before it happens a customer hears of it.
TRIAL_ENDS_SOON = timedelta(days=3)
RENEWS_SOON = timedelta(days=14)  # only of periods of a quarter or longer
EXPIRES_SOON = timedelta(days=30)
# A notice of something older is not sent: it would only confuse.
STALE_AFTER = timedelta(days=7)

# Sending again after a failure: about a day and a half in all.
MAIL_RETRIES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 2 * 60, 8 * 60, 24 * 60))


class Attachment(StrEnum):
    """Which document goes with a notice."""

    NONE = ""
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeKind:
    """A kind of event that a customer is written of; a mandatory one cannot be refused."""

    kind: str
    label: str
    is_mandatory: bool
    attachment: Attachment = Attachment.NONE


NOTICE_KINDS = {
    spec.kind: spec
    for spec in (
        NoticeKind(kind="trial.ending", label="Your trial ends soon", is_mandatory=True),
        NoticeKind(kind="renewal.upcoming", label="A long period renews soon", is_mandatory=False),
        NoticeKind(
            kind="invoice.finalized",
            label="A new invoice",
            is_mandatory=True,
            attachment=Attachment.INVOICE,
        ),
        NoticeKind(kind="payment.failed", label="A payment failed", is_mandatory=True),
        NoticeKind(kind="payment.approved", label="A payment that we looked at", is_mandatory=True),
        NoticeKind(kind="dunning.reminder", label="An invoice is past due", is_mandatory=True),
        NoticeKind(kind="debit.upcoming", label="A debit is coming", is_mandatory=True),
        NoticeKind(
            kind="payment.returned", label="A debit was returned by the bank", is_mandatory=True
        ),
        NoticeKind(
            kind="dunning.request", label="A request for an overdue balance", is_mandatory=True
        ),
        NoticeKind(kind="payment.succeeded", label="A payment was received", is_mandatory=False),
        NoticeKind(kind="payment_method.expiring", label="A card expires soon", is_mandatory=True),
        NoticeKind(kind="subscription.plan_changed", label="Your plan changed", is_mandatory=True),
        NoticeKind(
            kind="subscription.cancellation_scheduled",
            label="A cancellation was scheduled",
            is_mandatory=True,
        ),
        NoticeKind(
            kind="subscription.cancellation_withdrawn",
            label="A subscription goes on after all",
            is_mandatory=True,
        ),
        NoticeKind(kind="subscription.canceled", label="A subscription ended", is_mandatory=True),
        NoticeKind(
            kind="subscription.expired", label="A sign-up was not completed", is_mandatory=True
        ),
        NoticeKind(kind="start.planned", label="A subscription was planned", is_mandatory=True),
        NoticeKind(
            kind="start.withdrawn",
            label="A planned subscription was taken back",
            is_mandatory=True,
        ),
        NoticeKind(
            kind="start.refused", label="A planned subscription did not start", is_mandatory=True
        ),
        NoticeKind(
            kind="subscription.plan_change_scheduled",
            label="A change of plan was scheduled",
            is_mandatory=True,
        ),
        NoticeKind(
            kind="subscription.plan_change_withdrawn",
            label="A scheduled change of plan was taken back",
            is_mandatory=True,
        ),
        NoticeKind(
            kind="subscription.add_on_changed", label="Your add-ons changed", is_mandatory=True
        ),
        NoticeKind(
            kind="subscription.add_on_scheduled",
            label="A change of add-ons was scheduled",
            is_mandatory=True,
        ),
        NoticeKind(
            kind="subscription.add_on_withdrawn",
            label="A scheduled change of add-ons was taken back",
            is_mandatory=True,
        ),
        NoticeKind(
            kind="subscription.pause_scheduled", label="A pause was scheduled", is_mandatory=True
        ),
        NoticeKind(
            kind="subscription.pause_withdrawn",
            label="A scheduled pause was taken back",
            is_mandatory=True,
        ),
        NoticeKind(kind="subscription.paused", label="A subscription pauses", is_mandatory=True),
        NoticeKind(
            kind="subscription.resumed", label="A paused subscription goes on", is_mandatory=True
        ),
        NoticeKind(
            kind="subscription.resumption_scheduled",
            label="The end of a pause was scheduled",
            is_mandatory=True,
        ),
        NoticeKind(
            kind="subscription.resumption_withdrawn",
            label="The scheduled end of a pause was taken back",
            is_mandatory=True,
        ),
        NoticeKind(
            kind="subscription.trial_extended", label="Your trial is longer", is_mandatory=True
        ),
        NoticeKind(
            kind="subscription.trial_shortened", label="Your trial is shorter", is_mandatory=True
        ),
        NoticeKind(kind="refund.succeeded", label="A refund was sent", is_mandatory=True),
        NoticeKind(
            kind="credit_note.issued",
            label="A credit note",
            is_mandatory=True,
            attachment=Attachment.CREDIT_NOTE,
        ),
        NoticeKind(
            kind="price.change_upcoming", label="Your prices will change", is_mandatory=True
        ),
        NoticeKind(
            kind="price.change_withdrawn", label="Your prices stay as they are", is_mandatory=True
        ),
        NoticeKind(
            kind="usage.threshold_reached",
            label="Usage reached 50, 80 or 100 % of what is included",
            is_mandatory=False,
        ),
        NoticeKind(
            kind="usage.budget_reached", label="Usage reached your budget", is_mandatory=False
        ),
    )
}

# What webhooks tell besides; those of subscriptions are "subscription." and the transition's name.
OTHER_KINDS = (
    "dispute.closed",
    "dispute.opened",
    "dunning.finished",
    "invoice.paid",
    "invoice.voided",
    "invoice.written_off",
    *(f"subscription.{event}" for event in sorted(EVENTS)),
)
_TOLD_BY_MOVES = frozenset(
    {"subscription.plan_change_scheduled", "subscription.plan_change_withdrawn"}
)
EVENT_KINDS = tuple(sorted({*NOTICE_KINDS, *OTHER_KINDS}))


def notice_kind_of(kind: str, facts: Facts) -> NoticeKind | None:
    """The notice that an event calls for; None if the customer need not hear of it.

    Whoever pays on the gateway's page is told of a decline there, and of a price move there are
    notices of its own, sooner.
    """
    spec = NOTICE_KINDS.get(kind)
    if kind == "payment.failed" and facts.get("channel") != "stored_method":
        return None
    return None if facts.get("is_price_move") and kind in _TOLD_BY_MOVES else spec


def tidy(value: Any) -> Any:
    """The same facts with every amount of money in its currency's decimals.

    An amount is {"amount": "119", "currency": "EUR"}, which becomes "119.00".
    """
    if isinstance(value, dict):
        if value.keys() == {"amount", "currency"}:
            payable = quantize_amount(Decimal(value["amount"]), value["currency"])
            return {"amount": f"{payable.amount:f}", "currency": value["currency"]}
        return {name: tidy(part) for name, part in value.items()}
    if isinstance(value, list):
        return [tidy(part) for part in value]
    return value


def next_mail_try(tries: int) -> timedelta | None:
    """How long to wait after so many tries; None when it is given up."""
    return MAIL_RETRIES[tries - 1] if tries <= len(MAIL_RETRIES) else None
