"""A customer's stored ways to pay: add one on the gateway's page, choose the default, remove."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from billing.domain.attempts import UNPROVEN_ATTEMPT_STATES
from billing.errors import (
    GatewayRefused,
    GatewayUnavailable,
    PaymentInFlight,
    PaymentMethodMissing,
)
from billing.gateways.base import CustomerRequest, Page, PageRequest
from billing.gateways.registry import DEFAULT_GATEWAY, gateway_named
from billing.models import GatewayCustomer, InstrumentToken, PaymentAttempt, PaymentMethod
from billing.queries.gateway_customers import known_to, named_there
from billing.services.payments.addresses import setup_page_address, setup_page_left_address
from billing.services.payments.further_tokens import detach_token, end_token_of, end_tokens
from billing.services.payments.stored_methods import keep_method
from subscriptions.models import Customer
from tiktoktoe.kernel.ids import uuid7

logger = logging.getLogger(__name__)

MEANT = "method"  # in a page's metadata: which card it is to bring to this gateway
SETUP_PAGE_IS_OPEN_FOR = timedelta(hours=1)
EXPIRES_WITHIN = timedelta(days=45)
RENEWED_WITHIN = timedelta(days=90)


def make_known(
    *, customer: Customer, at: datetime, gateway: str = DEFAULT_GATEWAY
) -> GatewayCustomer:
    """How a gateway names a customer; the customer is made known to it the first time.

    Of two at once, the row that is written first counts.

    Raises:
        GatewayUnavailable: If the gateway cannot be reached.
    """
    known = known_to.first(customer=customer.pk, gateway=gateway)
    if known is not None:
        return known
    request = CustomerRequest(
        our_reference=customer.external_id,
        name=customer.name,
        email=customer.email,
        idempotency_key=f"customer:{uuid7()}",
    )
    reference = gateway_named(gateway).create_customer(request)
    try:
        with transaction.atomic():
            return GatewayCustomer.objects.create(
                customer=customer, gateway=gateway, gateway_reference=reference, created_at=at
            )
    except IntegrityError:
        return GatewayCustomer.objects.get(customer=customer, gateway=gateway)


@dataclass(frozen=True, slots=True)
class SetupPage:
    """A gateway's page on which a method is stored: where it is, and its name there."""

    address: str
    session: str


def open_setup_page(
    *,
    customer: Customer,
    at: datetime,
    gateway: str = DEFAULT_GATEWAY,
    kinds: frozenset[str] = frozenset(),
    consent: str = "",
) -> str:
    """Open the gateway's page on which a customer stores a method; gives its address.

    As `open_setup`, which gives the page's name too.
    """
    page = open_setup(customer=customer, at=at, gateway=gateway, kinds=kinds, consent=consent)
    return page.address


def open_setup(
    *,
    customer: Customer,
    at: datetime,
    gateway: str = DEFAULT_GATEWAY,
    kinds: frozenset[str] = frozenset(),
    consent: str = "",
    meant: PaymentMethod | None = None,
) -> SetupPage:
    """Open the gateway's page on which a customer stores a method.

    Args:
        kinds: Only methods of these; empty: whatever the gateway takes.
        consent: What whoever gives a bank account there agrees to, in our words.
        meant: The card of another gateway that the customer wants to bring here too.

    Raises:
        GatewayUnavailable: If the gateway cannot be reached.
        GatewayRefused: If it does not open one.
    """
    known = make_known(customer=customer, at=at, gateway=gateway)
    reference = str(uuid7())
    outcome = gateway_named(gateway).open_page(
        PageRequest(
            our_reference=reference,
            customer_reference=known.gateway_reference,
            amount=None,
            currency=customer.currency,
            description="Payment method",
            metadata={
                "customer": customer.external_id,
                **({MEANT: str(meant.pk)} if meant is not None else {}),
            },
            success_url=setup_page_address(gateway),
            cancel_url=setup_page_left_address(gateway),
            expires_at=at + SETUP_PAGE_IS_OPEN_FOR,
            saves_method=True,
            kinds=kinds,
            consent=consent,
            idempotency_key=f"setup:{reference}",
        )
    )
    if outcome.decline is not None:
        raise GatewayRefused(outcome.message or outcome.decline.code)
    if not outcome.action_url:
        raise GatewayUnavailable("the payment page could not be opened; please try again")
    return SetupPage(outcome.action_url, outcome.session)


