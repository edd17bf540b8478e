"""Features, who has them, and exceptions."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from subscriptions.models import (
    Feature,
    Meter,
)
from subscriptions.services.features import OverrideTerms
from tiktoktoe.kernel.periods import local_midnight
from tiktoktoe.web.days import DayField


class FeatureForm(forms.Form):
    """A feature that plans can grant."""

    name = forms.CharField(max_length=200)
    code = forms.SlugField(max_length=64, help_text="What systems ask for, like sso")
    kind = forms.ChoiceField(
        choices=[
            ("boolean", "Had or not"),
            ("limit", "So many at once"),
            ("metered", "So much a period, by a meter"),
        ]
    )
    meter = forms.ModelChoiceField(
        Meter.objects.all(), required=False, help_text="Of a metered feature"
    )
    unit = forms.CharField(max_length=32, required=False, help_text="Of a limit, like project")
    description = forms.CharField(max_length=300, required=False)


class GrantForm(forms.Form):
    """A feature that a draft brings."""

    feature = forms.ModelChoiceField(Feature.objects.all())
    limit_units = forms.DecimalField(
        max_digits=24,
        decimal_places=6,
        min_value=0,
        required=False,
        label="Limit",
        help_text="Empty: without limit, or had or not",
    )
    is_per_unit = forms.BooleanField(
        required=False, label="For each unit of the subscription's quantity"
    )


class OverrideForm(forms.Form):
    """What a customer gets of a feature for a time."""

    feature = forms.ModelChoiceField(Feature.objects.all())
    is_granted = forms.ChoiceField(
        label="The customer",
        choices=[("yes", "gets it"), ("no", "does not get it")],
    )
    limit_units = forms.DecimalField(
        max_digits=24,
        decimal_places=6,
        min_value=0,
        required=False,
        label="Limit",
        help_text="Empty: without limit, or had or not",
    )
    last_day = DayField(
        required=False,
        label="Through",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text="The last day, in the customer's time zone; empty: until it is ended",
    )
    reason = forms.CharField(max_length=200, help_text="Who agreed to it, and why")

    def __init__(self, *args: Any, time_zone: str, **kwargs: Any) -> None:
        """Days are the customer's own."""
        self.time_zone = time_zone
        super().__init__(*args, **kwargs)

    def clean_last_day(self) -> date | None:
        """A day with a day after it."""
        day: date | None = self.cleaned_data["last_day"]
        if day is not None and not 2000 <= day.year <= 9000:
            raise ValidationError("Choose a day between 2000 and 9000.")
        return day

    def terms(self) -> OverrideTerms:
        """What was typed, for the service."""
        given = self.cleaned_data
        day = given["last_day"]
        return OverrideTerms(
            feature=given["feature"],
            is_granted=given["is_granted"] == "yes",
            limit_units=given["limit_units"],
            ends_at=local_midnight(day + timedelta(days=1), self.time_zone) if day else None,
            reason=given["reason"],
        )
