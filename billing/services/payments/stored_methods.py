"""Stored ways to pay, as the gateway has told about them."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from billing.domain.attempts import UNPROVEN_ATTEMPT_STATES
from billing.domain.same_card import CardFacts, is_same_card, the_same_among
from billing.gateways.base import MethodDetails
from billing.gateways.registry import DEFAULT_GATEWAY
from billing.models import InstrumentToken, PaymentAttempt, PaymentMethod
from billing.queries.gateway_customers import named_there
from billing.services.payments.gateway_mandates import keep_mandate
from tiktoktoe.standing import standing


@transaction.atomic
def keep_method(
    *,
    customer_id: int,
    details: MethodDetails,
    at: datetime,
    gateway: str = DEFAULT_GATEWAY,
    consent: str = "",
    meant: int | None = None,
) -> PaymentMethod | None:
    """Store a method of a customer, or refresh what is shown of it; the first is the default.

    A method that the gateway does not hold for this very customer is not taken: None. One
    that was removed here stays removed. A mandate that the gateway names is kept with it, and
    `consent` as what was agreed to.

    A card that another gateway holds already is no new method: that one gets a further token.

    Args:
        meant: The method that the customer was about to bring to this gateway too.
    """
    if not details.customer_reference:
        return None
    there = named_there.rows(gateway=gateway, reference=details.customer_reference)
    if customer_id not in {owner.customer_id for owner in there}:
        return None
    try:
        with transaction.atomic():
            method = _keep(customer_id, details, at, gateway, meant)
    except IntegrityError:
        # The page that the customer comes back to and the gateway's event tell of it at once.
        first = _known(customer_id, details, gateway)
        if first is None:
            raise
        method = first
    if details.mandate is not None:
        keep_mandate(method=method, details=details.mandate, at=at, consent=consent)
    return method


def _keep(
    customer_id: int, details: MethodDetails, at: datetime, gateway: str, meant: int | None
) -> PaymentMethod:
    known = _known(customer_id, details, gateway)
    if known is not None:
        if known.gateway == gateway:
            PaymentMethod.objects.filter(pk=known.pk).update(**_shown(details))
            known.refresh_from_db()
        return known
    let_go = _let_go_of(customer_id, details, gateway)
    if let_go is not None and let_go.pk != meant:
        return let_go
    same = _held_elsewhere(customer_id, details, gateway, meant)
    if same is not None:
        return _give_token(same, details, at, gateway)
    mine = PaymentMethod.objects.filter(customer_id=customer_id)
    has_default = mine.usable().filter(is_default=True).exists()
    return PaymentMethod.objects.create(
        customer_id=customer_id,
        gateway=gateway,
        gateway_reference=details.reference,
        is_default=not has_default,
        created_at=at,
        **_shown(details),
    )


def _known(customer_id: int, details: MethodDetails, gateway: str) -> PaymentMethod | None:
    """The customer's method that the gateway holds under this name already."""
    name: dict[str, Any] = {"gateway": gateway, "reference": details.reference}
    own = _named.first(customer=customer_id, **name)
    if own is not None or details.kind != "card":
        return own
    return _with_token.first(customer=customer_id, state=InstrumentToken.State.ACTIVE, **name)


def _let_go_of(customer_id: int, details: MethodDetails, gateway: str) -> PaymentMethod | None:
    """The customer's method that the gateway was to forget under this name, and tells of again.

    It could not be told, or not in time. What was let go of stays so, unless it is brought again.
    """
    return _with_token.first(
        customer=customer_id,
        gateway=gateway,
        reference=details.reference,
        state=InstrumentToken.State.REMOVED,
    )


def _held_elsewhere(
    customer_id: int, details: MethodDetails, gateway: str, meant: int | None
) -> PaymentMethod | None:
    """The same card at other gateways, if it can be told; what was meant is looked at first.

    A method that a payment at this gateway may still be on its way by gets no other token there:
    the payment's request must stay what it was.
    """
    if details.kind != "card":
        return None
    facts = _facts(details)
    found = {row.pk: row for row in _free_elsewhere.rows(customer=customer_id, gateway=gateway)}
    known = {row.pk: _facts(row) for row in found.values()}
    if meant in known and is_same_card(facts, known[meant]):
        return found[meant]
    same = the_same_among(facts, known.items())
    return found[same] if same is not None else None


@standing
def _named(customer: int, gateway: str, reference: str) -> QuerySet[PaymentMethod]:
    mine = PaymentMethod.objects.filter(customer=customer)
    return mine.filter(gateway=gateway, gateway_reference=reference).order_by()


@standing
def _with_token(customer: int, gateway: str, reference: str, state: str) -> QuerySet[PaymentMethod]:
    tokens = InstrumentToken.objects.filter(
        gateway=gateway, gateway_reference=reference, state=state
    )
    mine = PaymentMethod.objects.filter(customer=customer, tokens__in=tokens)
    return mine.order_by("-is_default", "-created_at")


@standing
def _free_elsewhere(customer: int, gateway: str) -> QuerySet[PaymentMethod]:
    cards = PaymentMethod.objects.usable().filter(customer=customer, kind="card")
    held_here = InstrumentToken.objects.usable().filter(gateway=gateway)
    on_its_way = PaymentAttempt.objects.filter(gateway=gateway, state__in=UNPROVEN_ATTEMPT_STATES)
    elsewhere = cards.exclude(gateway=gateway)
    free = elsewhere.exclude(tokens__in=held_here).exclude(attempts__in=on_its_way)
    return free.order_by("-is_default", "-created_at")


def _give_token(
    method: PaymentMethod, details: MethodDetails, at: datetime, gateway: str
) -> PaymentMethod:
    """Keep a further gateway's name for a method; one that was let go of is put in use again."""
    InstrumentToken.objects.update_or_create(
        method=method,
        gateway=gateway,
        defaults={
            "gateway_reference": details.reference,
            "state": InstrumentToken.State.ACTIVE,
            "created_at": at,
        },
    )
    return method


def _facts(told: MethodDetails | PaymentMethod) -> CardFacts:
    return CardFacts(
        kind=told.kind,
        network=told.brand,
        last4=told.last4,
        expires_on=told.expires_on,
        country=told.country,
    )


def _shown(details: MethodDetails) -> dict[str, object]:
    return {
        "kind": details.kind,
        "brand": details.brand[:32],
        "network": details.network[:32],
        "last4": details.last4[-4:],
        "expires_on": details.expires_on,
        "country": details.country[:2],
        "fingerprint": details.fingerprint[:64],
    }
