"""For whom somebody acts in the portal; what is not theirs is not there: 404."""

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from billing.models import Invoice
from billing.models.invoices import InvoiceQuerySet
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User


def acting_customers(request: HttpRequest) -> list[Customer]:
    """Those whom the signed-in person acts for."""
    assert isinstance(request.user, User)
    return list(Customer.objects.of_user(request.user.pk))


def acting_customer(request: HttpRequest) -> Customer:
    """The one that `?customer=` names, or else the first."""
    mine = Customer.objects.of_user(int(request.user.pk or 0))
    wanted = request.GET.get("customer")
    if wanted:
        return get_object_or_404(mine, external_id=wanted)
    first = mine.first()
    return first if first is not None else get_object_or_404(mine)


def issued_invoices(request: HttpRequest) -> InvoiceQuerySet:
    """What was issued to the customers whom this person acts for."""
    final = Invoice.objects.final().filter(customer__in=acting_customers(request))
    return final.select_related("customer").order_by("-finalized_at", "-id")


def portal_actor(request: HttpRequest) -> Actor:
    """Who did it, for what is written down."""
    assert isinstance(request.user, User)
    return Actor(source="portal", user=request.user)
