"""Stored ways to pay, as the gateway has told about them."""

from datetime import datetime

from django.db import transaction

from billing.gateways.base import MethodDetails
from billing.gateways.registry import DEFAULT_GATEWAY
from billing.models import GatewayCustomer, PaymentMethod
from billing.services.payments.gateway_mandates import keep_mandate


@transaction.atomic
def keep_method(
    *,
    customer_id: int,
    details: MethodDetails,
    at: datetime,
    gateway: str = DEFAULT_GATEWAY,
    consent: str = "",
) -> PaymentMethod | None:
    """Store a method of a customer, or refresh what is shown of it; the first is the default.

    A method that the gateway does not hold for this very customer is not taken: None. One
    that was removed here stays removed. A mandate that the gateway names is kept with it, and
    `consent` as what was agreed to.
    """
    method = _keep(customer_id, details, at, gateway)
    if method is not None and details.mandate is not None:
        keep_mandate(method=method, details=details.mandate, at=at, consent=consent)
    return method


def _keep(
    customer_id: int, details: MethodDetails, at: datetime, gateway: str
) -> PaymentMethod | None:
    owner = GatewayCustomer.objects.filter(
        gateway=gateway, gateway_reference=details.customer_reference, customer_id=customer_id
    )
    if not details.customer_reference or not owner.exists():
        return None
    shown = {
        "kind": details.kind,
        "brand": details.brand[:32],
        "last4": details.last4[-4:],
        "expires_on": details.expires_on,
        "country": details.country[:2],
    }
    mine = PaymentMethod.objects.filter(customer_id=customer_id)
    known = mine.filter(gateway=gateway, gateway_reference=details.reference)
    if known.update(**shown):
        return known.get()
    has_default = mine.usable().filter(is_default=True).exists()
    return PaymentMethod.objects.create(
        customer_id=customer_id,
        gateway=gateway,
        gateway_reference=details.reference,
        is_default=not has_default,
        created_at=at,
        **shown,
    )
