"""Staff pages of billing runs: what is due, what ran, and what stood in the way."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from billing.models import BillingFailure, BillingRun
from billing.services.invoices.due import due
from billing.services.invoices.renewal import draft_invoice, release_failure
from billing.tasks import bill_due
from subscriptions.models import Subscription
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import requires
from tiktoktoe.web.pagination import paginate


@require_GET
@requires(Permission.VIEW_BILLING)
def billing_run_list(request: HttpRequest) -> HttpResponse:
    """Runs, the newest first, and what is waiting for the next."""
    context = {
        "page": paginate(request, BillingRun.objects.all()),
        "due_count": due(now()).count(),
        "failures": _open_failures(),
        "unfinished": BillingRun.objects.filter(state=BillingRun.State.RUNNING).first(),
    }
    return render(request, "billing/billing_run_list.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def billing_run_start(request: HttpRequest) -> HttpResponse:
    """Put the workers on what is due, without waiting for the schedule."""
    if not due(now()).exists():
        messages.info(request, "Nothing is due.")
        return redirect("billing_run_list")
    bill_due.delay()
    messages.success(request, "The workers are on it.")
    return redirect("billing_run_list")


@require_POST
@requires(Permission.CHANGE_BILLING)
def draft_create(request: HttpRequest, reference: str) -> HttpResponse:
    """Bill one subscription that is due as a draft, to look at it before it is issued."""
    subscription = get_object_or_404(Subscription, reference=reference)
    try:
        invoice = draft_invoice(subscription=subscription, at=now())
    except (Conflict, InvalidInput) as refusal:
        messages.error(request, f"Nothing was drafted: {refusal}.")
        return redirect("dry_run_list")
    if invoice is None:
        messages.info(request, "Nothing was owed; the subscription moved on.")
        return redirect("dry_run_list")
    return redirect("invoice_detail", invoice.address_key)


@require_GET
@requires(Permission.VIEW_BILLING)
def billing_run_detail(request: HttpRequest, run_id: int) -> HttpResponse:
    """How far a run has come; the page follows it while it runs."""
    run = get_object_or_404(BillingRun, pk=run_id)
    is_running = run.state == BillingRun.State.RUNNING
    waiting = due(run.at, clock=run.clock).count() if is_running else 0
    context = {
        "run": run,
        "is_running": is_running,
        "waiting": waiting,
        "done_count": max(run.due_count - waiting, 0),
        "invoices_url": f"{reverse('invoice_list')}?run={run.pk}",
        "failures": run.failures.select_related("subscription__customer"),
    }
    partial = request.headers.get("HX-Request") == "true"
    template = (
        "billing/_billing_run_progress.html" if partial else "billing/billing_run_detail.html"
    )
    return render(request, template, context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def billing_failure_release(request: HttpRequest, failure_id: int) -> HttpResponse:
    """Let a subscription that was set aside be billed again."""
    failure = get_object_or_404(
        BillingFailure.objects.select_related("subscription__customer"), pk=failure_id
    )
    release_failure(failure=failure, at=now())
    messages.success(request, f"{failure.subscription.customer} is billed with the next run.")
    return redirect("billing_run_list")


def _open_failures() -> list[BillingFailure]:
    open_ones = BillingFailure.objects.filter(released_at__isnull=True)
    return list(open_ones.select_related("subscription__customer", "run")[:50])
