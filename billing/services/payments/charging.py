"""Collecting a payment in three steps: open (a row is committed), send (no transaction), settle.

This is the first: what is written down before a byte leaves, so that nobody can charge twice.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic

from django.db import IntegrityError, transaction

from billing.domain.part_amounts import Part
from billing.domain.presence import Presence
from billing.domain.scoring import Objectives
from billing.errors import (
    NothingToCharge,
    PaymentHeld,
    PaymentInFlight,
    PaymentMethodMissing,
)
from billing.models import (
    Invoice,
    Payment,
    PaymentAttempt,
    PaymentDecision,
    PaymentMethod,
    PaymentReview,
)
from billing.services.payments.authentication import as_kept, authentication_of_charge
from billing.services.payments.channels import Channel
from billing.services.payments.judging import judge_payment
from billing.services.payments.next_tries import wait_for_a_way
from billing.services.payments.opening import (
    IN_FLIGHT,
    new_attempt,
    payment_to_collect,
    start_attempt,
)
from billing.services.payments.reviews import held_back
from billing.services.payments.sending import send_attempt
from billing.services.payments.strategy import (
    Pool,
    find_route,
    has_fallback,
    load_pool,
    reasons_in_words,
)
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money

logger = logging.getLogger(__name__)

REQUEST_DEADLINE = timedelta(seconds=25)  # no second gateway is asked in a request after this


def charge_invoice(
    *,
    invoice: Invoice,
    actor: Actor,
    at: datetime,
    method: PaymentMethod | None = None,
    objectives: Objectives | None = None,
    part: Part | None = None,
    present: Presence | None = None,
) -> PaymentAttempt:
    """Collect what is due on an invoice by a stored method, where the strategy says.

    After a no that is proven, and that another gateway may answer differently, one more is
    tried at once if there is time; otherwise the next collection pass tries it.

    Args:
        method: The one to charge; by default the customer's default one, or, if the policy
            may choose, whichever is best.
        objectives: What matters for this payment, instead of the policy's weights.
        part: What the customer pays of it; it is tried once, and the rest as planned.
        present: The customer's browser, if the customer is there: the bank may ask to confirm.

    Raises:
        InvoiceNotOpen: If nothing is to be collected on it, or less than the part.
        PaymentDisputed: If the bank decides about a payment of it.
        PaymentMethodMissing: If the customer has no such method.
        NothingToCharge: If the method cannot be charged anywhere; says why.
        PaymentInFlight: If an attempt may have moved this money already.
    """
    chosen = method or default_method(invoice)
    if chosen is None or chosen.customer_id != invoice.customer_id or chosen.state != "active":
        raise PaymentMethodMissing("there is no stored payment method to charge")
    started = monotonic()
    sent = _charge_once(invoice, method, objectives, actor, at, part=part, present=present)
    is_late = monotonic() - started >= REQUEST_DEADLINE.total_seconds()
    if part is None and not is_late and is_due_elsewhere(sent, at):
        return _charge_once(invoice, method, objectives, actor, at, present=present)
    return sent


def is_due_elsewhere(attempt: PaymentAttempt, at: datetime) -> bool:
    """Whether the payment is to be tried at another gateway now."""
    payment = Payment.objects.get(pk=attempt.payment_id)
    return has_fallback(attempt) and payment.state == "open" and payment.next_attempt_at == at


def default_method(invoice: Invoice) -> PaymentMethod | None:
    """The method that a customer's invoices are charged to by themselves."""
    methods = PaymentMethod.objects.usable()
    return methods.filter(customer_id=invoice.customer_id, is_default=True).first()


def open_routed_attempt(
    *,
    invoice: Invoice,
    actor: Actor,
    at: datetime,
    method: PaymentMethod | None = None,
    objectives: Objectives | None = None,
    is_hold: bool = False,
    part: Part | None = None,
    present: Presence | None = None,
) -> PaymentAttempt:
    """Commit an attempt where the strategy says, with the decision, before anything is sent.

    Of a part that cannot be charged nothing is kept, so that what was planned stands.

    Raises:
        InvoiceNotOpen: If nothing is to be collected on the invoice.
        PaymentHeld: If risk rules hold it back for a person.
        NothingToCharge: If no method can be charged anywhere; the decision is kept.
        PaymentInFlight: If an attempt is live; the database has the last word.
    """
    with one_live(), transaction.atomic(durable=True):
        locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
        pool = load_pool(customers=[locked.customer_id], at=at)
        written = write_routed_attempt(
            invoice=locked,
            pool=pool,
            method=method,
            objectives=objectives,
            is_hold=is_hold,
            part=part,
            present=present,
            actor=actor,
            at=at,
        )
        if part is not None:
            return _written(written, is_hold=is_hold)
    return _written(written, is_hold=is_hold)