def take_over_method(
    *, session: str, at: datetime, customer: Customer | None = None, gateway: str = DEFAULT_GATEWAY
) -> PaymentMethod | None:
    """Store the method that a completed page has set up; None if there is nothing to take over.

    The gateway says whose page it was. Where a person brings the session's name, `customer`
    is whom they act for, and another's page is as good as none.
    """
    page = gateway_named(gateway).read_page(session)
    owner = named_there.first(gateway=gateway, reference=page.customer_reference)
    if owner is None or not page.is_complete or page.method is None:
        return None
    if customer is not None and owner.customer_id != customer.pk:
        return None
    return keep_method(
        customer_id=owner.customer_id,
        details=page.method,
        at=at,
        gateway=gateway,
        consent=page.consent,
        meant=_meant(page),
    )


@transaction.atomic
def set_default_method(*, method: PaymentMethod) -> PaymentMethod:
    """Make a method the one that invoices are charged to by themselves.

    Raises:
        PaymentMethodMissing: If it has been removed.
    """
    Customer.objects.select_for_update(of=("self",)).get(pk=method.customer_id)
    chosen = PaymentMethod.objects.usable().filter(pk=method.pk).first()
    if chosen is None:
        raise PaymentMethodMissing("this payment method has been removed")
    PaymentMethod.objects.filter(customer_id=method.customer_id, is_default=True).update(
        is_default=False
    )
    chosen.is_default = True
    chosen.save(update_fields=["is_default"])
    return chosen


def replace_method(*, method: PaymentMethod, by: PaymentMethod) -> PaymentMethod:
    """Let another method of the customer take a method's place; gives the one that is removed.

    Raises:
        PaymentMethodMissing: If it is another customer's, the same one, or was removed.
        PaymentInFlight: If a payment by the old one may be on its way: both stay for now, and
            the new one has its place already.
    """
    if by.customer_id != method.customer_id or by.pk == method.pk:
        raise PaymentMethodMissing("only another payment method can take its place")
    if PaymentMethod.objects.usable().filter(pk=method.pk, is_default=True).exists():
        set_default_method(method=by)
    return remove_method(method=method)


def remove_method(*, method: PaymentMethod) -> PaymentMethod:
    """Stop using a method, then let every gateway forget it that holds it.

    It is never charged again from the first step on, whatever becomes of the second.

    Raises:
        PaymentInFlight: If a payment by it may be on its way.
    """
    removed, tokens = _mark_removed(method)
    for token in tokens:
        detach_token(token)
    try:
        gateway_named(removed.gateway).detach_method(
            removed.gateway_reference, customer_reference=_owner_reference(removed, removed.gateway)
        )
    except (GatewayUnavailable, GatewayRefused):
        logger.warning("method not detached at the gateway", extra={"method": removed.pk})
    return removed


def refresh_method(*, reference: str, gateway: str = DEFAULT_GATEWAY) -> PaymentMethod | None:
    """Take over what the gateway says of a stored method now: a new expiry, or detached."""
    known = PaymentMethod.objects.filter(gateway=gateway, gateway_reference=reference).first()
    if known is None:
        return _refresh_token(reference, gateway)
    owner = _owner_reference(known, gateway)
    details = gateway_named(gateway).read_method(reference, customer_reference=owner)
    if not details.customer_reference:
        _let_go(known)
        return known
    known.kind, known.network = details.kind, details.network[:32]
    known.brand, known.last4 = details.brand[:32], details.last4[-4:]
    known.expires_on, known.country = details.expires_on, details.country[:2]
    known.fingerprint = details.fingerprint[:64]
    told = ["kind", "network", "brand", "last4", "expires_on", "country", "fingerprint"]
    known.save(update_fields=told)
    return known


