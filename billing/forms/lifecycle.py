"""What staff change about a subscription."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from billing.forms.fields import DAY
from subscriptions.domain.proration_policy import Timing, UnusedTime
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.policies import ChangeOverride
from tiktoktoe.web.days import DayField

UNUSED_CHOICES = [
    ("", "As the policy says"),
    ("credit", "Credit it"),
    ("refund", "Refund what was paid, credit the rest"),
    ("skip", "Keep it"),
]


class ReasonForm(forms.Form):
    """Why; kept with what was done."""

    reason = forms.CharField(max_length=200, required=False, strip=True)


class CancellationForm(ReasonForm):
    """When a subscription ends, and what becomes of time that was billed in advance."""

    when = forms.ChoiceField(
        choices=[
            ("period_end", "At the end of the period"),
            ("now", "Now"),
            ("on_day", "On a day"),
        ]
    )
    on = DayField(
        required=False,
        label="Last day",
        widget=DAY,
        help_text="Of an end on a day; one that is over ends it as of that day.",
    )
    unused = forms.ChoiceField(required=False, choices=UNUSED_CHOICES, label="Unused time")
    field_order = ["when", "on", "unused", "reason"]

    def clean(self) -> dict[str, Any]:
        """A day is needed for that choice only."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("when") == "on_day" and not cleaned.get("on"):
            raise ValidationError({"on": "Choose the day."})
        return cleaned


class PauseForm(ReasonForm):
    """From when a subscription is paused, and until when."""

    when = forms.ChoiceField(
        choices=[
            ("now", "Now"),
            ("period_end", "At the end of the period"),
            ("on_day", "From a day on"),
        ]
    )
    on = DayField(required=False, label="From", widget=DAY, help_text="Of a pause from a day on.")
    resume_on = DayField(
        required=False,
        label="Until",
        widget=DAY,
        help_text="It goes on by itself when this day begins; empty: until somebody resumes it.",
    )
    unused = forms.ChoiceField(required=False, choices=UNUSED_CHOICES, label="Unused time")
    field_order = ["when", "on", "resume_on", "unused", "reason"]

    def clean(self) -> dict[str, Any]:
        """A day is needed for that choice only."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("when") == "on_day" and not cleaned.get("on"):
            raise ValidationError({"on": "Choose the day."})
        return cleaned


class ResumptionForm(ReasonForm):
    """From when what is paused goes on."""

    on = DayField(
        required=False,
        label="On",
        widget=DAY,
        help_text="It goes on by itself when this day begins; empty: now.",
    )
    field_order = ["on", "reason"]


class TrialForm(ReasonForm):
    """When a trial ends."""

    ends_on = DayField(
        required=False,
        label="Ends when this day begins",
        widget=DAY,
        help_text="Empty: now. The first period is billed from then on.",
    )
    field_order = ["ends_on", "reason"]


class PlanChangeForm(forms.Form):
    """Which plan and how many."""

    plan_version = forms.ModelChoiceField(PlanVersion.objects.none(), label="Plan")
    quantity = forms.IntegerField(min_value=1, max_value=1_000_000)

    def __init__(self, given: Any = None, *, subscription: Subscription) -> None:
        """Offer what is on sale in the subscription's currency, the newest of each plan."""
        current = subscription.plan_version
        super().__init__(
            given, initial={"plan_version": current.pk, "quantity": subscription.quantity}
        )
        on_sale = PlanVersion.objects.published().filter(
            currency=subscription.currency, plan__is_add_on=False
        )
        newest = on_sale.order_by("plan_id", "-number").distinct("plan_id").values("pk")
        offered = PlanVersion.objects.filter(pk__in=newest) | PlanVersion.objects.filter(
            pk=current.pk
        )
        field = self.fields["plan_version"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = offered.select_related("plan").order_by("plan__rank", "plan__name")


class PolicyOverrideForm(forms.Form):
    """What one change departs from the policy in; what is empty stays as it says."""

    timing = forms.ChoiceField(
        required=False,
        label="Takes effect",
        choices=[
            ("", "As the policy says"),
            (str(Timing.IMMEDIATE), "At once"),
            (str(Timing.PERIOD_END), "With the next period"),
        ],
    )
    prorates = forms.TypedChoiceField(
        required=False,
        label="The rest of the period",
        choices=[
            ("", "As the policy says"),
            ("yes", "Is charged and given back by its share"),
            ("no", "Is neither charged nor given back"),
        ],
        coerce=lambda choice: choice == "yes",
        empty_value=None,
    )
    unused = forms.ChoiceField(required=False, choices=UNUSED_CHOICES, label="Unused time")
    on = DayField(
        required=False,
        label="On",
        widget=DAY,
        help_text="When this day begins; one that is over: billed now as of that day. "
        "Empty: today, or as the policy says.",
    )
    reason = forms.CharField(max_length=200, required=False, strip=True)

    def clean(self) -> dict[str, Any]:
        """A day says when already."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("on") and cleaned.get("timing"):
            raise ValidationError({"timing": "The day says when; leave this as the policy says."})
        return cleaned

    def is_ahead(self, today: date) -> bool:
        """Whether it is asked for a day to come."""
        on: date | None = self.cleaned_data["on"]
        return on is not None and on > today

    def override(self) -> ChangeOverride:
        """What is decided for this change only."""
        given = self.cleaned_data
        return ChangeOverride(
            timing=Timing(given["timing"]) if given["timing"] else None,
            prorates=given["prorates"],
            unused_time=UnusedTime(given["unused"]) if given["unused"] else None,
        )


class StaffPlanChangeForm(PlanChangeForm, PolicyOverrideForm):
    """Which plan and how many, from which day on, and by which terms."""

    field_order = ["plan_version", "quantity", "on", "timing", "prorates", "unused", "reason"]
