"""What a gateway says of a dispute, written down: its state, its money, and who bears a loss.

While a payment is disputed it stays paid here, and nothing is asked for or given back of it:
the bank decides. What the gateway has taken meanwhile stands in the books as money in dispute.
"""

import logging
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from billing.domain.declines import stripe_decline
from billing.domain.disputes import (
    LOST_STATES,
    OPEN_DISPUTE_STATES,
    DisputeClass,
    DisputeState,
    LossRule,
    LossTerms,
    classify_reason,
    loss_rule_of,
    next_dispute_state,
)
from billing.errors import DisputeContradicts, DisputedTooEarly, DisputedWhileHeld
from billing.gateways.disputes import DisputeReport, TellsOfDisputes
from billing.gateways.registry import gateway_named
from billing.models import Dispute, DisputeEntry, DisputeRule, Invoice, Payment, PaymentAttempt
from billing.services.disputes.money import add_entry, book_exchange, take_movement
from billing.services.payments.payment_events import record_event
from billing.services.payments.payment_moves import note_overpayment
from billing.services.payments.payment_returns import collect_again
from billing.services.payments.reconciling import look_into
from billing.services.payments.refunds import follow_invoice
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, quantize, zero

logger = logging.getLogger(__name__)


def look_at_dispute(*, reference: str, actor: Actor, at: datetime, gateway: str) -> str:
    """Read a dispute that an event named, and record what the gateway says; says what it is."""
    source = gateway_named(gateway)
    if not isinstance(source, TellsOfDisputes):
        return "nothing to do"
    report = source.read_dispute(reference)
    return tell_of_dispute(gateway=gateway, report=report, actor=actor, at=at)


def tell_of_dispute(*, gateway: str, report: DisputeReport, actor: Actor, at: datetime) -> str:
    """Record what a gateway says of a dispute; says what the dispute is then.

    A dispute may be heard of before its payment: then the payment is looked into first.
    """
    attempt = _attempt_of(gateway, report)
    if attempt is None:
        return "not ours"
    if attempt.state != PaymentAttempt.State.SUCCEEDED:
        look_into(attempt=attempt, actor=actor, at=at)
    dispute = record_dispute(attempt=attempt, report=report, actor=actor, at=at)
    return f"dispute {dispute.state}"


@transaction.atomic
def record_dispute(
    *, attempt: PaymentAttempt, report: DisputeReport, actor: Actor, at: datetime
) -> Dispute:
    """Record what a gateway says of an attempt's dispute; saying it again changes nothing.

    Each movement of money counts once, whenever it is told; a state that is older than the
    last one told does not move the dispute back.

    Raises:
        DisputedTooEarly: If the payment is not known to be paid yet.
        DisputedWhileHeld: If it is a hold that has not ended: what is paid is not settled yet.
        DisputeContradicts: If it is said to be of another payment than before, or in another
            currency: a person has to look.
    """
    payment = _lock(attempt)
    if payment.state != Payment.State.PAID:
        _ensure_no_hold(attempt)
        raise DisputedTooEarly("the payment is not known to be paid yet")
    dispute = _dispute(payment, attempt, report, actor, at)
    if dispute.payment_id != payment.pk or report.amount.currency.code != payment.currency:
        raise DisputeContradicts(f"dispute {report.reference} is not of payment {payment.pk}")
    for movement in report.movements:
        take_movement(dispute=dispute, movement=movement, actor=actor, at=at)
    book_exchange(dispute=dispute, at=at)
    _follow_report(dispute, report, actor, at)
    owed_again = _bear_or_take_back(dispute, payment, at)
    _mark(payment)
    note_overpayment(payment, actor, at)
    if owed_again.amount > 0 and dispute.reason_class == DisputeClass.RETURNED:
        _collect_returned(dispute, payment, actor, at)
    return dispute