def refresh_expiring(*, at: datetime, limit: int = 100) -> int:
    """Ask gateways about cards that expire soon, or have: their network may have renewed them.

    Each is asked about once a day, until three months after its end; gives how many were. What
    an account updater has changed arrives this way even where no event tells of it.
    """
    today = at.date()
    ending = PaymentMethod.objects.usable().filter(
        expires_on__gte=today - RENEWED_WITHIN, expires_on__lte=today + EXPIRES_WITHIN
    )
    due = ending.filter(Q(asked_at__isnull=True) | Q(asked_at__lte=at - timedelta(days=1)))
    asked = 0
    for method in due.order_by(F("asked_at").asc(nulls_first=True), "pk")[:limit]:
        claimed = PaymentMethod.objects.filter(pk=method.pk, asked_at=method.asked_at)
        if not claimed.update(asked_at=at):
            continue
        try:
            refresh_method(reference=method.gateway_reference, gateway=method.gateway)
        except (GatewayUnavailable, GatewayRefused):
            logger.warning("method not asked about", extra={"method": method.pk})
        asked += 1
    return asked


def refresh_methods(*, customer_reference: str, at: datetime, gateway: str) -> int:
    """Take over what a gateway holds for a customer; gives how many of them are kept here."""
    owner = GatewayCustomer.objects.filter(
        gateway=gateway, gateway_reference=customer_reference
    ).first()
    if owner is None:
        return 0
    kept = [
        keep_method(customer_id=owner.customer_id, details=details, at=at, gateway=gateway)
        for details in gateway_named(gateway).list_methods(customer_reference)
    ]
    return sum(method is not None for method in kept)


def _meant(page: Page) -> int | None:
    """Which of our methods the page was opened to bring along, as its metadata tell."""
    told = page.metadata.get(MEANT, "")
    return int(told) if told.isdecimal() else None


def _refresh_token(reference: str, gateway: str) -> PaymentMethod | None:
    """A further token, of which only matters whether the gateway still holds it."""
    tokens = InstrumentToken.objects.usable().filter(gateway=gateway, gateway_reference=reference)
    token = tokens.select_related("method").first()
    if token is None:
        return None
    owner = _owner_reference(token.method, gateway)
    details = gateway_named(gateway).read_method(reference, customer_reference=owner)
    if not details.customer_reference:
        end_token_of(reference=reference, gateway=gateway)
    return token.method


@transaction.atomic
def _let_go(method: PaymentMethod) -> None:
    """The gateway that it was stored at holds it no more: it is over, whoever else holds it."""
    method.state, method.is_default = PaymentMethod.State.REMOVED, False
    method.save(update_fields=["state", "is_default"])
    end_tokens(method)


def _owner_reference(method: PaymentMethod, gateway: str) -> str:
    """How a gateway names the customer whose method it is."""
    owner = GatewayCustomer.objects.filter(customer=method.customer_id, gateway=gateway)
    return owner.values_list("gateway_reference", flat=True).first() or ""


@transaction.atomic(durable=True)
def _mark_removed(method: PaymentMethod) -> tuple[PaymentMethod, list[InstrumentToken]]:
    Customer.objects.select_for_update(of=("self",)).get(pk=method.customer_id)
    in_use = PaymentAttempt.objects.filter(method=method, state__in=UNPROVEN_ATTEMPT_STATES)
    if in_use.exists():
        raise PaymentInFlight("a payment by this method is on its way; please try again soon")
    locked = PaymentMethod.objects.get(pk=method.pk)
    locked.state, locked.is_default = PaymentMethod.State.REMOVED, False
    locked.save(update_fields=["state", "is_default"])
    return locked, end_tokens(locked)
