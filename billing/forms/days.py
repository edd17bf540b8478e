"""The day from which something that a customer asks for is to count."""

from datetime import date

from django import forms
from django.core.exceptions import ValidationError

from billing.forms.fields import DAY
from tiktoktoe.web.days import DayField


class DayToComeForm(forms.Form):
    """From which day on, if not from today; `today` is the subscription's."""

    today: date
    on = DayField(
        required=False,
        label="On a later day",
        widget=DAY,
        help_text="Left empty, today, or as your plan says.",
    )

    def clean_on(self) -> date | None:
        """Customers go back to no day."""
        on: date | None = self.cleaned_data["on"]
        if on is not None and on <= self.today:
            raise ValidationError("Choose a day that is to come, or leave it empty.")
        return on

    def is_ahead(self) -> bool:
        """Whether it is asked for a day to come."""
        return self.cleaned_data["on"] is not None
