"""A customer who pays: on the gateway's own page, so that no card number comes near us, or by a
stored method, whose bank may ask to confirm."""

from datetime import datetime

from billing.domain.attempts import LIVE_ATTEMPT_STATES, AttemptState
from billing.domain.part_amounts import Part
from billing.domain.presence import Presence
from billing.errors import GatewayUnavailable, InvoiceNotOpen, PaymentHeld, PaymentInFlight
from billing.gateways.registry import DEFAULT_GATEWAY, gateway_named, gateway_names
from billing.models import Invoice, Payment, PaymentAttempt, PaymentMethod
from billing.services.payments.challenges import (
    end_challenge,
    hand_over_return,
    waiting_for_customer,
)
from billing.services.payments.charging import charge_invoice
from billing.services.payments.gateway_calls import ask
from billing.services.payments.page_attempts import open_page_attempt
from billing.services.payments.page_decisions import page_gateways
from billing.services.payments.payment_methods import make_known
from billing.services.payments.reconciling import look_into
from billing.services.payments.sending import send_attempt
from billing.services.payments.settling import settle_attempt
from subscriptions.services.transitions import Actor


def open_payment_page(
    *,
    invoice: Invoice,
    actor: Actor,
    at: datetime,
    saves_method: bool = False,
    gateway: str = DEFAULT_GATEWAY,
    customer_address: str = "",
    part: Part | None = None,
) -> str:
    """Open a payment page for what is due on an invoice, or a part of it; gives its address.

    `customer_address` is from where the customer asked for it, which is evidence in a dispute.

    A second click, or another tab, gets the page that is open already. One of another gateway
    is closed first; where that cannot be done, as at PayPal, it is the page to pay on. One of
    another amount is closed too, and nothing else is opened where it cannot be.

    Raises:
        InvoiceNotOpen: If nothing is to be paid.
        PaymentInFlight: If a payment is on its way, or its outcome not known yet.
        PaymentHeld: If risk rules hold it back for a person, or a gateway says that it has taken
            the money, though it had said no.
        GatewayUnavailable: If no page could be opened.
    """
    _ensure_not_looked_into(invoice)
    address = _open_page_of(invoice, gateway, actor, at, part=part)
    if address:
        return address
    make_known(customer=invoice.customer, at=at, gateway=gateway)
    try:
        attempt = open_page_attempt(
            invoice=invoice,
            gateway=gateway,
            pages=page_gateways(gateway_names()),
            saves_method=saves_method,
            customer_address=customer_address,
            part=part,
            actor=actor,
            at=at,
        )
    except PaymentInFlight:
        # Another tab was quicker: its page will do.
        address = _open_page_of(invoice, gateway, actor, at, part=part)
        if address:
            return address
        raise
    sent = send_attempt(attempt=attempt, actor=actor, at=at)
    if not sent.action_url:
        raise GatewayUnavailable("the payment page could not be opened; please try again shortly")
    return sent.action_url


def charge_present_customer(
    *,
    invoice: Invoice,
    method: PaymentMethod,
    present: Presence,
    actor: Actor,
    at: datetime,
    part: Part | None = None,
) -> PaymentAttempt:
    """Charge a stored method that the customer, who is there, has chosen: card, wallet or debit.

    The bank, or the wallet, may ask to confirm: then the attempt has the address of its question.
    A second click, or another tab, gets the same one. A page, or another card's question, that was
    opened before and left is closed first.

    Raises:
        Whatever `charge_invoice` raises.
    """
    _ensure_not_looked_into(invoice)
    waits = waiting_for_customer(invoice)
    if waits is not None:
        waits = look_into(attempt=waits, actor=actor, at=at)
        asked_for = part.amount if part else invoice.amount_due
        is_same = waits.is_on_session and waits.method_id == method.pk
        is_open = waits.state == AttemptState.REQUIRES_ACTION and bool(waits.action_url)
        if is_same and is_open and waits.payment.amount == asked_for:
            return waits
        close_payment_page(invoice=invoice, actor=actor, at=at)
    return charge_invoice(
        invoice=invoice, method=method, part=part, present=present, actor=actor, at=at
    )


def confirm_payment(*, payment: Payment, actor: Actor, at: datetime, told: str = "") -> Payment:
    """Ask the gateway what became of a payment; what the browser says is no proof.

    `told` is what the bank's page has sent the browser back with, for the gateway alone.
    """
    attempt = waiting_for_customer(payment.invoice)
    if attempt is not None and attempt.payment_id == payment.pk:
        seen = hand_over_return(attempt=attempt, told=told, actor=actor, at=at)
        if seen.state in LIVE_ATTEMPT_STATES - {AttemptState.SUCCEEDED}:
            look_into(attempt=seen, actor=actor, at=at)
    return Payment.objects.select_related("invoice").get(pk=payment.pk)


def close_payment_page(*, invoice: Invoice, actor: Actor, at: datetime) -> PaymentAttempt | None:
    """Close an invoice's open page at the gateway, so that it can be void or paid otherwise.

    Gives the attempt as it is then: succeeded, if the customer was quicker.
    """
    attempt = waiting_for_customer(invoice)
    if attempt is not None and attempt.is_on_session:
        is_open = attempt.state == AttemptState.REQUIRES_ACTION
        return end_challenge(attempt=attempt, actor=actor, at=at) if is_open else attempt
    if attempt is None or not attempt.gateway_session:
        return attempt
    source, session = gateway_named(attempt.gateway), attempt.gateway_session
    outcome = ask(
        gateway=attempt.gateway,
        verb="expire_session",
        request=session,
        call=lambda: source.expire_session(session),
        at=at,
        attempt=attempt,
    )
    return settle_attempt(attempt=attempt, outcome=outcome, actor=actor, at=at)


def _ensure_not_looked_into(invoice: Invoice) -> None:
    """Let nobody pay again what a gateway says it has taken, before a person has looked."""
    looked_into = Payment.objects.filter(
        invoice=invoice,
        review__state="open",
        invoice__payments__events__event="gateway_contradicts",
    )
    if looked_into.exists():
        raise PaymentHeld("we are looking into an earlier payment of this invoice")


def _open_page_of(
    invoice: Invoice, gateway: str, actor: Actor, at: datetime, *, part: Part | None
) -> str:
    """The address of the page that is open for an invoice, after asking whether it still is."""
    attempt = waiting_for_customer(invoice)
    if attempt is None:
        return ""
    seen = look_into(attempt=attempt, actor=actor, at=at)
    asked_for = seen.payment.amount
    is_other = asked_for != (part.amount if part else invoice.amount_due)
    is_elsewhere = seen.gateway != gateway or seen.is_on_session or is_other
    if seen.state == AttemptState.REQUIRES_ACTION and is_elsewhere:
        seen = close_payment_page(invoice=invoice, actor=actor, at=at) or seen
    if seen.state == AttemptState.SUCCEEDED:
        raise InvoiceNotOpen(f"{asked_for} of invoice {invoice} has just been paid")
    if is_other and seen.state == AttemptState.REQUIRES_ACTION:
        raise PaymentInFlight(
            f"a page for {asked_for} is open and cannot be closed; pay there, or wait until it ends"
        )
    is_page = seen.state == AttemptState.REQUIRES_ACTION and not seen.is_on_session
    return seen.action_url if is_page else ""
