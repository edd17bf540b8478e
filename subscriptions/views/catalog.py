"""Staff pages of the catalog."""

from django.db.models import Count, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from subscriptions.domain.lifecycle import LIVE_STATES
from subscriptions.models import Meter, Plan, PlanVersion, Price
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_BILLING)
def plan_list(request: HttpRequest) -> HttpResponse:
    """Plans by product, and the meters."""
    live = Q(versions__subscriptions__state__in=sorted(LIVE_STATES))
    plans = Plan.objects.select_related("product").annotate(
        live_count=Count("versions__subscriptions", filter=live)
    )
    context = {"plans": plans, "meters": Meter.objects.all()}
    return render(request, "subscriptions/plan_list.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def plan_detail(request: HttpRequest, code: str) -> HttpResponse:
    """One plan: every version of its prices, the newest first."""
    plan = get_object_or_404(Plan.objects.select_related("product"), code=code)
    prices = Price.objects.select_related("meter").prefetch_related("tiers")
    versions = (
        PlanVersion.objects.filter(plan=plan)
        .prefetch_related(Prefetch("prices", queryset=prices), "grants__feature__meter")
        .annotate(
            live_count=Count(
                "subscriptions", filter=Q(subscriptions__state__in=sorted(LIVE_STATES))
            )
        )
        .order_by("currency", "-number")
    )
    return render(request, "subscriptions/plan_detail.html", {"plan": plan, "versions": versions})
