"""Staff pages of dry runs: by when, how far it is, what it would come to and what differs."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.errors import DryRunInvalid
from billing.forms.dry_runs import DryRunForm
from billing.models import DryRun, PlannedStart
from billing.queries.dry_runs import currency_sums, rehearsed_invoices, with_changes
from billing.services.invoices.dry_run import cancel_dry_run, start_dry_run
from billing.tasks import rehearse_billing
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.web.access import requires
from tiktoktoe.web.pagination import paginate

FAILURES_SHOWN = 50


@require_GET
@requires(Permission.VIEW_BILLING)
def dry_run_list(request: HttpRequest) -> HttpResponse:
    """Dry runs, the newest first, and the form for another."""
    return _list(request, DryRunForm())


@require_POST
@requires(Permission.CHANGE_BILLING)
def dry_run_start(request: HttpRequest) -> HttpResponse:
    """Put the workers on one."""
    assert isinstance(request.user, User)
    form, at = DryRunForm(request.POST), now()
    if not form.is_valid():
        return _list(request, form)
    try:
        run = start_dry_run(by=form.by(at), user=request.user, at=at)
    except DryRunInvalid as refusal:
        form.add_error("day", str(refusal))
        return _list(request, form)
    for _ in range(max(1, min(run.chunks.count(), settings.BILLING_WORKERS))):
        rehearse_billing.delay()
    return redirect("dry_run", run.pk)


@require_GET
@requires(Permission.VIEW_BILLING)
def dry_run_detail(request: HttpRequest, run_id: int) -> HttpResponse:
    """How far it is and what it comes to so far; the page follows it while it runs."""
    run = get_object_or_404(DryRun.objects.select_related("actor"), pk=run_id)
    shown = request.GET.get("show", "")
    page = paginate(request, rehearsed_invoices(run, shown))
    failures = run.failures.select_related("subscription__customer")
    context = {
        "run": run,
        "is_running": run.state == DryRun.State.RUNNING,
        "is_of_now": run.at <= now(),
        "shown": shown,
        "sums": currency_sums(run),
        "page": page,
        "rows": with_changes(page.object_list),
        "failure_count": failures.count(),
        "failures": failures[:FAILURES_SHOWN],
        "start_count": PlannedStart.objects.waiting()
        .on_clock(None)
        .filter(due_at__lte=run.at)
        .count(),
    }
    return render(request, "billing/dry_run.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def dry_run_cancel(request: HttpRequest, run_id: int) -> HttpResponse:
    """Look no further."""
    run = get_object_or_404(DryRun, pk=run_id)
    try:
        cancel_dry_run(run=run, at=now())
    except Conflict as refusal:
        messages.error(request, f"{refusal}.")
    else:
        messages.success(request, "It goes no further; what was worked out stays.")
    return redirect("dry_run", run.pk)


def _list(request: HttpRequest, form: DryRunForm) -> HttpResponse:
    runs = paginate(request, DryRun.objects.select_related("actor"))
    return render(request, "billing/dry_run_list.html", {"form": form, "page": runs})