def _attempt_of(gateway: str, report: DisputeReport) -> PaymentAttempt | None:
    attempts = PaymentAttempt.objects.filter(gateway=gateway)
    known = Dispute.objects.filter(gateway=gateway, gateway_reference=report.reference).first()
    by_charge = None
    if report.charge_reference:
        by_name = Q(gateway_reference=report.charge_reference)
        of_capture = Q(operations__gateway_reference=report.charge_reference)
        by_charge = attempts.filter(by_name | of_capture).first()
    identity = _uuid(report.our_reference)
    by_ours = attempts.filter(pk=identity).first() if identity else None
    return by_charge or by_ours or (known.attempt if known else None)


def _ensure_no_hold(attempt: PaymentAttempt) -> None:
    """A hold ends, by a last part, a void or its lapse: until then its payment has no amount."""
    if PaymentAttempt.objects.filter(pk=attempt.pk, is_hold=True, state="authorized").exists():
        raise DisputedWhileHeld("the rest is still held: take it, or let it go")


def _lock(attempt: PaymentAttempt) -> Payment:
    """The payment; its invoice is locked first, as everywhere."""
    invoice = (
        Invoice.objects.select_for_update(of=("self",))
        .select_related("subscription")
        .get(payments__attempts=attempt.pk)
    )
    payment = Payment.objects.select_for_update(of=("self",)).get(pk=attempt.payment_id)
    payment.invoice = invoice
    return payment


def _dispute(
    payment: Payment, attempt: PaymentAttempt, report: DisputeReport, actor: Actor, at: datetime
) -> Dispute:
    """The dispute, locked; written down if this is the first that is heard of it."""
    disputes = Dispute.objects.select_for_update(of=("self",))
    known = disputes.filter(gateway=attempt.gateway, gateway_reference=report.reference).first()
    if known is not None:
        return known
    told_at, state = report.happened_at or at, report.state or DisputeState.INQUIRY
    is_open = state in OPEN_DISPUTE_STATES
    dispute = Dispute.objects.create(
        id=uuid7(),
        payment=payment,
        attempt=attempt,
        gateway=attempt.gateway,
        gateway_reference=report.reference,
        state=state,
        reason=report.reason[:100],
        reason_class=classify_reason(report.reason),
        currency=report.amount.currency.code,
        amount=report.amount.amount,
        due_at=report.due_at,
        opened_at=told_at,
        reported_at=told_at,
        closed_at=None if is_open else told_at,
        created_at=at,
    )
    _record(dispute, payment, "", actor, at)
    logger.info("dispute opened", extra={"dispute": str(dispute.pk), "state": str(state)})
    return dispute


def _follow_report(dispute: Dispute, report: DisputeReport, actor: Actor, at: datetime) -> None:
    told_at = report.happened_at or at
    # What was read just now is how it stands, even if our clock has gone back, or is behind that
    # of whoever read it before; only what is told with its own instant can be old.
    if report.happened_at is not None and told_at < dispute.reported_at:
        dispute.opened_at = min(dispute.opened_at, told_at)
        dispute.save(update_fields=["opened_at"])
        return
    to_state = None
    if report.state is not None:
        to_state = next_dispute_state(dispute.state, report.state, is_decided=report.is_decided)
    dispute.amount, dispute.reported_at = report.amount, told_at
    dispute.due_at = report.due_at or dispute.due_at
    if report.reason:
        dispute.reason = report.reason[:100]
        dispute.reason_class = classify_reason(report.reason)
    if to_state is not None:
        move_dispute(dispute=dispute, to_state=to_state, actor=actor, told_at=told_at, at=at)
    dispute.save()


def move_dispute(
    *, dispute: Dispute, to_state: DisputeState, actor: Actor, told_at: datetime, at: datetime
) -> None:
    """Move a dispute, unsaved, with the event that says so; the caller has locked it."""
    from_state, dispute.state = dispute.state, to_state
    dispute.closed_at = None if to_state in OPEN_DISPUTE_STATES else told_at
    _record(dispute, dispute.payment, from_state, actor, at)
    logger.info("dispute moved", extra={"dispute": str(dispute.pk), "state": str(to_state)})


