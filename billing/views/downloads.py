"""Download everything: asked for and fetched by a customer's person, who alone may fetch it."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from billing.models import CustomerDownload
from billing.services.documents.downloads import KEPT_FOR, is_small, make_download, request_download
from billing.tasks import make_downloads
from billing.views.portal_access import acting_customer, acting_customers
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires

SHOWN = 10


@require_GET
@requires(Permission.USE_PORTAL)
def portal_downloads(request: HttpRequest) -> HttpResponse:
    """The files that this person has asked for, and the way to ask for another."""
    customer = acting_customer(request)
    rows = list(_own(request).filter(customer=customer).defer("file")[:SHOWN])
    context = {
        "customer": customer,
        "customers": acting_customers(request),
        "downloads": rows,
        "is_waiting": any(row.state in {"waiting", "making"} for row in rows),
        "days": KEPT_FOR.days,
    }
    return render(request, "portal/downloads.html", context)


@require_POST
@requires(Permission.USE_PORTAL)
def portal_download_create(request: HttpRequest) -> HttpResponse:
    """Ask for everything; a small file is there at once."""
    assert isinstance(request.user, User)
    customer, at = acting_customer(request), now()
    download = request_download(customer=customer, user=request.user, at=at)
    if is_small(customer):
        download = make_download(download=download, at=at)
    else:
        make_downloads.delay()
    if download.state == CustomerDownload.State.READY:
        messages.success(request, "Your file is ready.")
    elif download.state == CustomerDownload.State.FAILED:
        messages.error(request, "The file could not be made. Please try again, or write to us.")
    else:
        messages.info(request, "Your file is being made; this page shows when it is ready.")
    query = urlencode({"customer": customer.external_id})
    return redirect(f"{reverse('portal_downloads')}?{query}")


@require_GET
@requires(Permission.USE_PORTAL)
def portal_download(request: HttpRequest, download_id: UUID) -> HttpResponse:
    """The file; only for who asked for it, while they act for the customer, and not for long."""
    ready = _own(request).filter(
        customer__in=acting_customers(request), state="ready", expires_at__gt=now()
    )
    download = get_object_or_404(ready.select_related("customer"), pk=download_id)
    assert download.file is not None
    answer = HttpResponse(bytes(download.file), content_type="application/zip")
    name = "".join(c for c in download.customer.external_id if c.isalnum() or c in "-_")
    answer["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    answer["Cache-Control"] = "private, no-store"
    return answer


def _own(request: HttpRequest) -> QuerySet[CustomerDownload]:
    return CustomerDownload.objects.filter(requested_by=request.user.pk)
