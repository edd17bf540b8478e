"""The staff pages on which customers of another engine move in, with what they bring along."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from billing.domain.belongings import FIELDS, BelongingKind
from billing.services.moving_in.belongings import move_belongings_in
from billing.services.moving_in.customers import move_customers_in
from subscriptions.domain.moving_in import FIELDS as CUSTOMER_FIELDS
from subscriptions.domain.moving_in import FileKind
from subscriptions.views.file_page import file_page
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def moving_in(request: HttpRequest) -> HttpResponse:
    """Check a file of customers or subscriptions, or take it in."""
    return file_page(request, kinds=FileKind, fields=CUSTOMER_FIELDS, take_in=move_customers_in)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def belongings(request: HttpRequest) -> HttpResponse:
    """Check a file, or take it in."""
    return file_page(
        request,
        kinds=BelongingKind,
        fields=FIELDS,
        take_in=move_belongings_in,
        shown={"are_belongings": True},
    )
