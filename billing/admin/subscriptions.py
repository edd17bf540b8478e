"""Subscriptions and their changes; read-only but for a start."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from billing.models import DatedChange, PlanChange, PlannedStart
from billing.services.changes.subscribing import start_subscription
from subscriptions.models import (
    Subscription,
    SubscriptionPhase,
    SubscriptionTransition,
)
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.admin import ReadOnlyAdmin, ReadOnlyInline


@admin.register(PlanChange)
class PlanChangeAdmin(ReadOnlyAdmin[PlanChange]):
    """Changes of plan, done and scheduled."""

    list_display = ["subscription", "plan_version", "quantity", "state", "effective_at"]
    list_filter = ["state"]
    search_fields = ["subscription__reference", "subscription__customer__name"]
    list_select_related = ["subscription", "plan_version__plan"]


@admin.register(DatedChange)
class DatedChangeAdmin(ReadOnlyAdmin[DatedChange]):
    """Changes and pauses that were asked for a day, and what became of them."""

    list_display = ["subscription", "kind", "on", "plan_version", "quantity", "state", "why"]
    list_filter = ["state", "kind"]
    search_fields = ["subscription__reference", "subscription__customer__name"]
    list_select_related = ["subscription", "plan_version__plan"]


@admin.register(PlannedStart)
class PlannedStartAdmin(ReadOnlyAdmin[PlannedStart]):
    """Subscriptions that were asked for a day to come, and what became of them."""

    list_display = ["reference", "customer", "on", "plan_version", "quantity", "state", "why"]
    list_filter = ["state"]
    search_fields = ["reference", "customer__name"]
    list_select_related = ["customer", "plan_version__plan"]


class PhaseInline(ReadOnlyInline[SubscriptionPhase, Subscription]):
    """On which prices it was, and when."""

    model = SubscriptionPhase
    fields = ["plan_version", "quantity", "starts_at", "ends_at"]


class TransitionInline(ReadOnlyInline[SubscriptionTransition, Subscription]):
    """Everything that happened to it."""

    model = SubscriptionTransition
    fields = ["effective_at", "event", "from_state", "to_state", "source", "actor", "reason"]


class StartForm(forms.ModelForm[Subscription]):
    """Who is put on which plan."""

    class Meta:
        model = Subscription
        fields = ["customer", "plan_version", "quantity"]


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin[Subscription]):
    """Subscriptions: started here, as on the finance pages, with their first bill.

    It stands in billing because starting one makes an invoice. Later changes have pages.
    """

    list_display = ["reference", "customer", "plan_version", "quantity", "state", "next_billing_at"]
    list_filter = ["state", "plan_version__plan", "currency"]
    search_fields = ["reference", "customer__name", "customer__email", "customer__external_id"]
    list_select_related = ["customer", "plan_version__plan"]
    inlines = [PhaseInline, TransitionInline]
    # Not autocomplete: its box has no name that a screen reader could say.
    raw_id_fields = ["customer"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """By role; read-only admins allow it to nobody."""
        return admin.ModelAdmin.has_add_permission(self, request)

    form = StartForm

    def get_fields(self, request: HttpRequest, obj: Subscription | None = None) -> Any:
        """The form's fields when one is started, else everything there is to read."""
        return StartForm.Meta.fields if obj is None else [f.name for f in obj._meta.fields]

    def get_inlines(self, request: HttpRequest, obj: Subscription | None) -> Any:
        """History, once there is some."""
        return self.inlines if obj is not None else []

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Start a subscription; a refusal is said, and nothing is kept."""
        try:
            return super().add_view(request, *args, **kwargs)
        except (Conflict, InvalidInput) as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(
        self,
        request: HttpRequest,
        obj: Subscription,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's
    ) -> None:
        """Start it by the service that bills its first fee."""
        assert isinstance(request.user, User)
        started = start_subscription(
            customer=obj.customer,
            plan_version=obj.plan_version,
            quantity=obj.quantity,
            actor=Actor(source="admin", user=request.user),
            at=now(),
        )
        obj.__dict__.update(started.subscription.__dict__)
