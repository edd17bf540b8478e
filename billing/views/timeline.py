"""Everything that happened to a customer, for staff."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from billing.queries.timeline import KINDS, timeline_page
from billing.views.timeline_words import happening
from subscriptions.models import Customer
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.web.access import requires
from tiktoktoe.web.links import linked_place

SHOWN_ON_THE_CUSTOMER_PAGE = 12


@require_GET
@requires(Permission.VIEW_BILLING)
def customer_timeline(request: HttpRequest, customer_id: int) -> HttpResponse:
    """A page of it, of one kind or of all; a few entries where another page asks for them."""
    customer = get_object_or_404(Customer, pk=customer_id)
    kind = request.GET.get("kind", "")
    if kind and kind not in KINDS:
        raise Http404
    is_partial = request.headers.get("HX-Request") == "true"
    terms = {"limit": SHOWN_ON_THE_CUSTOMER_PAGE} if is_partial else {}
    place = linked_place(request.GET.get("after"))
    try:
        page = timeline_page(customer.pk, kind=kind, after=place, **terms)
    except ValueError:
        raise Http404 from None
    context = {
        "customer": customer,
        "events": [happening(entry) for entry in page.entries],
        "next_place": page.next_place,
        "is_first": place is None,
        "kinds": KINDS.items(),
        "kind": kind,
    }
    template = "billing/_timeline.html" if is_partial else "billing/customer_timeline.html"
    return render(request, template, context)
