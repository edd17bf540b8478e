"""Which days a statement of account shows."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from billing.forms.fields import DAY
from subscriptions.models import Customer
from tiktoktoe.kernel.periods import local_midnight
from tiktoktoe.web.days import DayField


class StatementForm(forms.Form):
    """Which days of a customer's account, in which currency."""

    currency = forms.ChoiceField(required=False)
    start = DayField(required=False, label="From", widget=DAY)
    end = DayField(required=False, label="to", widget=DAY, help_text="The last day.")

    def __init__(self, given: Any = None, *, customer: Customer, currencies: list[str]) -> None:
        super().__init__(given)
        self.customer = customer
        choice = self.fields["currency"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(code, code) for code in currencies]
        choice.initial = customer.currency

    def clean(self) -> dict[str, Any]:
        """Refuse days that are the wrong way round."""
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and start > end:
            raise ValidationError({"end": "The last day is before the first."})
        return cleaned

    def span(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """The customer's days that were asked for, where they were not, those given here."""
        zone, asked = self.customer.time_zone, self.cleaned_data
        if asked["start"]:
            start = local_midnight(asked["start"], zone)
        if asked["end"]:
            end = local_midnight(asked["end"] + timedelta(days=1), zone)
        return min(start, end), end
