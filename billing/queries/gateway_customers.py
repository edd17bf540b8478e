"""How gateways name our customers, asked at every request to them."""

from django.db.models import QuerySet

from billing.models import GatewayCustomer
from tiktoktoe.standing import standing


@standing
def known_to(customer: int, gateway: str) -> "QuerySet[GatewayCustomer]":
    """A customer as a gateway knows it."""
    return GatewayCustomer.objects.filter(customer=customer, gateway=gateway).order_by()


@standing
def named_there(gateway: str, reference: str) -> "QuerySet[GatewayCustomer]":
    """Whose name that is at a gateway."""
    return GatewayCustomer.objects.filter(gateway=gateway, gateway_reference=reference)
