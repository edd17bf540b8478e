"""Staff pages of features: the list, what drafts grant, and what customers get besides."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from subscriptions.errors import FeatureInvalid, OverrideOverlaps, PlanVersionPublished
from subscriptions.forms.features import FeatureForm, GrantForm, OverrideForm
from subscriptions.models import Customer, Feature, FeatureGrant, FeatureOverride, PlanVersion
from subscriptions.queries.entitlements import entitlements
from subscriptions.services.features import (
    GrantTerms,
    create_feature,
    end_override,
    grant_features,
    override_feature,
    revoke_grant,
)
from subscriptions.views.subscriptions import staff_actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires


def may_change(request: HttpRequest) -> bool:
    """Whether the viewer may change what the page shows."""
    return isinstance(request.user, User) and request.user.may(Permission.CHANGE_BILLING)


@require_http_methods(["GET", "POST"])
@requires(Permission.VIEW_BILLING)
def feature_list(request: HttpRequest) -> HttpResponse:
    """Every feature, and a form for another."""
    form = FeatureForm(request.POST or None)
    if request.method == "POST":
        if not may_change(request):
            return HttpResponse(status=403)
        if form.is_valid():
            try:
                feature = create_feature(**form.cleaned_data, at=now())
            except FeatureInvalid as refusal:
                form.add_error(refusal.field or None, refusal.message)
            else:
                messages.success(request, f"{feature.name} can be granted by drafts of plans now.")
                return redirect("feature_list")
    context = {"features": Feature.objects.select_related("meter"), "form": form}
    return render(request, "subscriptions/feature_list.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def grant_edit(request: HttpRequest, version_id: int) -> HttpResponse:
    """What a draft of a plan brings: add a feature, or change its limit."""
    version = get_object_or_404(PlanVersion.objects.select_related("plan"), pk=version_id)
    form = GrantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            grant_features(version=version, grants=[GrantTerms(**form.cleaned_data)])
        except FeatureInvalid as refusal:
            form.add_error(refusal.field or None, refusal.message)
        except PlanVersionPublished as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{version} brings {form.cleaned_data['feature']}.")
            return redirect("grant_edit", version.pk)
    context = {
        "version": version,
        "grants": version.grants.select_related("feature__meter"),
        "form": form,
    }
    return render(request, "subscriptions/grant_form.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def grant_removal(request: HttpRequest, grant_id: int) -> HttpResponse:
    """Take a feature out of a draft."""
    grant = get_object_or_404(
        FeatureGrant.objects.select_related("plan_version", "feature"), pk=grant_id
    )
    try:
        revoke_grant(version=grant.plan_version, feature=grant.feature)
    except PlanVersionPublished as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{grant.plan_version} no longer brings {grant.feature}.")
    return redirect("grant_edit", grant.plan_version_id)


@require_http_methods(["GET", "POST"])
@requires(Permission.VIEW_BILLING)
def customer_features(request: HttpRequest, customer_id: int) -> HttpResponse:
    """What a customer may use now, every override with its reason, and a form for another."""
    customer = get_object_or_404(Customer, pk=customer_id)
    form = OverrideForm(request.POST or None, time_zone=customer.time_zone)
    if request.method == "POST":
        if not may_change(request):
            return HttpResponse(status=403)
        if form.is_valid():
            try:
                override_feature(
                    customer=customer, terms=form.terms(), actor=staff_actor(request), at=now()
                )
            except FeatureInvalid as refusal:
                known = refusal.field if refusal.field in form.fields else None
                form.add_error(known, refusal.message)
            except OverrideOverlaps as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, "It holds from now on.")
                return redirect("customer_features", customer.pk)
    at = now()
    context = {
        "customer": customer,
        "entitlements": entitlements(customer.pk, at=at),
        "overrides": [
            (override, override.ends_at is None or override.ends_at > at)
            for override in customer.feature_overrides.select_related("feature", "actor")
        ],
        "form": form,
    }
    return render(request, "subscriptions/customer_features.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def override_end(request: HttpRequest, override_id: int) -> HttpResponse:
    """Let the customer's plans decide again."""
    override = get_object_or_404(FeatureOverride.objects.select_related("feature"), pk=override_id)
    end_override(override=override, at=now())
    messages.success(request, f"The plans decide about {override.feature} again.")
    return redirect("customer_features", override.customer_id)
