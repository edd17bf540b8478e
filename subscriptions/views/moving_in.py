"""The staff page on which customers and subscriptions of another engine are taken in."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from subscriptions.domain.moving_in import FIELDS, FileKind
from subscriptions.services.moving_in.taking import move_in
from subscriptions.views.file_page import file_page
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def moving_in(request: HttpRequest) -> HttpResponse:
    """Check a file, or take it in."""
    return file_page(request, kinds=FileKind, fields=FIELDS, take_in=move_in)
