"""The customer's numbers, each down to what it is made of: events, prices, arithmetic."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from billing.models import InvoiceLine
from billing.queries.explanation import explain, explain_line
from billing.services.invoices.draft_parts import DraftInvoice
from billing.views.portal_access import (
    acting_customer,
    acting_customers,
    estimated_invoice,
    issued_invoices,
)
from subscriptions.domain.metering import Aggregation, add_up
from subscriptions.models import Meter, Price, Subscription
from subscriptions.queries import UsageSpan, event_page, usage_days
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.web.access import requires
from tiktoktoe.web.days import ONE_DAY
from tiktoktoe.web.links import linked_day, linked_dimensions, linked_place

EVENTS_SHOWN = 100


@require_GET
@requires(Permission.USE_PORTAL)
def portal_usage(request: HttpRequest) -> HttpResponse:
    """The customer's own events on a meter that count in some days, a page at a time."""
    customer = acting_customer(request)
    meter = get_object_or_404(Meter, code=request.GET.get("meter", ""))
    first_day = linked_day(request.GET.get("start"))
    last_day = linked_day(request.GET.get("end") or request.GET.get("start"))
    place = linked_place(request.GET.get("after"))
    chosen, chosen_words = linked_dimensions(request.GET.getlist("of"))
    span = UsageSpan(customer.pk, meter.pk, first_day, last_day + ONE_DAY)
    total = add_up(day.total for day in usage_days(span, dimensions=chosen))
    context = {
        "customer": customer,
        "meter": meter,
        "first_day": first_day,
        "last_day": last_day,
        "total": total,
        "quantity": total.shown(Aggregation(meter.aggregation)),
        "chosen_words": chosen_words,
        "listed": event_page(span, after=place, limit=EVENTS_SHOWN, dimensions=chosen),
        "is_first": place is None,
    }
    return render(request, "portal/usage.html", context)


@require_GET
@requires(Permission.USE_PORTAL)
def portal_invoice_line(request: HttpRequest, number: str, line_id: UUID) -> HttpResponse:
    """Why a line of an own invoice is what it is."""
    invoice = get_object_or_404(issued_invoices(request), number=number)
    line = get_object_or_404(
        InvoiceLine.objects.select_related("price__plan_version__plan", "price__meter"),
        pk=line_id,
        invoice=invoice,
    )
    context = {"invoice": invoice, "line": line, "explanation": explain_line(line, invoice)}
    return render(request, "portal/invoice_line.html", context)


@require_GET
@requires(Permission.USE_PORTAL)
def portal_next_invoice(request: HttpRequest, reference: str) -> HttpResponse:
    """What the next invoice comes to so far, each line with its arithmetic."""
    mine = Subscription.objects.live().filter(customer__in=acting_customers(request))
    subscription = get_object_or_404(mine.select_related("customer"), reference=reference)
    draft = estimated_invoice(subscription=subscription)
    context = {
        "customer": subscription.customer,
        "subscription": subscription,
        "draft": draft,
        "lines": _explained(draft) if draft else [],
    }
    return render(request, "portal/next_invoice.html", context)


def _explained(draft: DraftInvoice) -> list[dict[str, object]]:
    ids = {line.price_id for line in draft.lines}
    prices = Price.objects.select_related("meter", "plan_version__plan").in_bulk(
        [pk for pk in ids if pk]
    )
    found: list[dict[str, object]] = []
    for number, (line, taxed) in enumerate(zip(draft.lines, draft.totals.lines, strict=True), 1):
        price = prices.get(line.price_id or 0)
        explanation = explain(
            derivation=line.derivation,
            price=price,
            net=taxed.net,
            gross=taxed.gross,
            time_zone=draft.customer.time_zone,
        )
        found.append(
            {
                "key": f"line-{number}",
                "line": line,
                "price": price,
                "tax": taxed.tax,
                "explanation": explanation,
            }
        )
    return found
