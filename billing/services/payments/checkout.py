"""Paying an invoice on the gateway's own page, so that no card number comes near us."""

from datetime import datetime

from billing.domain.attempts import AttemptState
from billing.domain.part_amounts import Part
from billing.errors import GatewayUnavailable, InvoiceNotOpen, PaymentHeld, PaymentInFlight
from billing.gateways.registry import DEFAULT_GATEWAY, gateway_named, gateway_names
from billing.models import Invoice, Payment, PaymentAttempt
from billing.services.payments.channels import Channel
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


def confirm_payment(*, payment: Payment, actor: Actor, at: datetime) -> Payment:
    """Ask the gateway what became of a payment on its page; what the browser says is no proof."""
    attempt = _live_page(payment.invoice)
    if attempt is not None and attempt.payment_id == payment.pk:
        look_into(attempt=attempt, actor=actor, at=at)
    return Payment.objects.select_related("invoice").get(pk=payment.pk)


def close_payment_page(*, invoice: Invoice, actor: Actor, at: datetime) -> PaymentAttempt | None:
    """Close an invoice's open page at the gateway, so that it can be void or paid otherwise.

    Gives the attempt as it is then: succeeded, if the customer was quicker.
    """
    attempt = _live_page(invoice)
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


def _live_page(invoice: Invoice) -> PaymentAttempt | None:
    pages = PaymentAttempt.objects.live().filter(channel=Channel.HOSTED_PAGE)
    return pages.filter(payment__invoice=invoice).exclude(state=AttemptState.SUCCEEDED).first()


def _open_page_of(
    invoice: Invoice, gateway: str, actor: Actor, at: datetime, *, part: Part | None
) -> str:
    """The address of the page that is open for an invoice, after asking whether it still is."""
    attempt = _live_page(invoice)
    if attempt is None:
        return ""
    seen = look_into(attempt=attempt, actor=actor, at=at)
    asked_for = seen.payment.amount
    is_other = asked_for != (part.amount if part else invoice.amount_due)
    if seen.state == AttemptState.REQUIRES_ACTION and (seen.gateway != gateway or is_other):
        seen = close_payment_page(invoice=invoice, actor=actor, at=at) or seen
    if seen.state == AttemptState.SUCCEEDED:
        raise InvoiceNotOpen(f"{asked_for} of invoice {invoice} has just been paid")
    if is_other and seen.state == AttemptState.REQUIRES_ACTION:
        raise PaymentInFlight(
            f"a page for {asked_for} is open and cannot be closed; pay there, or wait until it ends"
        )
    return seen.action_url if seen.state == AttemptState.REQUIRES_ACTION else ""
