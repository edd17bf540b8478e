"""The dunning board: past-due invoices by stage, one run, what was recovered; people decide."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from billing.forms.dunning import PromiseForm
from billing.models import DunningRun
from billing.models.dunning import KINDS
from billing.queries.dunning import (
    FIRST_STAGE,
    recovered_by_month,
    recovered_payments,
    recovery_rates,
    runs_by_stage,
    stage_sums,
    steps_to_come,
    what_happened,
)
from billing.services.dunning.desk import note_promise, retry_now, skip_step, stop_run
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.periods import add_months, local_date
from tiktoktoe.web.access import requires
from tiktoktoe.web.pagination import paginate

MONTHS = 6
STAGES = ((FIRST_STAGE, "Nothing done yet"), *KINDS)


@require_GET
@requires(Permission.VIEW_BILLING)
def dunning_board(request: HttpRequest) -> HttpResponse:
    """Past-due invoices by stage, the next step first, and what was recovered lately."""
    stage = request.GET.get("state", "")
    sums = stage_sums()
    runs = runs_by_stage(stage).select_related("campaign", "customer", "invoice")
    counts = {name: sum(row.count for row in sums if row.stage == name) for name, _ in STAGES}
    zone, today = _zone(), local_date(now(), _zone())
    first = add_months(today.replace(day=1), 1 - MONTHS)
    context = {
        "sums": sums,
        "stage": stage,
        "choices": [(name, words, counts[name]) for name, words in STAGES if counts[name]],
        "total": sum(counts.values()),
        "page": paginate(request, runs.order_by("next_step_at", "past_due_from", "pk")),
        "recovered": recovered_by_month(first=first, last=today, zone=zone),
        "rates": recovery_rates(first=first, last=today, zone=zone),
        "at": now(),
    }
    return render(request, "billing/dunning_board.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def dunning_recovered(request: HttpRequest) -> HttpResponse:
    """The payments that a recovered amount is made of."""
    try:
        month = date.fromisoformat(request.GET.get("month", "")).replace(day=1)
    except ValueError:
        month = local_date(now(), _zone()).replace(day=1)
    step, currency = request.GET.get("step", "")[:16], request.GET.get("currency", "")[:3]
    payments = recovered_payments(month=month, zone=_zone(), step=step, currency=currency)
    context = {"month": month, "step": step, "currency": currency, "payments": payments}
    return render(request, "billing/dunning_recovered.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def dunning_run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One run: what has happened, and what comes next."""
    return _detail(request, _find(run_id))


@require_POST
@requires(Permission.CHANGE_BILLING)
def dunning_retry(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Charge the stored method now."""
    run, reason = _find(run_id), request.POST.get("reason", "")

    def act() -> str:
        attempt = retry_now(run=run, reason=reason, actor=_actor(request), at=now())
        return f"The attempt {attempt.get_state_display().lower()}."

    return _do(request, run, act)


@require_POST
@requires(Permission.CHANGE_BILLING)
def dunning_skip(request: HttpRequest, run_id: UUID, position: int) -> HttpResponse:
    """Leave out the next step."""
    run, reason = _find(run_id), request.POST.get("reason", "")

    def act() -> str:
        skip_step(run=run, position=position, reason=reason, actor=_actor(request), at=now())
        return "The step is left out."

    return _do(request, run, act)


@require_POST
@requires(Permission.CHANGE_BILLING)
def dunning_stop(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Do nothing more about the invoice by itself."""
    run, reason = _find(run_id), request.POST.get("reason", "")

    def act() -> str:
        stop_run(run=run, reason=reason, actor=_actor(request), at=now())
        return "Nothing more happens by itself. The invoice can still be paid."

    return _do(request, run, act)


@require_POST
@requires(Permission.CHANGE_BILLING)
def dunning_promise(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Hold every step until a day."""
    run, form = _find(run_id), PromiseForm(request.POST)
    if not form.is_valid():
        return _detail(request, run, form=form, status=422)

    def act() -> str:
        until = form.cleaned_data["until"]
        reason = form.cleaned_data["reason"]
        note_promise(run=run, until=until, reason=reason, actor=_actor(request), at=now())
        return f"Nothing happens until {until} is over."

    return _do(request, run, act)


def _detail(
    request: HttpRequest, run: DunningRun, *, form: PromiseForm | None = None, status: int = 200
) -> HttpResponse:
    coming = steps_to_come(run, now())
    context = {
        "run": run,
        "invoice": run.invoice,
        "happened": what_happened(run),
        "coming": coming,
        "next": next((step for step in coming if step.position is not None), None),
        "promise_form": form or PromiseForm(),
        "at": now(),
    }
    return render(request, "billing/dunning_run.html", context, status=status)


def _do(request: HttpRequest, run: DunningRun, act: Callable[[], str]) -> HttpResponse:
    try:
        messages.success(request, act())
    except (Conflict, InvalidInput) as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    return redirect("dunning_run", run.pk)


def _find(run_id: UUID) -> DunningRun:
    runs = DunningRun.objects.select_related("campaign", "customer", "invoice__subscription")
    return get_object_or_404(runs, pk=run_id)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)


def _zone() -> str:
    return timezone.get_current_timezone_name()
