"""Staff pages of the systems that may send usage."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from subscriptions.errors import EventInvalid
from subscriptions.forms.usage import EventSourceForm
from subscriptions.models import EventSource
from subscriptions.services.event_sources import create_event_source, revoke_event_source
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def event_source_list(request: HttpRequest) -> HttpResponse:
    """The systems, and a form for another; its key is shown on the answer to that form alone."""
    form = EventSourceForm(request.POST or None)
    key = ""
    if request.method == "POST" and form.is_valid():
        try:
            key = create_event_source(name=form.cleaned_data["name"], at=now()).key
            form = EventSourceForm()
        except EventInvalid as refusal:
            form.add_error("name", refusal.message)
    context = {"sources": EventSource.objects.all(), "form": form, "key": key}
    return render(request, "subscriptions/event_source_list.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def event_source_revoke(request: HttpRequest, source_id: int) -> HttpResponse:
    """Take a system's key away."""
    source = get_object_or_404(EventSource, pk=source_id)
    revoke_event_source(source=source, at=now())
    messages.success(request, f"{source.name} can no longer send usage.")
    return redirect("event_source_list")
