"""Customers see what is to start for them on a day to come, and take it back."""

import logging

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.models import PlannedStart
from billing.models.planned_starts import PlannedStartQuerySet
from billing.services.changes.planned_starts import withdraw_start
from billing.views.planned_starts import coming_preview
from billing.views.portal_access import acting_customers, portal_actor
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires

logger = logging.getLogger(__name__)


@require_GET
@requires(Permission.USE_PORTAL)
def portal_start(request: HttpRequest, start_reference: str) -> HttpResponse:
    """What it charges on its day, and what comes after."""
    start = get_object_or_404(_mine(request).waiting(), reference=start_reference)
    preview, refusal = coming_preview(start)
    if refusal:
        logger.warning("a planned start cannot be shown", extra={"reason": refusal})
    context = {
        "start": start,
        "customer": start.customer,
        "add_ons": start.add_ons.select_related("plan_version__plan"),
        "preview": preview,
    }
    return render(request, "portal/planned_start.html", context)


@require_POST
@requires(Permission.USE_PORTAL)
def portal_start_withdrawal(request: HttpRequest, start_reference: str) -> HttpResponse:
    """Take it back: nothing was charged, and what has started can be ended there too."""
    start = get_object_or_404(_mine(request), reference=start_reference)
    start = withdraw_start(start=start, actor=portal_actor(request), at=now())
    if start.state == PlannedStart.State.WITHDRAWN:
        messages.success(request, "It is taken back: it does not start.")
    else:
        messages.error(request, "Its day has come: it is not to be taken back any more.")
    return redirect("portal_home")


def _mine(request: HttpRequest) -> PlannedStartQuerySet:
    rows = PlannedStart.objects.filter(customer__in=acting_customers(request))
    return rows.select_related("customer", "plan_version__plan")
