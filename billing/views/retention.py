"""Offers to customers who are about to leave: the staff's page, and the customer's answer."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from billing.domain.leaving import REASONS
from billing.errors import OfferInvalid
from billing.forms.retention import RetentionOfferForm
from billing.models import OfferMade, RetentionOffer
from billing.queries.retention import offer_rows
from billing.services.changes.retention import accept_offer, create_offer, end_offer
from billing.views.portal_access import acting_customers, portal_actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.VIEW_BILLING)
def retention_offer_list(request: HttpRequest) -> HttpResponse:
    """Every offer with what came of it; who may, makes another."""
    assert isinstance(request.user, User)
    may_change = request.user.may(Permission.CHANGE_BILLING)
    form = RetentionOfferForm(request.POST or None)
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        if form.is_valid():
            try:
                offer = create_offer(terms=form.terms(), at=now())
            except OfferInvalid as refusal:
                form.add_error(refusal.field or None, refusal.message)
            else:
                messages.success(request, f"{offer} is made from now on.")
                return redirect("retention_offer_list")
    rows = [
        (row, [REASONS.get(reason, reason) for reason in row.offer.reasons]) for row in offer_rows()
    ]
    context = {"rows": rows, "form": form, "may_change": may_change}
    return render(request, "billing/retention_offer_list.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def retention_offer_end(request: HttpRequest, offer_id: int) -> HttpResponse:
    """Make an offer to nobody any more."""
    offer = end_offer(offer=get_object_or_404(RetentionOffer, pk=offer_id), at=now())
    messages.success(request, f"{offer} is made to nobody any more.")
    return redirect("retention_offer_list")


@require_POST
@requires(Permission.USE_PORTAL)
def portal_offer_acceptance(request: HttpRequest, made_id: int) -> HttpResponse:
    """Stay, for what was offered."""
    mine = OfferMade.objects.filter(customer__in=acting_customers(request))
    made = get_object_or_404(mine, pk=made_id)
    try:
        done = accept_offer(made=made, actor=portal_actor(request), at=now())
    except (Conflict, InvalidInput) as refusal:
        words = refusal.message if isinstance(refusal, InvalidInput) else str(refusal)
        messages.error(request, f"Nothing was changed: {words}.")
    else:
        is_coupon = done.offer.kind == RetentionOffer.Kind.COUPON
        words = "comes off your next invoices" if is_coupon else "is set; it goes on by itself"
        messages.success(request, f"Good that you stay: what we offered {words}.")
    return redirect("portal_home")
