"""The states of disputes, what a bank's reason means, and who bears the loss of a lost one.

A gateway's word moves a dispute, never its age: that a deadline has passed is known here, that
the dispute is lost by it only once the gateway says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from billing.domain.attempts import Answer
from billing.errors import StateMoveNotAllowed


class DisputeState(StrEnum):
    """What has become of a customer's claim at its bank."""

    INQUIRY = "inquiry"  # the bank asks; no money has moved
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"  # the bank has our evidence
    WON = "won"
    LOST = "lost"
    ACCEPTED = "accepted"  # we have given it up
    EXPIRED = "expired"  # nobody answered in time, says the gateway
    CLOSED = "closed"  # an inquiry that came to nothing


D = DisputeState
_LOST = frozenset({D.LOST, D.ACCEPTED, D.EXPIRED})
_ENDS = _LOST | {D.WON}

DISPUTE_MOVES: Mapping[DisputeState, frozenset[DisputeState]] = {
    D.INQUIRY: _ENDS | {D.NEEDS_RESPONSE, D.UNDER_REVIEW, D.CLOSED},
    D.NEEDS_RESPONSE: _ENDS | {D.UNDER_REVIEW, D.CLOSED},
    # A bank that is not convinced asks again; then a new round begins.
    D.UNDER_REVIEW: frozenset({D.NEEDS_RESPONSE, D.WON, D.LOST, D.CLOSED}),
    # A second chargeback takes back what was won, a late reversal what was lost.
    D.WON: frozenset({D.NEEDS_RESPONSE, D.LOST}),
    D.LOST: frozenset({D.WON}),
    D.EXPIRED: frozenset({D.WON}),
    D.ACCEPTED: frozenset(),
    D.CLOSED: frozenset({D.NEEDS_RESPONSE, D.LOST}),
}
OPEN_DISPUTE_STATES = frozenset({D.INQUIRY, D.NEEDS_RESPONSE, D.UNDER_REVIEW})
ANSWERABLE_STATES = frozenset({D.INQUIRY, D.NEEDS_RESPONSE})
# Nothing is given back meanwhile; an inquiry, in which no money has moved, may end with a refund.
FROZEN_STATES = frozenset({D.NEEDS_RESPONSE, D.UNDER_REVIEW})
LOST_STATES = _LOST


def ensure_dispute_move(from_state: str, to_state: str) -> None:
    """Refuse a move of a dispute that is not in the table.

    Raises:
        StateMoveNotAllowed: If it is not.
    """
    if DisputeState(to_state) not in DISPUTE_MOVES[DisputeState(from_state)]:
        raise StateMoveNotAllowed(f"a dispute that is {from_state} cannot become {to_state}")


def next_dispute_state(
    current: str, reported: DisputeState, *, is_decided: bool = False
) -> DisputeState | None:
    """Where a gateway's word moves a dispute; None if it says nothing new or nothing possible.

    "Lost" of one that we gave up, or let lapse, is no news.

    Args:
        is_decided: Whether the gateway says that it is over. Then a loss is one by whatever word:
            of one that the bank looks at, "nobody answered" would else be its deadline only.
    """
    here = DisputeState(current)
    if is_decided and reported in _LOST and reported not in DISPUTE_MOVES[here]:
        reported = D.LOST
    is_no_news = here == reported or (here in _LOST and reported in _LOST)
    return None if is_no_news or reported not in DISPUTE_MOVES[here] else reported


class DisputeClass(StrEnum):
    """Why a customer contests a payment."""

    FRAUD = "fraud"
    NOT_RECEIVED = "not_received"
    NOT_AS_DESCRIBED = "not_as_described"
    CANCELED = "canceled"  # a subscription that was to have ended
    CREDIT_MISSING = "credit_missing"
    DUPLICATE = "duplicate"
    RETURNED = "returned"  # a debit that a bank has taken back: final, and still owed
    PROCESSING = "processing"  # amount, account or authorisation are said to be wrong
    OTHER = "other"


