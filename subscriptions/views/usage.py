"""Staff pages of usage: by day, down to the events, and what was refused."""

from datetime import date, timedelta
from typing import Any

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from subscriptions.charts import daily_usage
from subscriptions.domain.metering import Aggregation, add_up
from subscriptions.forms.usage import UsageFilter
from subscriptions.models import Customer, Meter, RejectedEvent
from subscriptions.queries import (
    DayOfUsage,
    UsageSpan,
    event_page,
    heaviest_users,
    meter_days,
    usage_days,
)
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires
from tiktoktoe.web.links import linked_day, linked_dimensions, linked_place, number_of
from tiktoktoe.web.pagination import paginate

ONE_DAY = timedelta(days=1)
EVENTS_SHOWN = 100
CUSTOMERS_SHOWN = 10


@require_GET
@requires(Permission.VIEW_BILLING)
def usage_explorer(request: HttpRequest) -> HttpResponse:
    """How much of a meter was used each day, by everybody or by one customer."""
    form = UsageFilter(request.GET, today=timezone.localdate(now()))
    context: dict[str, Any] = {"form": form, "has_meters": Meter.objects.exists()}
    if context["has_meters"] and form.is_valid():
        asked = form.cleaned_data
        context |= _explored(
            asked["meter"], asked["customer"], asked["start"], asked["end"] + ONE_DAY
        )
    return render(request, "subscriptions/usage_explorer.html", context)


def _explored(
    meter: Meter, customer: Customer | None, from_day: date, to_day: date
) -> dict[str, Any]:
    if customer is not None:
        days = usage_days(UsageSpan(customer.pk, meter.pk, from_day, to_day))
        users = []
    else:
        days = meter_days(meter_id=meter.pk, from_day=from_day, to_day=to_day)
        users = heaviest_users(
            meter_id=meter.pk, from_day=from_day, to_day=to_day, limit=CUSTOMERS_SHOWN
        )
    total = add_up(day.total for day in days)
    aggregation = Aggregation(meter.aggregation)
    return {
        "meter": meter,
        "customer": customer,
        "from_day": from_day,
        "last_day": to_day - ONE_DAY,
        "total": total,
        "quantity": total.shown(aggregation),
        "rows": [(day, day.total.shown(aggregation)) for day in reversed(days)],
        "users": [(user, user.total.shown(aggregation)) for user in users],
        "busiest": _busiest(days, aggregation),
        "figure": daily_usage(days, meter=meter, from_day=from_day, to_day=to_day),
    }


def _busiest(days: list[DayOfUsage], aggregation: Aggregation) -> DayOfUsage | None:
    return max(days, key=lambda day: day.total.shown(aggregation), default=None)


@require_GET
@requires(Permission.VIEW_BILLING)
def usage_event_list(request: HttpRequest) -> HttpResponse:
    """The events of a customer on a meter that count in some days, a page at a time."""
    customer = get_object_or_404(Customer, pk=number_of(request.GET.get("customer")))
    meter = get_object_or_404(Meter, code=request.GET.get("meter", ""))
    from_day = linked_day(request.GET.get("start"))
    last_day = linked_day(request.GET.get("end") or request.GET.get("start"))
    place = linked_place(request.GET.get("after"))
    chosen, chosen_words = linked_dimensions(request.GET.getlist("of"))
    span = UsageSpan(customer.pk, meter.pk, from_day, last_day + ONE_DAY)
    total = add_up(day.total for day in usage_days(span, dimensions=chosen))
    context = {
        "customer": customer,
        "meter": meter,
        "from_day": from_day,
        "last_day": last_day,
        "total": total,
        "quantity": total.shown(Aggregation(meter.aggregation)),
        "chosen_words": chosen_words,
        "listed": event_page(span, after=place, limit=EVENTS_SHOWN, dimensions=chosen),
        "is_first": place is None,
    }
    return render(request, "subscriptions/usage_event_list.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def rejected_event_list(request: HttpRequest) -> HttpResponse:
    """What was sent and refused, newest first, by reason."""
    code = request.GET.get("state", "")
    rejected = RejectedEvent.objects.select_related("source")
    counts = RejectedEvent.objects.order_by("code").values_list("code").annotate(Count("pk"))
    context = {
        "page": paginate(request, rejected.filter(code=code) if code else rejected),
        "choices": [(name, name.replace("_", " ").capitalize(), count) for name, count in counts],
        "current": code,
    }
    return render(request, "subscriptions/rejected_event_list.html", context)
