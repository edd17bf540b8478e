"""Staff pages of ending, pausing, resuming and trials: seen first, then done by the same code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.forms.lifecycle import CancellationForm, PauseForm, ResumptionForm, TrialForm
from billing.models import DatedChange, PlanChange
from billing.services.changes.cancelling import (
    CancellationPreview,
    CancelWhen,
    cancel_subscription,
    preview_cancellation,
)
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.dated_previews import (
    days_before_billing,
    invoice_after_days,
    preview_dated_change,
)
from billing.services.changes.following import invoice_after
from billing.services.changes.pausing import (
    PausePreview,
    pause,
    preview_pause,
    preview_resumption,
    resume,
)
from billing.services.changes.resumption_days import resume_on_day
from billing.services.changes.trials import convert_trial_now
from billing.services.changes.wanted import Wanted
from billing.services.credit.note_plans import NotePlan
from billing.services.invoices.coming_invoices import preview_next_invoices
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.tax_previews import taxed_drafts, taxed_invoice, with_taxes
from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.models import Subscription
from subscriptions.services.lifecycle import change_token
from subscriptions.services.pauses import withdraw_pause
from subscriptions.services.transitions import Actor
from subscriptions.services.trials import ensure_trialing, move_trial_end
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.web.access import requires

Given = Mapping[str, Any]
STAFF = Actor(source="finance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What an act would do, as its page shows it."""

    heading: str
    token: str
    amounts: tuple[tuple[str, Money], ...] = ()
    draft: DraftInvoice | None = None
    notes: tuple[NotePlan, ...] = field(default=())
    is_for_a_day: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A change of a subscription that is shown first, then done."""

    title: str
    text: str
    button: str
    tone: str
    form: type[forms.Form]
    show: Callable[[Subscription, Given], Shown]
    do: Callable[[Subscription, Given, Actor], str]


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def subscription_ending(request: HttpRequest, reference: str) -> HttpResponse:
    """Cancel now, at the end of the period, or on a day."""
    return _page(request, reference, CANCEL)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def subscription_pause(request: HttpRequest, reference: str) -> HttpResponse:
    """Pause now, at the end of the period, or from a day on."""
    return _page(request, reference, PAUSE)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def subscription_resumption(request: HttpRequest, reference: str) -> HttpResponse:
    """Let a paused subscription go on."""
    return _page(request, reference, RESUME)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def subscription_trial(request: HttpRequest, reference: str) -> HttpResponse:
    """Let a trial end today, or on another day."""
    return _page(request, reference, TRIAL)


@require_GET
@requires(Permission.VIEW_BILLING)
def subscription_schedule(request: HttpRequest, reference: str) -> HttpResponse:
    """What is to happen to a subscription by itself, each with its way back."""
    subscription = _found(reference)
    changes = PlanChange.objects.filter(
        subscription=subscription, state=PlanChange.State.SCHEDULED
    ).select_related("plan_version__plan")
    days = DatedChange.objects.filter(subscription=subscription).order_by("on", "pk")
    context = {
        "subscription": subscription,
        "changes": changes,
        "days": days.scheduled().select_related("plan_version__plan"),
        "not_made": days.filter(state=DatedChange.State.REFUSED).order_by("-pk")[:5],
        **_coming(subscription),
    }
    return render(request, "billing/subscription_schedule.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def subscription_invoices_ahead(request: HttpRequest, reference: str) -> HttpResponse:
    """What the next invoices would be, for the subscription's own page."""
    subscription = _found(reference)
    context = {"subscription": subscription, **_coming(subscription)}
    return render(request, "billing/_invoices_ahead.html", context)


def _coming(subscription: Subscription) -> dict[str, object]:
    """The next invoices, or why they cannot be worked out."""
    try:
        if days_before_billing(subscription).exists():
            draft = invoice_after_days(subscription)
            return {"drafts": taxed_drafts([draft]) if draft else []}
        return {"drafts": taxed_drafts(preview_next_invoices(subscription=subscription))}
    except (InvalidInput, Conflict) as refusal:
        return {"drafts": [], "refusal": str(refusal)}


@require_POST
@requires(Permission.CHANGE_BILLING)
def pause_withdrawal(request: HttpRequest, reference: str) -> HttpResponse:
    """Let a subscription that was to be paused go on."""
    subscription = _found(reference)
    try:
        withdraw_pause(subscription=subscription, actor=_actor(request), at=now())
    except Conflict as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "It goes on; the pause is withdrawn.")
    return redirect("subscription_schedule", reference)