def _written(
    written: PaymentAttempt | PaymentDecision | PaymentReview, *, is_hold: bool
) -> PaymentAttempt:
    if isinstance(written, PaymentReview):
        raise PaymentHeld("a person has to look at this payment first; it is in the review queue")
    if isinstance(written, PaymentDecision):
        what = "held" if is_hold else "charged"
        raise NothingToCharge(f"no method can be {what}: {reasons_in_words(written)}")
    return written


def open_attempt(
    *,
    invoice: Invoice,
    channel: Channel,
    gateway: str,
    actor: Actor,
    at: datetime,
    method: PaymentMethod | None = None,
    part: Part | None = None,
) -> PaymentAttempt:
    """Commit an attempt at a given gateway to collect what is due, or part of it.

    Raises:
        InvoiceNotOpen: If nothing is to be collected on the invoice.
        PaymentInFlight: If an attempt is live; the database has the last word.
    """
    with one_live(), transaction.atomic(durable=True):
        locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
        payment, earlier = payment_to_collect(locked, channel, actor, at, part=part)
        attempt = new_attempt(payment, earlier, channel=channel, gateway=gateway, at=at)
        attempt.method = method
        if method is not None:
            asked = authentication_of_charge(
                invoice=locked, method=method, gateway=gateway, amount=payment.amount, at=at
            )
            is_there = channel == Channel.HOSTED_PAGE
            attempt.authentication = as_kept(asked, gateway=gateway, is_there=is_there)
        return start_attempt(attempt, earlier, actor=actor, at=at)


def write_routed_attempt(
    *,
    invoice: Invoice,
    pool: Pool,
    actor: Actor,
    at: datetime,
    method: PaymentMethod | None = None,
    objectives: Objectives | None = None,
    is_hold: bool = False,
    part: Part | None = None,
    present: Presence | None = None,
) -> PaymentAttempt | PaymentDecision | PaymentReview:
    """Write an attempt down where the strategy says; the caller holds the invoice's lock.

    Gives the review where risk rules hold the payment back, and the decision where nothing
    can be charged: the payment then waits, or is given up. A hold is decided and judged like a
    charge, among the gateways that can hold money; one for which there is no way is given up.
    """
    channel = Channel.STORED_METHOD
    payment, earlier = payment_to_collect(
        invoice, channel, actor, at, part=part, is_on_session=present is not None
    )
    payment.customer, payment.invoice = invoice.customer, invoice
    record = pool.record
    verdict = judge_payment(
        payment=payment,
        method=method or record.default_method(invoice.customer_id),
        record=record,
        is_first=invoice.customer_id not in pool.have_paid,
        at=at,
    )
    review = held_back(
        payment=payment,
        known=record.reviews.get(payment.pk),
        verdict=verdict,
        is_hold=is_hold,
        at=at,
    )
    if review is not None:
        return review
    route = find_route(
        payment=payment,
        earlier=earlier,
        pool=pool,
        wanted=method,
        objectives=objectives,
        verdict=verdict,
        abilities=frozenset({"hold"}) if is_hold else frozenset(),
        at=at,
    )
    if isinstance(route, PaymentDecision):
        # Of what a customer chose who is there, only that cannot be charged: the plan stands.
        if not is_hold and present is None:
            wait_for_a_way(payment=payment, decision=route, actor=actor, at=at)
        return route
    attempt = new_attempt(
        payment, earlier, channel=channel, gateway=route.gateway, present=present, at=at
    )
    attempt.method, attempt.decision, attempt.segment = route.method, route.decision, route.segment
    attempt.is_fallback = route.is_fallback
    told = {"browser": present.as_kept()} if present else {}
    attempt.authentication = {**route.authentication, **told}
    if is_hold:
        attempt.is_hold, attempt.amount_authorized = True, payment.amount
    attempt.fee_expected = Money(route.fee_expected, payment.currency)
    return start_attempt(attempt, earlier, actor=actor, at=at)


@contextmanager
def one_live() -> Iterator[None]:
    """Say it in our words where the database refuses a second live attempt or payment."""
    try:
        yield
    except IntegrityError as error:
        if "attempt_one_live" in str(error) or "payment_one_live" in str(error):
            raise PaymentInFlight(IN_FLIGHT) from error
        raise


def _charge_once(
    invoice: Invoice,
    method: PaymentMethod | None,
    objectives: Objectives | None,
    actor: Actor,
    at: datetime,
    *,
    part: Part | None = None,
    present: Presence | None = None,
) -> PaymentAttempt:
    attempt = open_routed_attempt(
        invoice=invoice,
        method=method,
        objectives=objectives,
        part=part,
        present=present,
        actor=actor,
        at=at,
    )
    return send_attempt(attempt=attempt, actor=actor, at=at)