C = DisputeClass
# Source: docs.stripe.com/disputes/categories; docs.adyen.com/risk-management/
# understanding-disputes/dispute-reason-codes (the schemes' own codes); PayPal's:
# developer.paypal.com/docs/api/customer-disputes/v1.
_CLASS_OF_REASON: Mapping[str, DisputeClass] = {
    "fraudulent": C.FRAUD,
    "unrecognized": C.FRAUD,
    "product_not_received": C.NOT_RECEIVED,
    "product_unacceptable": C.NOT_AS_DESCRIBED,
    "subscription_canceled": C.CANCELED,
    "credit_not_processed": C.CREDIT_MISSING,
    "duplicate": C.DUPLICATE,
    "debit_not_authorized": C.RETURNED,
    "bank_cannot_process": C.RETURNED,
    "check_returned": C.RETURNED,
    "incorrect_account_details": C.RETURNED,
    "insufficient_funds": C.RETURNED,
    "unauthorised": C.FRAUD,
    "merchandise_or_service_not_received": C.NOT_RECEIVED,
    "merchandise_or_service_not_as_described": C.NOT_AS_DESCRIBED,
    "canceled_recurring_billing": C.CANCELED,
    "duplicate_transaction": C.DUPLICATE,
    "payment_by_other_means": C.DUPLICATE,
    "incorrect_amount": C.PROCESSING,
    "problem_with_remittance": C.PROCESSING,
    "4837": C.FRAUD,
    "4840": C.FRAUD,
    "4849": C.FRAUD,
    "4863": C.FRAUD,
    "4870": C.FRAUD,
    "4871": C.FRAUD,
    "4808": C.PROCESSING,
    "4834": C.DUPLICATE,
    "12.6": C.DUPLICATE,
    "12.6.1": C.DUPLICATE,
    "13.1": C.NOT_RECEIVED,
    "13.2": C.CANCELED,
    "13.3": C.NOT_AS_DESCRIBED,
    "13.4": C.NOT_AS_DESCRIBED,
    "13.5": C.NOT_AS_DESCRIBED,
    "13.6": C.CREDIT_MISSING,
    "13.7": C.CANCELED,
}
_CLASS_OF_FAMILY: Mapping[str, DisputeClass] = {"10": C.FRAUD, "11": C.PROCESSING}


def classify_reason(reason: str) -> DisputeClass:
    """What a bank's or gateway's reason means; one that nobody knows is "other"."""
    known = reason.strip().lower()
    family = known.partition(".")[0]
    visa = _CLASS_OF_FAMILY.get(family) if "." in known else None
    return _CLASS_OF_REASON.get(known) or visa or C.OTHER


class LossRule(StrEnum):
    """What a lost dispute does to the invoice."""

    WRITE_OFF = "write_off"  # we bear it: the invoice stays paid
    REOPEN = "reopen"  # the customer owes it again


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTerms:
    """From when on a rule counts, and for which reasons; an empty class means every one."""

    valid_from: date
    reason_class: str
    rule: LossRule


def loss_rule_of(terms: Iterable[LossTerms], *, reason_class: str, on: date) -> LossRule:
    """What a loss does: the latest rule for the reason, else for every reason, else we bear it."""
    held = [t for t in terms if t.valid_from <= on and t.reason_class in {"", reason_class}]
    best = max(held, key=lambda t: (t.reason_class != "", t.valid_from), default=None)
    return best.rule if best else LossRule.WRITE_OFF


class AnswerState(StrEnum):
    """How far our answer in a round has come."""

    DRAFT = "draft"
    DISPATCHED = "dispatched"  # written down, and perhaps sent
    UNKNOWN = "unknown"  # the bank may have it
    SUBMITTED = "submitted"


W = AnswerState
ANSWER_MOVES: Mapping[AnswerState, frozenset[AnswerState]] = {
    W.DRAFT: frozenset({W.DISPATCHED}),
    # Back to a draft only once it is proven that it was not taken.
    W.DISPATCHED: frozenset({W.UNKNOWN, W.SUBMITTED, W.DRAFT}),
    W.UNKNOWN: frozenset({W.SUBMITTED, W.DRAFT}),
    W.SUBMITTED: frozenset(),
}


def ensure_answer_move(from_state: str, to_state: str) -> None:
    """Refuse a move of an answer that is not in the table.

    Raises:
        StateMoveNotAllowed: If it is not.
    """
    if AnswerState(to_state) not in ANSWER_MOVES[AnswerState(from_state)]:
        raise StateMoveNotAllowed(f"an answer that is {from_state} cannot become {to_state}")


def settled_answer_state(answer: Answer, *, is_replay: bool) -> AnswerState:
    """The state that a gateway's answer proves: a refusal of a replay proves nothing."""
    if answer in {Answer.SUCCEEDED, Answer.PENDING}:
        return W.SUBMITTED
    is_refusal = answer in {Answer.REFUSED_BEFORE_EXECUTION, Answer.NEVER_LEFT, Answer.DECLINED}
    return W.DRAFT if is_refusal and not is_replay else W.UNKNOWN


REMINDED_BEFORE = (7, 3, 1)


def reminder_due(*, due_at: datetime, at: datetime) -> int | None:
    """How many days before the deadline staff are to be reminded of now; None if not yet.

    The smallest step that has come counts, so that one that is late is not sent beside it.
    """
    left = due_at - at
    if left <= timedelta(0):
        return None
    return min((days for days in REMINDED_BEFORE if left <= timedelta(days=days)), default=None)