@require_POST
@requires(Permission.CHANGE_BILLING)
def resumption_withdrawal(request: HttpRequest, reference: str) -> HttpResponse:
    """Let what is paused rest until somebody resumes it."""
    subscription = _found(reference)
    try:
        resume_on_day(subscription=subscription, resume_on=None, actor=_actor(request), at=now())
    except (Conflict, InvalidInput) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "It rests until somebody resumes it.")
    return redirect("subscription_schedule", reference)


def _page(request: HttpRequest, reference: str, act: Act) -> HttpResponse:
    """The form of an act; with `?shown=` what it would do; POST does it."""
    subscription = _found(reference)
    asked = request.POST or (request.GET if "shown" in request.GET else None)
    form = act.form(asked)
    shown = following = None
    if form.is_bound and form.is_valid():
        try:
            if request.method == "POST":
                given = {**form.cleaned_data, "expected": request.POST.get("expected", "")[:64]}
                messages.success(request, act.do(subscription, given, _actor(request)))
                return redirect("subscription_detail", reference)
            shown = act.show(subscription, form.cleaned_data)
            given = {**form.cleaned_data, "expected": shown.token}
            done = partial(act.do, subscription, given, _actor(request))
            if not shown.is_for_a_day:
                following = taxed_invoice(invoice_after(done, subscription=subscription))
        except (InvalidInput, Conflict) as refusal:
            form.add_error(None, str(refusal))
    context = {
        "subscription": subscription,
        "act": act,
        "form": form,
        "shown": shown,
        "following": following,
        "asked": {name: asked.get(name, "") for name in form.fields} if asked else {},
    }
    return render(request, "billing/lifecycle_form.html", context)


def _show_cancellation(subscription: Subscription, given: Given) -> Shown:
    seen = with_taxes(
        preview_cancellation(subscription=subscription, at=now(), **_cancel_terms(given))
    )
    is_now = seen.when == CancelWhen.NOW
    return Shown(
        heading=_ending(seen),
        token=seen.token,
        amounts=(
            ("Due now, with tax", seen.due_now),
            ("Given back, with tax", seen.given_back),
            ("Of it as money", seen.refunded),
        )
        if is_now
        else (),
        draft=seen.draft,
        notes=seen.notes,
    )


def _ending(seen: CancellationPreview) -> str:
    if seen.since is not None:
        return f"It ends as of {seen.since:%-d %b %Y}, its last day"
    if seen.when == CancelWhen.NOW:
        return "It ends now"
    return f"It ends on {_day(seen.subscription, seen.ends_at)}"


def _cancel(subscription: Subscription, given: Given, actor: Actor) -> str:
    terms = _cancel_terms(given)
    done = cancel_subscription(
        subscription=subscription,
        actor=actor,
        reason=given["reason"],
        expected=given["expected"],
        at=now(),
        **terms,
    )
    ended = done.subscription
    if ended.ended_at is not None:
        return "It has ended."
    assert ended.cancel_at is not None
    return f"It ends on {_day(ended, ended.cancel_at)}."


def _cancel_terms(given: Given) -> dict[str, Any]:
    return {
        "when": CancelWhen(given["when"]),
        "on": given["on"],
        "unused": UnusedTime(given["unused"]) if given["unused"] else None,
    }


def _show_pause(subscription: Subscription, given: Given) -> Shown:
    if _is_ahead(subscription, given):
        return _show_pause_on(subscription, given)
    seen = with_taxes(preview_pause(subscription=subscription, at=now(), **_pause_terms(given)))
    return Shown(
        heading=f"Nothing is billed from {_day(seen.subscription, seen.paused_from)} on",
        token=seen.token,
        amounts=(("Due now, with tax", seen.due_now), ("Given back, with tax", seen.given_back)),
        draft=seen.draft,
        notes=seen.notes,
    )


def _show_pause_on(subscription: Subscription, given: Given) -> Shown:
    dated = preview_dated_change(
        subscription=subscription, wanted=_pause_wanted(given), actor=STAFF, at=now()
    )
    assert isinstance(dated.effect, PausePreview)
    seen = with_taxes(dated.effect)
    return Shown(
        heading=f"Nothing is billed from {_day(seen.subscription, seen.paused_from)} on",
        token=dated.token,
        amounts=(("Due then, with tax", seen.due_now), ("Given back then", seen.given_back)),
        draft=seen.draft,
        # Beyond the period they are of invoices that are not there yet.
        notes=() if dated.is_after else seen.notes,
        is_for_a_day=True,
    )