def conclude_dispute(
    *, dispute: Dispute, to_state: DisputeState, actor: Actor, at: datetime
) -> None:
    """Move a dispute by our own answer, if its gateway has not moved it on already.

    The caller has locked the invoice, the payment and the dispute.
    """
    if next_dispute_state(dispute.state, to_state) is None:
        return
    move_dispute(dispute=dispute, to_state=to_state, actor=actor, told_at=at, at=at)
    dispute.save()
    _bear_or_take_back(dispute, dispute.payment, at)
    _mark(dispute.payment)


def _collect_returned(dispute: Dispute, payment: Payment, actor: Actor, at: datetime) -> None:
    """A debit that its bank took back is collected again, where its reason lets it help."""
    decline_class = stripe_decline(code=dispute.reason).decline_class
    collect_again(
        payment=payment,
        attempt=PaymentAttempt.objects.select_related("method").get(pk=dispute.attempt_id),
        decline_class=decline_class,
        actor=actor,
        at=at,
    )


def _bear_or_take_back(dispute: Dispute, payment: Payment, at: datetime) -> Money:
    """Make the loss what it is: of a lost dispute all that is withheld, of any other nothing.

    Gives how much more the invoice owes again by it.
    """
    entries = list(dispute.entries.all())
    held = _sum(dispute, entries, DisputeEntry.Kind.FUNDS)
    reopened = _sum(dispute, entries, DisputeEntry.Kind.REOPENING)
    borne = _sum(dispute, entries, DisputeEntry.Kind.LOSS)
    wanted = held if dispute.state in LOST_STATES else zero(dispute.currency)
    missing = wanted - reopened - borne
    if missing.amount > 0:
        again = _owed_again(dispute, payment, missing, at)
    else:
        again = max(missing, -reopened)
    turn = str(len(entries) + 1)
    _reopen(dispute, payment, again, turn, at)
    add_entry(dispute, DisputeEntry.Kind.LOSS, turn, missing - again, at)
    payment.amount_charged_back += missing
    payment.save(update_fields=["amount_charged_back"])
    return again


def _owed_again(dispute: Dispute, payment: Payment, loss: Money, at: datetime) -> Money:
    """How much of a loss the invoice owes again.

    What was paid beyond what is owed was the customer's anyway: giving it back is no loss.
    """
    terms = [
        LossTerms(valid_from=row.valid_from, reason_class=row.reason_class, rule=LossRule(row.rule))
        for row in DisputeRule.objects.all()
    ]
    day = at.astimezone(UTC).date()
    rule = loss_rule_of(terms, reason_class=dispute.reason_class, on=day)
    if rule == LossRule.REOPEN and payment.invoice.state != Invoice.State.VOID:
        return loss
    return min(loss, payment.invoice.amount_overpaid)


def _reopen(dispute: Dispute, payment: Payment, amount: Money, turn: str, at: datetime) -> None:
    if not amount.amount:
        return
    add_entry(dispute, DisputeEntry.Kind.REOPENING, turn, amount, at)
    payment.invoice.amount_refunded += amount
    follow_invoice(payment.invoice, at)


def _mark(payment: Payment) -> None:
    """Say on the payment what its disputes come to."""
    states = set(payment.disputes.values_list("state", flat=True))
    if states & OPEN_DISPUTE_STATES:
        payment.contested = Payment.Contested.DISPUTED
    else:
        is_lost = payment.amount_charged_back.amount > 0
        payment.contested = Payment.Contested.CHARGED_BACK if is_lost else ""
    payment.save(update_fields=["contested"])


def _sum(dispute: Dispute, entries: list[DisputeEntry], kind: str) -> Money:
    found = [entry.amount for entry in entries if entry.kind == kind]
    return sum(found, zero(dispute.currency))


def _record(
    dispute: Dispute, payment: Payment, from_state: str, actor: Actor, at: datetime
) -> None:
    due = {"due_at": dispute.due_at.isoformat()} if dispute.due_at else {}
    record_event(
        payment=payment,
        attempt=dispute.attempt,
        event=f"dispute_{dispute.state}",
        actor=actor,
        at=at,
        from_state=from_state,
        to_state=dispute.state,
        details={
            "dispute": str(dispute.pk),
            "amount": str(quantize(dispute.amount).amount),
            "reason": dispute.reason,
            **due,
        },
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
