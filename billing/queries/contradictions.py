"""What gateways say against what is known, and what a correction of it would move."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from django.db.models import Prefetch, QuerySet

from billing.domain.attempts import AttemptState, PaymentState, RefundState
from billing.domain.corrections import CorrectionWord
from billing.models import (
    OutcomeClaim,
    OutcomeCorrection,
    PaymentAttempt,
    PaymentEvent,
    PaymentOperation,
    Refund,
)
from tiktoktoe.kernel.money import Money, quantize, zero

SHOWN = 200
CONTRADICTS = "gateway_contradicts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradicted:
    """One contradiction: of what it is, and which word of the gateway's would be followed.

    No word: it is not clear what is to be moved, so that people see to it by hand.
    """

    event: PaymentEvent
    attempt: PaymentAttempt
    refund: Refund | None = None
    operation: PaymentOperation | None = None
    word: CorrectionWord | None
    amount: Money
    reference: str = ""
    correction: OutcomeCorrection | None = None  # that waits for a second person

    @property
    def other_amount(self) -> tuple[str, Money, Money] | None:
        """A refund or capture that came to another amount: which, what it came to, what was asked.

        It is not settled by it, and nothing can be moved here: what was issued for it, and what
        the customer is owed, is of the amount that was asked for.
        """
        details, currency = self.event.details, self.attempt.currency
        for kind, name in (("refund", "given_back"), ("capture", "taken")):
            if name in details:
                told, asked = details[name], details.get("asked_for")
                return kind, _money(told, currency), _money(asked, currency)
        return None

    @property
    def what(self) -> str:
        """What it is called: charge, refund, capture or void."""
        if self.other_amount is not None:
            return self.other_amount[0]
        if self.operation is not None:
            return str(self.operation.kind)
        return "refund" if self.refund is not None else "charge"

    @property
    def is_followed(self) -> bool:
        """Whether what the gateway says is so here already."""
        row = self.refund or self.operation
        follows = {
            CorrectionWord.EXECUTED: RefundState.SUCCEEDED,
            CorrectionWord.NOT_EXECUTED: RefundState.FAILED,
        }
        return row is not None and self.word is not None and row.state == follows.get(self.word)

    @property
    def says(self) -> str:
        """What the gateway says, in a sentence."""
        if self.other_amount is not None:
            kind, told, asked = self.other_amount
            return f"The {kind} came to {_plain(told)}, and {_plain(asked)} was asked for"
        if self.word == CorrectionWord.EXECUTED:
            again = self.what == "charge" and self.attempt.state == AttemptState.SUCCEEDED
            return f"The {self.what} was executed{' a second time' if again else ''}"
        if self.word == CorrectionWord.NOT_EXECUTED:
            return f"The {self.what} was not executed"
        return "Something else than we know: see the payment's record"


def unresolved_contradictions() -> QuerySet[PaymentEvent]:
    """What gateways have said against what we know, and nobody has corrected or seen to."""
    told = PaymentEvent.objects.filter(event=CONTRADICTS)
    waiting = told.exclude(details__has_key="followed")  # by the tables of moves, at once
    return waiting.exclude(corrections__state="done").order_by("at", "pk")


def open_contradictions() -> list[Contradicted]:
    """Those that wait for people, the oldest first; a fixed number of queries."""
    waiting = OutcomeCorrection.objects.filter(state="open").select_related("proposed_by")
    rows = unresolved_contradictions().select_related(
        "payment__customer", "payment__invoice", "attempt__payment"
    )
    events = list(
        rows.prefetch_related(Prefetch("corrections", waiting, to_attr="waiting"))[:SHOWN]
    )
    claims = _claims(events)
    return [_read(event, claims) for event in events if event.attempt is not None]


def read_contradiction(event: PaymentEvent) -> Contradicted:
    """One of them, as it stands now."""
    return _read(event, _claims([event]))


def _claims(events: Iterable[PaymentEvent]) -> Mapping[int, OutcomeClaim]:
    keys = {event.details["claim"] for event in events if "claim" in event.details}
    related = ("attempt", "refund", "operation")
    return OutcomeClaim.objects.select_related(*related).in_bulk(keys) if keys else {}


def _read(event: PaymentEvent, claims: Mapping[int, OutcomeClaim]) -> Contradicted:
    assert event.attempt is not None, "a gateway contradicts what is known of an attempt"
    found: list[OutcomeCorrection] = getattr(event, "waiting", [])
    correction = next(iter(found), None)
    claim = claims.get(event.details.get("claim", 0))
    if claim is not None:
        return _of_claim(event, event.attempt, claim, correction)
    return _of_charge(event, event.attempt, correction)


def _of_claim(
    event: PaymentEvent,
    attempt: PaymentAttempt,
    claim: OutcomeClaim,
    correction: OutcomeCorrection | None,
) -> Contradicted:
    """The opposite of what two people had proven; or its name only, which moves nothing."""
    reference = str(event.details.get("reference", ""))
    word: CorrectionWord | None = CorrectionWord.EXECUTED
    if claim.verdict == OutcomeClaim.Verdict.EXECUTED:
        is_named = bool(claim.reference and reference and reference != claim.reference)
        word = None if is_named else CorrectionWord.NOT_EXECUTED
    moved = claim.refund or claim.operation
    return Contradicted(
        event=event,
        attempt=attempt,
        refund=claim.refund,
        operation=claim.operation,
        word=word,
        amount=moved.amount if moved is not None else attempt.payment.amount,
        reference=reference,
        correction=correction,
    )


def _of_charge(
    event: PaymentEvent, attempt: PaymentAttempt, correction: OutcomeCorrection | None
) -> Contradicted:
    """A charge that has taken money: of one that was thought dead, another amount, or twice."""
    reference = str(event.details.get("reference", ""))
    amount = _money(event.details.get("paid"), attempt.currency)
    is_clear = "state_here" in event.details and not attempt.is_hold and amount.amount > 0
    if amount.currency.code != attempt.currency:  # nothing of it can be booked as the payment's
        is_clear = False
    is_known = attempt.state == AttemptState.SUCCEEDED and reference in {
        attempt.gateway_reference,
        "",
    }
    if is_known and attempt.payment.state != PaymentState.RETURNED:
        is_clear = False
    return Contradicted(
        event=event,
        attempt=attempt,
        word=CorrectionWord.EXECUTED if is_clear else None,
        amount=amount,
        reference=reference,
        correction=correction,
    )


def _plain(amount: Money) -> str:
    return f"{quantize(amount).amount} {amount.currency.code}"


def _money(told: object, currency: str) -> Money:
    """An amount that an event tells, by `told_amount`."""
    amount, _, another = str(told).partition(" ")
    try:
        return Money(Decimal(amount), another or currency)
    except InvalidOperation:
        return zero(currency)
