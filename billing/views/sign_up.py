"""Somebody signs up, or subscribes once more: chosen and added up first, then done.

While something is chosen the page asks itself, by the same address, what it comes to.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from billing.errors import CouponInvalid
from billing.forms.signing_up import AnotherForm, ChoiceForm, EstimateForm, SignUpForm
from billing.services.changes.offers import interval_key, shelf
from billing.services.changes.start_previews import StartPreview, preview_sign_up, preview_start
from billing.services.changes.subscribing import sign_up as take_in
from billing.services.changes.subscribing import start_subscription
from billing.services.invoices.tax_previews import with_taxes
from billing.views.portal_access import acting_customers, portal_actor
from subscriptions.models import Customer
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.accounts.throttling import SIGN_UP, TooManyTries, take_try
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import public
from tiktoktoe.web.limits import client_address, too_many_tries
from tiktoktoe.web.middleware import ZONE_COOKIE

REFUSALS = (Conflict, InvalidInput)


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@public
def sign_up(request: HttpRequest) -> HttpResponse:
    """Choose a plan, how often it is paid, and add-ons; become a customer, or have one more."""
    at = now()
    if isinstance(request.user, User):
        customers = acting_customers(request) if request.user.may(Permission.USE_PORTAL) else []
        return _another(request, customers, at) if customers else redirect("home")
    if request.method == "POST" and "only_total" not in request.POST:
        try:
            take_try(SIGN_UP, who=client_address(request), at=at)
        except TooManyTries as refusal:
            return too_many_tries(request, refusal)
        form = SignUpForm(request.POST, at=at)
        if form.is_valid() and _done(form, lambda: _take_in(request, form, at)):
            return redirect("portal_home")
        return _page(request, form, at)
    given = {"country": "DE", "time_zone": request.COOKIES.get(ZONE_COOKIE, "UTC")}
    return _page(request, SignUpForm(at=at, initial={**given, **_typed(request, at)}), at)


def _another(request: HttpRequest, customers: list[Customer], at: datetime) -> HttpResponse:
    """One more subscription of somebody who is known."""
    if request.method == "POST" and "only_total" not in request.POST:
        form = AnotherForm(request.POST, at=at, customers=customers)
        if form.is_valid() and _done(form, lambda: _start(request, form, at)):
            return redirect("portal_home")
        return _page(request, form, at)
    form = AnotherForm(at=at, customers=customers, initial=_typed(request, at))
    return _page(request, form, at)


def _take_in(request: HttpRequest, form: SignUpForm, at: datetime) -> None:
    given = form.cleaned_data
    made = take_in(
        details=form.details(),
        password=given["password"],
        plan_version=given["plan_version"],
        quantity=given["quantity"],
        coupon_code=given["coupon_code"],
        add_ons=form.wanted_add_ons(),
        at=at,
    )
    login(request, made.user)
    messages.success(request, "Welcome. Store a card, or pay the first invoice below.")


def _start(request: HttpRequest, form: AnotherForm, at: datetime) -> None:
    given = form.cleaned_data
    start_subscription(
        customer=given["customer"],
        plan_version=given["plan_version"],
        quantity=given["quantity"],
        coupon_code=given["coupon_code"],
        add_ons=form.wanted_add_ons(),
        reference=given["reference"],
        actor=portal_actor(request),
        at=at,
    )
    messages.success(request, f"You have {given['plan_version'].plan.name} now.")


def _done(form: ChoiceForm, act: Callable[[], None]) -> bool:
    """Do it; what is refused is said on the form."""
    try:
        act()
    except CouponInvalid as refusal:
        form.add_error("coupon_code", refusal.message)
    except REFUSALS as refusal:
        form.add_error(None, str(refusal))
    else:
        return True
    return False


def _typed(request: HttpRequest, at: datetime) -> dict[str, Any]:
    """What was chosen before, in the address or on the page, in the interval that is wanted."""
    source = request.POST if request.method == "POST" else request.GET
    given: dict[str, Any] = source.dict()
    if given.get("billed"):
        known = ChoiceForm(at=at, initial=given)
        if known.chosen is not None:
            goods = shelf(known.versions, quantity=1, key=given["billed"])
            given["plan_version"] = goods.instead_of(known.chosen).pk
    return given


def _page(request: HttpRequest, form: ChoiceForm, at: datetime) -> HttpResponse:
    source = request.POST if request.method == "POST" else request.GET
    billed = source.get("billed", "")
    if not billed and form.chosen is not None:
        billed = interval_key(form.chosen.plan)
    count = str(form["quantity"].value() or "")
    quantity = int(count) if count.isascii() and count.isdigit() and len(count) < 6 else 1
    estimate, refusal = _estimate(form, at) if form.chosen else (None, "")
    is_partial = request.headers.get("HX-Request") == "true"
    context = {
        "form": form,
        "shelf": shelf(form.versions, quantity=max(quantity, 1), key=billed),
        "estimate": estimate,
        "refusal": refusal,
        "kept": form.kept(),
        "is_partial": is_partial,
        "is_other_plan": source.get("changed") == "plan",
    }
    template = "billing/_sign_up_plans.html" if is_partial else "billing/sign_up.html"
    return render(request, template, context)


def _estimate(form: ChoiceForm, at: datetime) -> tuple[StartPreview | None, str]:
    """What the choice comes to, or why it cannot be had."""
    given = {name: form[name].value() for name in form.fields if name != "password"}
    assert form.chosen is not None
    asked = EstimateForm({**given, "plan_version": form.chosen.pk}, at=at)
    if not asked.is_valid():
        return None, ""
    wanted = {
        "plan_version": asked.cleaned_data["plan_version"],
        "quantity": asked.cleaned_data["quantity"],
        "add_ons": asked.wanted_add_ons(),
        "coupon_code": asked.cleaned_data["coupon_code"],
        "at": at,
    }
    try:
        if isinstance(form, AnotherForm):
            return with_taxes(preview_start(customer=_buyer(form), **wanted)), ""
        return with_taxes(preview_sign_up(details=asked.details(), **wanted)), ""
    except REFUSALS as refusal:
        return None, str(refusal)


def _buyer(form: AnotherForm) -> Customer:
    """Whom it is for: the one chosen, else the first."""
    chosen = str(form["customer"].value() or "")
    return next((one for one in form.customers if str(one.pk) == chosen), form.customers[0])
