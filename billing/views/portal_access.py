"""For whom somebody acts in the portal; what is not theirs is not there: 404."""

import logging
from collections.abc import Callable, Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from billing.errors import TaxRateMissing
from billing.models import Invoice
from billing.models.invoices import InvoiceQuerySet
from billing.queries.dunning import Banner, portal_banners
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.invoicing import preview_next_invoice
from billing.services.invoices.tax_previews import taxed_drafts
from subscriptions.models import Customer, Subscription
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User

logger = logging.getLogger(__name__)


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


def estimated_invoice(subscription: Subscription) -> DraftInvoice | None:
    """The next invoice so far; None if there is none, or it cannot be worked out."""
    return estimated_invoices([subscription])[0]


def estimated_invoices(subscriptions: Sequence[Subscription]) -> list[DraftInvoice | None]:
    """The next invoice of each so far; a tax engine is waited for once for all of them."""
    found = [_estimated(subscription) for subscription in subscriptions]
    taxed = iter(taxed_drafts(draft for draft in found if draft))
    return [next(taxed) if draft else None for draft in found]


def _estimated(subscription: Subscription) -> DraftInvoice | None:
    """Before the tax of an engine that is not ours.

    A tax rate that staff have not entered yet must not close the portal to a customer.
    """
    try:
        return preview_next_invoice(subscription=subscription)
    except TaxRateMissing as refusal:
        facts = {"subscription": subscription.reference, "reason": str(refusal)}
        logger.exception("the next invoice cannot be worked out", extra=facts)
        return None


def banners(request: HttpRequest) -> dict[str, Callable[[], list[Banner]]]:
    """For every page of the portal: what dunning wants said; asked only where it is shown."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"portal_banners": list}
    return {"portal_banners": lambda: portal_banners(user.pk)}


def see_other(address: str) -> HttpResponse:
    """On to a page of a gateway, by GET."""
    return HttpResponse(status=303, headers={"Location": address})
