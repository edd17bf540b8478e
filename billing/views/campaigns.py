"""Dunning campaigns: which count, what each would do as a calendar, and new versions."""

from datetime import datetime, time

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.domain.campaigns import DatedStep, Declined, calendar, ensure_campaign
from billing.domain.declines import DeclineClass
from billing.domain.overdue import ensure_overdue, ensure_requests
from billing.errors import CampaignInvalid
from billing.forms.debts import DebtForms
from billing.forms.dunning import AssignmentForm, CalendarForm, CampaignForm
from billing.models import DunningCampaign
from billing.queries.debts import Touched, touched_by
from billing.services.dunning.campaigns import (
    assign_campaign,
    campaigns_in_force,
    campaigns_to_come,
    is_for_debts,
    ordered_terms,
    publish_campaign,
)
from billing.services.dunning.requests import request_terms
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.periods import local_date, local_instant
from tiktoktoe.web.access import requires
from tiktoktoe.web.days import day_start

NOON = time(12)
SHOWN = 50


@require_GET
@requires(Permission.VIEW_BILLING)
def campaign_list(request: HttpRequest) -> HttpResponse:
    """Which campaign counts for whom, and every version."""
    context = {
        "in_force": campaigns_in_force(now()),
        "to_come": campaigns_to_come(now()),
        "campaigns": DunningCampaign.objects.prefetch_related("steps")[:200],
    }
    return render(request, "billing/campaign_list.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def campaign_detail(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """One version, and its calendar for a day."""
    campaign = _find(code, number)
    form = CalendarForm(request.GET or None)
    chosen = form.cleaned_data if form.is_bound and form.is_valid() else {}
    zone = timezone.get_current_timezone_name()
    day = chosen.get("past_due_on") or local_date(now(), zone)
    past_due_from = local_instant(day, zone, NOON)
    context = {
        "campaign": campaign,
        "terms": campaign.terms,
        "form": form if form.is_bound else CalendarForm(initial={"past_due_on": day}),
        "past_due_from": past_due_from,
        "calendar": _calendar(campaign, past_due_from, chosen.get("reason", ""), zone),
        "assignment_form": AssignmentForm(),
        "requests": list(campaign.thresholds.all()),
        "states": list(campaign.states.all()),
        **_touched_by_kept(campaign),
        "in_force": [plan for plan, rule in campaigns_in_force(now()) if rule.campaign == campaign],
    }
    return render(request, "billing/campaign_detail.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def campaign_create(request: HttpRequest) -> HttpResponse:
    """Write a campaign, or the next version of one; it counts for nobody yet."""
    code, _, number = request.GET.get("after", "").partition(":")
    before = _by_number(code, number)
    form = CampaignForm(request.POST or None, start_from=before)
    debts = DebtForms(request.POST or None, start_from=before)
    touched: list[Touched] | None = None
    if request.method == "POST" and form.is_whole() & debts.is_whole():
        try:
            _check(form, debts)
            if "preview" in request.POST:
                touched = touched_by(requests=debts.requests(), states=debts.states(), at=now())
            else:
                return _publish(request, form, debts)
        except CampaignInvalid as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    status = 422 if form.is_bound and touched is None else 200
    context = {"form": form, "debts": debts, "touched": touched, "shown": (touched or [])[:SHOWN]}
    return render(request, "billing/campaign_form.html", context, status=status)


@require_POST
@requires(Permission.CHANGE_BILLING)
def campaign_assignment(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """Let a campaign count from now on, or from a day to come."""
    campaign, form = _find(code, number), AssignmentForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was changed: choose a plan and a day that there are.")
        return redirect("dunning_campaign", code, number)
    plan, day = form.cleaned_data["plan"], form.cleaned_data["from_day"]
    try:
        assign_campaign(
            campaign=campaign,
            plan=plan,
            actor=_actor(request),
            at=now(),
            effective_from=day_start(day) if day else None,
        )
    except InvalidInput as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        whom = plan.name if plan else "the company"
        messages.success(request, f"{campaign} counts for {whom} from {day or 'now on'}.")
    return redirect("dunning_campaign", code, number)


def _touched_by_kept(campaign: DunningCampaign) -> dict[str, object]:
    """Whom a kept version would touch today, where it says something about whole debts."""
    if not is_for_debts(campaign):
        return {"touched": None}
    requests = request_terms(campaign) if campaign.thresholds.exists() else None
    states = [row.terms for row in campaign.states.all()]
    touched = touched_by(requests=requests, states=states, at=now())
    return {"touched": touched, "shown": touched[:SHOWN]}


def _check(form: CampaignForm, debts: DebtForms) -> None:
    ensure_campaign(ordered_terms(form.terms()))
    requests, states = debts.requests(), debts.states()
    if requests is not None:
        ensure_requests(requests)
    if states:
        ensure_overdue(states)


def _publish(request: HttpRequest, form: CampaignForm, debts: DebtForms) -> HttpResponse:
    campaign = publish_campaign(
        code=form.cleaned_data["code"],
        name=form.cleaned_data["name"],
        terms=form.terms(),
        actor=_actor(request),
        at=now(),
        requests=debts.requests(),
        states=debts.states(),
    )
    messages.success(request, f"{campaign} is kept. It counts once you put it in force.")
    return redirect("dunning_campaign", campaign.code, campaign.number)


def _calendar(
    campaign: DunningCampaign, past_due_from: datetime, reason: str, zone: str
) -> tuple[DatedStep, ...]:
    declines = []
    if reason:
        declines = [Declined(at=past_due_from, decline_class=DeclineClass(reason))]
    return calendar(
        terms=campaign.terms, past_due_from=past_due_from, declines=declines, time_zone=zone
    )


def _by_number(code: str, number: str) -> DunningCampaign | None:
    if not number.isdecimal() or len(number) > 5:
        return None
    return DunningCampaign.objects.filter(code=code, number=number).first()


def _find(code: str, number: int) -> DunningCampaign:
    campaigns = DunningCampaign.objects.prefetch_related("steps")
    return get_object_or_404(campaigns, code=code, number=number)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)
