"""Writing down that a payment page is opened: judged first, as a charge is, then decided about."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from billing.domain.part_amounts import Part
from billing.domain.risk import RiskAction, RiskVerdict
from billing.errors import PaymentHeld
from billing.models import Invoice, Payment, PaymentAttempt, PaymentReview
from billing.queries.risk import record_of
from billing.services.payments.authentication import as_kept, authentications_of_page
from billing.services.payments.channels import Channel
from billing.services.payments.charging import one_live
from billing.services.payments.judging import judge_payment
from billing.services.payments.opening import new_attempt, payment_to_collect, start_attempt
from billing.services.payments.page_decisions import decide_page
from billing.services.payments.reviews import held_back
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor


def open_page_attempt(
    *,
    invoice: Invoice,
    gateway: str,
    pages: Iterable[str],
    actor: Actor,
    at: datetime,
    saves_method: bool = False,
    customer_address: str = "",
    part: Part | None = None,
) -> PaymentAttempt:
    """Commit the attempt of a payment page, with what speaks for it, before it is opened.

    Args:
        gateway: Whose page the customer has chosen.
        pages: The gateways that have one.
        part: What of it is paid; None: all that is due.

    Raises:
        InvoiceNotOpen: If nothing is to be collected on the invoice.
        PaymentHeld: If risk rules hold it back for a person, who finds it in the review queue.
        PaymentInFlight: If an attempt is live; the database has the last word.
    """
    with one_live(), transaction.atomic(durable=True):
        # A customer's pages one after another: each counts in the limit of the day. The customer
        # before the invoice, as everywhere.
        customer = Customer.objects.select_for_update(no_key=True).get(pk=invoice.customer_id)
        locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
        payment, earlier = payment_to_collect(locked, Channel.HOSTED_PAGE, actor, at, part=part)
        payment.customer, payment.invoice, locked.customer = customer, locked, customer
        verdict, review = _judge(payment, at)
        if review is None:
            asked = authentications_of_page(
                invoice=locked,
                gateways={gateway, *pages},
                stores_method=saves_method,
                amount=payment.amount,
                is_risky=verdict.action != RiskAction.ALLOW,
                at=at,
            )
            route = decide_page(
                payment=payment, gateway=gateway, asked=asked, risk=verdict.hits, at=at
            )
            attempt = new_attempt(
                payment, earlier, channel=Channel.HOSTED_PAGE, gateway=gateway, at=at
            )
            attempt.saves_method, attempt.customer_address = saves_method, customer_address or None
            attempt.authentication = as_kept(asked[gateway], gateway=gateway, is_there=True)
            attempt.decision, attempt.segment = route.decision, route.segment
            return start_attempt(attempt, earlier, actor=actor, at=at)
    raise PaymentHeld("somebody has to look at this payment first; nothing is taken meanwhile")


def _judge(payment: Payment, at: datetime) -> tuple[RiskVerdict, PaymentReview | None]:
    """What the risk rules say, and the review that keeps the page from being opened."""
    record = record_of([payment.customer_id], at=at)
    paid = Payment.objects.filter(customer=payment.customer_id, state="paid")
    refused = PaymentReview.objects.filter(payment__invoice=payment.invoice_id, state="refused")
    verdict = judge_payment(
        payment=payment,
        method=None,  # no card is known before it is typed in
        record=record,
        is_first=not paid.exists(),
        was_refused=refused.exists(),
        at=at,
    )
    known = record.reviews.get(payment.pk)
    return verdict, held_back(payment=payment, known=known, verdict=verdict, is_on_page=True, at=at)
