"""Staff pages of subscriptions."""

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from subscriptions.errors import SubscriptionEnded
from subscriptions.forms.subscriptions import SubscriptionFilter
from subscriptions.models import Subscription, SubscriptionTransition
from subscriptions.queries.history import days_of
from subscriptions.services.changes import schedule_cancellation, withdraw_cancellation
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.web.access import requires
from tiktoktoe.web.chips import state_chips
from tiktoktoe.web.pagination import paginate


@require_GET
@requires(Permission.VIEW_BILLING)
def subscription_list(request: HttpRequest) -> HttpResponse:
    """Subscriptions by state, searchable."""
    form = SubscriptionFilter(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {"q": "", "state": ""}
    matching = Subscription.objects.matching(wanted["q"].strip())
    counts = dict(matching.values_list("state").annotate(n=Count("pk")).order_by())
    shown = matching.filter(state=wanted["state"]) if wanted["state"] else matching
    context = {
        "page": paginate(request, shown.select_related("customer", "plan_version__plan")),
        "q": wanted["q"],
        "state": wanted["state"],
        "states": state_chips(Subscription.State, counts),
        "total_count": sum(counts.values()),
    }
    return render(request, "subscriptions/subscription_list.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def subscription_detail(request: HttpRequest, reference: str) -> HttpResponse:
    """One subscription: its plan, period, phases and everything that happened to it."""
    subscription = get_object_or_404(
        Subscription.objects.select_related("customer", "plan_version__plan"), reference=reference
    )
    context = {
        "subscription": subscription,
        "prices": subscription.plan_version.prices.select_related("meter").prefetch_related(
            "tiers"
        ),
        "phases": subscription.phases.select_related("plan_version__plan"),
        "history": [history_event(t) for t in history_of(subscription)],
    }
    return render(request, "subscriptions/subscription_detail.html", context)


def history_of(subscription: Subscription) -> QuerySet[SubscriptionTransition]:
    """Everything that happened to a subscription, the newest first."""
    rows = subscription.transitions.select_related("actor", "subscription")
    return rows.order_by("-effective_at", "-id")


def history_event(transition: SubscriptionTransition) -> dict[str, object]:
    """A transition as the page shows it: what, when, by whom, why."""
    return {
        "event": transition.event,
        "days": days_of(transition),
        "effective_at": transition.effective_at,
        "recorded_at": transition.recorded_at,
        "who": transition.actor.email if transition.actor else transition.source,
        "reason": transition.reason,
    }


@require_POST
@requires(Permission.CHANGE_BILLING)
def cancellation_create(request: HttpRequest, reference: str) -> HttpResponse:
    """Cancel at the end of the current period."""
    subscription = get_object_or_404(Subscription, reference=reference)
    try:
        canceled = schedule_cancellation(
            subscription=subscription,
            actor=staff_actor(request),
            reason=request.POST.get("reason", "").replace("\x00", "")[:200],
            at=now(),
        )
    except Conflict as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"It ends on {canceled.cancel_at:%-d %b %Y}.")
    return redirect("subscription_detail", reference)


@require_POST
@requires(Permission.CHANGE_BILLING)
def cancellation_withdraw(request: HttpRequest, reference: str) -> HttpResponse:
    """Let a subscription whose end is scheduled go on."""
    subscription = get_object_or_404(Subscription, reference=reference)
    try:
        withdraw_cancellation(subscription=subscription, actor=staff_actor(request), at=now())
    except SubscriptionEnded as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "It goes on; the cancellation is withdrawn.")
    return redirect("subscription_detail", reference)


def staff_actor(request: HttpRequest) -> Actor:
    """The signed-in person, through the finance pages."""
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)
