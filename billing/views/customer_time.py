"""Pages of a sandbox customer act by its test clock: theirs in the portal, and staff's of it.

One look-up for such a page, and none where real money is moved: then nobody has a clock.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from subscriptions.models import Customer
from subscriptions.services.customer_clocks import may_have_clocks
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.clock import moved_to

# What a page's address names, and how its customer is found by that.
NAMED_BY = {
    "customer_id": "pk",
    "reference": "subscriptions__reference",
    "number": "invoices__number",
    "start_id": "planned_starts__pk",
    "start_reference": "planned_starts__reference",
}
PORTAL = "portal_"


class CustomerTime:
    """The last middleware: the view runs at the instant that the customer's clock shows."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing before the view is found."""
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> HttpResponse | None:
        """Answer by the customer's time, where it has one of its own."""
        at = _instant(request, kwargs)
        if at is None:
            return None
        with moved_to(at):
            return view(request, *args, **kwargs)


def _instant(request: HttpRequest, named: dict[str, Any]) -> datetime | None:
    match = request.resolver_match
    if match is None or not isinstance(request.user, User) or not may_have_clocks():
        return None
    wanted = Q()
    for name, field in NAMED_BY.items():
        if named.get(name):
            wanted |= Q(**{field: named[name]})
    if (match.url_name or "").startswith(PORTAL):
        if chosen := request.GET.get("customer"):
            wanted |= Q(external_id=chosen)
        return _shown(Customer.objects.of_user(request.user.pk).filter(wanted))
    return _shown(Customer.objects.filter(wanted)) if wanted else None


def _shown(customers: "QuerySet[Customer]") -> datetime | None:
    """What the clock of these customers shows, if it is everybody's; else ours counts."""
    shown = customers.order_by().values_list("clock__at", flat=True).distinct()[:2]
    found = list(shown)
    return found[0] if len(found) == 1 else None