def _pause_wanted(given: Given) -> Wanted:
    unused = UnusedTime(given["unused"]) if given["unused"] else None
    return Wanted(on=given["on"], resume_on=given["resume_on"], unused=unused)


def _pause(subscription: Subscription, given: Given, actor: Actor) -> str:
    if _is_ahead(subscription, given):
        schedule_dated_change(
            subscription=subscription,
            wanted=_pause_wanted(given),
            actor=actor,
            reason=given["reason"],
            expected=given["expected"],
            at=now(),
        )
        return f"It pauses on {given['on']:%-d %b %Y}."
    done = pause(
        subscription=subscription,
        actor=actor,
        reason=given["reason"],
        expected=given["expected"],
        at=now(),
        **_pause_terms(given),
    )
    waits = done.subscription.pause_at
    return f"It pauses on {_day(done.subscription, waits)}." if waits else "It is paused."


def _is_ahead(subscription: Subscription, given: Given) -> bool:
    """Whether it is asked for a day to come; one that is over is gone back to."""
    today = local_date(now(), subscription.time_zone)
    return bool(given["when"] == "on_day" and given["on"] > today)


def _pause_terms(given: Given) -> dict[str, Any]:
    return {
        "at_period_end": given["when"] == "period_end",
        "since": given["on"] if given["when"] == "on_day" else None,
        "resume_on": given["resume_on"],
        "unused": UnusedTime(given["unused"]) if given["unused"] else None,
    }


def _show_resumption(subscription: Subscription, given: Given) -> Shown:
    day: date | None = given["on"]
    if day is not None:
        return Shown(
            heading=f"It goes on when {day:%-d %b %Y} begins", token=change_token(subscription)
        )
    seen = with_taxes(preview_resumption(subscription=subscription, at=now()))
    return Shown(
        heading=f"It goes on, billed from {_day(seen.subscription, seen.period.start)}",
        token=seen.token,
        amounts=(("Due now, with tax", seen.due_now),),
        draft=seen.draft,
    )


def _resume(subscription: Subscription, given: Given, actor: Actor) -> str:
    day: date | None = given["on"]
    terms: dict[str, Any] = {
        "subscription": subscription,
        "actor": actor,
        "reason": given["reason"],
        "expected": given["expected"],
        "at": now(),
    }
    if day is not None:
        resume_on_day(resume_on=day, **terms)
        return f"It goes on when {day:%-d %b %Y} begins."
    resume(**terms)
    return "It goes on."


def _show_trial(subscription: Subscription, given: Given) -> Shown:
    ensure_trialing(subscription)
    day: date | None = given["ends_on"]
    words = "The trial ends now, and the first period is billed"
    return Shown(
        heading=words if day is None else f"The trial ends when {day:%-d %b %Y} begins",
        token=change_token(subscription),
    )


def _end_trial(subscription: Subscription, given: Given, actor: Actor) -> str:
    day: date | None = given["ends_on"]
    terms = {"subscription": subscription, "actor": actor, "reason": given["reason"], "at": now()}
    if day is None:
        convert_trial_now(expected=given["expected"], **terms)
        return "The trial has ended; the subscription is active."
    move_trial_end(ends_on=day, **terms)
    return f"The trial ends when {day:%-d %b %Y} begins."


def _day(subscription: Subscription, instant: datetime) -> str:
    return f"{local_date(instant, subscription.time_zone):%-d %b %Y}"


def _found(reference: str) -> Subscription:
    rows = Subscription.objects.select_related("customer", "plan_version__plan")
    return get_object_or_404(rows, reference=reference)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)


CANCEL = Act(
    title="Cancel",
    text="What is owed until then is billed; unused time is given back as the policy says.",
    button="Cancel it",
    tone="danger-full",
    form=CancellationForm,
    show=_show_cancellation,
    do=_cancel,
)
PAUSE = Act(
    title="Pause",
    text="Until it goes on it is not in use and nothing is billed.",
    button="Pause it",
    tone="primary",
    form=PauseForm,
    show=_show_pause,
    do=_pause,
)
RESUME = Act(
    title="Resume",
    text="It goes on on its plan; the rest of the period is charged.",
    button="Resume it",
    tone="primary",
    form=ResumptionForm,
    show=_show_resumption,
    do=_resume,
)
TRIAL = Act(
    title="Change the trial",
    text="Make the trial longer or shorter, or end it now.",
    button="Change it",
    tone="primary",
    form=TrialForm,
    show=_show_trial,
    do=_end_trial,
)
