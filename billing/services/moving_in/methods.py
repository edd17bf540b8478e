"""Stored ways to pay of a gateway that both engines use."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from billing.errors import MethodInvalid
from billing.gateways.registry import gateway_names
from billing.models import GatewayCustomer, PaymentMethod
from billing.services.moving_in.arrivals import Arrival, customer_named
from billing.services.payments.payment_methods import set_default_method
from subscriptions.models import Customer


def take_method(given: Mapping[str, Any], by: Arrival) -> bool:
    """A token that the gateway holds for the customer; the gateway is not asked about it here."""
    customer = customer_named(given)
    gateway, reference = given["gateway"], given["reference"]
    if gateway not in gateway_names():
        raise MethodInvalid(
            f"{gateway!r} is no gateway here", field="gateway", remedy=", ".join(gateway_names())
        )
    if len(given["last4"]) > 4 or not (given["last4"] or "0").isdecimal():
        raise MethodInvalid("four digits at most", field="last4")
    if given["expires"] is not None and given["expires"] < by.at.date():
        raise MethodInvalid("has expired", field="expires", remedy="leave it out")
    known = PaymentMethod.objects.filter(gateway=gateway, gateway_reference=reference).first()
    if known is not None:
        if known.customer_id != customer.pk:
            raise MethodInvalid(f"is stored for {known.customer} already", field="reference")
        return False
    _know(customer, gateway, given["customer_reference"], by.at)
    method = PaymentMethod.objects.create(
        customer=customer,
        gateway=gateway,
        gateway_reference=reference,
        kind=given["kind"],
        brand=given["brand"],
        last4=given["last4"],
        expires_on=given["expires"],
        country=given["country"][:2],
        created_at=by.at,
    )
    usable = PaymentMethod.objects.usable().filter(customer=customer)
    if given["is_default"] or not usable.filter(is_default=True).exists():
        set_default_method(method=method)
    return True


def _know(customer: Customer, gateway: str, reference: str, at: datetime) -> None:
    """What the gateway calls the customer; each has one name there."""
    known = GatewayCustomer.objects.filter(gateway=gateway)
    mine = known.filter(customer=customer).first()
    if mine is not None and mine.gateway_reference != reference:
        raise MethodInvalid(
            f"the customer is {mine.gateway_reference} there", field="customer_reference"
        )
    other = known.filter(gateway_reference=reference).exclude(customer=customer).first()
    if other is not None:
        raise MethodInvalid(f"is {other.customer} there", field="customer_reference")
    if mine is None:
        GatewayCustomer.objects.create(
            customer=customer, gateway=gateway, gateway_reference=reference, created_at=at
        )
