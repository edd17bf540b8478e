"""Staff take back what is scheduled for a day; it is asked for on the pages of the change."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from billing.models import DatedChange
from billing.services.changes.dated_changes import withdraw_dated_change
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires


@require_POST
@requires(Permission.CHANGE_BILLING)
def dated_change_withdrawal(request: HttpRequest, change_id: int) -> HttpResponse:
    """Take back what waits for its day."""
    change = get_object_or_404(DatedChange.objects.select_related("subscription"), pk=change_id)
    assert isinstance(request.user, User)
    actor = Actor(source="finance", user=request.user)
    change = withdraw_dated_change(change=change, actor=actor, at=now())
    if change.state == DatedChange.State.WITHDRAWN:
        messages.success(request, "It is withdrawn.")
    else:
        messages.error(request, "Its day has begun; it is made already, or right now.")
    return redirect("subscription_schedule", change.subscription.reference)
