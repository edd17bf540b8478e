"""Which add-on a subscription is to have, and how many."""

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import OuterRef, Q, QuerySet, Subquery

from billing.forms.days import DayToComeForm
from billing.forms.lifecycle import PolicyOverrideForm
from subscriptions.models import Plan, PlanVersion, Subscription
from tiktoktoe.kernel.periods import local_date


def offered_add_ons(subscription: Subscription, at: datetime) -> QuerySet[PlanVersion]:
    """The newest version on sale of every add-on that can be billed with a subscription."""
    return add_ons_beside(subscription.plan_version.plan, subscription.currency, at)


def add_ons_beside(plan: Plan, currency: str, at: datetime) -> QuerySet[PlanVersion]:
    """The newest version on sale of every add-on that can be billed with a plan."""
    newest = (
        PlanVersion.objects.published()
        .filter(plan=OuterRef("plan"), currency=currency, effective_from__lte=at)
        .order_by("-number")
        .values("pk")[:1]
    )
    fits = Q(plan__interval=plan.interval, plan__interval_count=plan.interval_count)
    only_once = ~Q(prices__kind__in=["recurring", "usage"])
    rows = PlanVersion.objects.filter(
        Q(pk__in=PlanVersion.objects.filter(fits | only_once)),
        pk=Subquery(newest),
        plan__is_add_on=True,
    )
    return rows.select_related("plan").order_by("plan__rank", "plan__name")


class AddOnChoice(forms.ModelChoiceField[PlanVersion]):
    """Add-ons by their names."""

    def label_from_instance(self, obj: PlanVersion) -> str:
        """The add-on's name."""
        return obj.plan.name


class AddOnForm(forms.Form):
    """Which add-on, and how many; none takes it off."""

    plan_version = AddOnChoice(PlanVersion.objects.none(), label="Add-on", empty_label=None)
    quantity = forms.IntegerField(
        min_value=0, max_value=1_000_000, initial=1, help_text="0 takes it off."
    )

    def __init__(
        self,
        given: Any = None,
        *,
        subscription: Subscription,
        at: datetime,
        only_public: bool = False,
    ) -> None:
        """Offer what is on sale, and what it has; `only_public`: of what customers are offered."""
        self.subscription = subscription
        super().__init__(given)
        offered = offered_add_ons(subscription, at)
        if only_public:
            offered = offered.filter(plan__is_public=True)
        held = subscription.add_ons.at(at).exclude(plan__in=offered.values("plan"))
        field = self.fields["plan_version"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = PlanVersion.objects.filter(
            Q(pk__in=offered.values("pk")) | Q(pk__in=held.values("plan_version"))
        ).select_related("plan")


class StaffAddOnForm(AddOnForm, PolicyOverrideForm):
    """Which add-on and how many, from which day on, and by which terms."""

    field_order = ["plan_version", "quantity", "on", "timing", "prorates", "unused", "reason"]


class PortalAddOnForm(AddOnForm, DayToComeForm):
    """Which add-on of those that customers are offered, how many, and from which day on."""

    field_order = ["plan_version", "quantity", "on"]

    def __init__(self, given: Any = None, *, subscription: Subscription, at: datetime) -> None:
        """Days are the subscription's."""
        super().__init__(given, subscription=subscription, at=at, only_public=True)
        self.today = local_date(at, subscription.time_zone)
