"""Pages of a sandbox customer act by its test clock: theirs in the portal, and staff's of it.

One look-up for such a page, and none where real money is moved: then nobody has a clock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from subscriptions.models import Customer
from subscriptions.services.customer_clocks import may_have_clocks
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.clock import moved_to
from tiktoktoe.standing import StandingQuery, standing

# What a page's address names, and how its customer is found by that.
NAMED_BY: Mapping[str, tuple[str, type]] = {
    "customer_id": ("pk", int),
    "reference": ("subscriptions__reference", str),
    "number": ("invoices__number", str),
    "start_id": ("planned_starts__pk", int),
    "start_reference": ("planned_starts__reference", str),
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
    names = [name for name in NAMED_BY if named.get(name)]
    if not (match.url_name or "").startswith(PORTAL):
        return _everybodys(names, named)
    chosen = request.GET.get("customer")
    return _theirs(request.user.pk, names, named, chosen)


def _everybodys(names: Sequence[str], named: Mapping[str, Any]) -> datetime | None:
    if not names:
        return None
    if len(names) == 1:
        return _only(NAMED[names[0]].rows(user_id=None, value=named[names[0]]))
    return _only(_shown(Customer.objects.filter(_any_of(names, named))))


def _theirs(
    user_id: int, names: Sequence[str], named: Mapping[str, Any], chosen: str | None
) -> datetime | None:
    if not names and not chosen:
        return _only(of_member.rows(user_id=user_id))
    if len(names) == 1 and not chosen:
        return _only(NAMED[names[0]].rows(user_id=user_id, value=named[names[0]]))
    wanted = _any_of(names, named)
    if chosen:
        wanted |= Q(external_id=chosen)
    return _only(_shown(Customer.objects.of_user(user_id).filter(wanted)))


def _any_of(names: Sequence[str], named: Mapping[str, Any]) -> Q:
    wanted = Q()
    for name in names:
        wanted |= Q(**{NAMED_BY[name][0]: named[name]})
    return wanted


def _shown(customers: QuerySet[Customer]) -> "QuerySet[Customer, datetime | None]":
    return customers.order_by().values_list("clock__at", flat=True).distinct()[:2]


def _only(shown: Iterable[datetime | None]) -> datetime | None:
    """What the clock of these customers shows, if it is everybody's; else ours counts."""
    found = list(shown)
    return found[0] if len(found) == 1 else None


# Each page asks one of these.


@standing
def of_member(user_id: int) -> "QuerySet[Customer, datetime | None]":
    """The clocks of those that a person acts for."""
    return _shown(Customer.objects.of_user(user_id))


def _named(field: str, kind: type) -> StandingQuery[..., Customer, datetime | None]:
    """Those of a page's customer; with a person, only if they act for it."""

    def clocks(user_id: int | None, value: Any) -> "QuerySet[Customer, datetime | None]":
        known = Customer.objects.all() if user_id is None else Customer.objects.of_user(user_id)
        return _shown(known.filter(**{field: value}))

    clocks.__annotations__["value"] = kind
    return standing(clocks)


NAMED = {name: _named(field, kind) for name, (field, kind) in NAMED_BY.items()}
