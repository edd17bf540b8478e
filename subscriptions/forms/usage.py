"""Which usage a page shows, and where events come from."""

from datetime import date, timedelta
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from subscriptions.models import (
    Customer,
    Meter,
)
from tiktoktoe.web.days import DayField


class UsageFilter(forms.Form):
    """Which usage to show: a meter, days from the first to the last, one customer or all."""

    meter = forms.ModelChoiceField(Meter.objects.all(), to_field_name="code", empty_label=None)
    start = DayField(label="From", widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    end = DayField(label="To", widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    customer = forms.ModelChoiceField(
        Customer.objects.all(), required=False, widget=forms.HiddenInput
    )

    DAYS_SHOWN: ClassVar[int] = 30
    DAYS_MAX: ClassVar[int] = 400

    def __init__(self, given: Any, *, today: date) -> None:
        """Fill in the first meter and the last 30 days where nothing was asked for."""
        first = Meter.objects.first()
        asked = {name: value for name, value in given.items() if value}
        end = asked.get("end", today.isoformat())
        defaults = {"meter": first.code if first else "", "end": end}
        super().__init__({**defaults, "start": self._month_before(end, today), **asked})

    def clean(self) -> dict[str, Any]:
        """Refuse days that are the wrong way round, or too many for a chart."""
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end:
            if start > end:
                raise ValidationError({"end": "The last day is before the first."})
            if (end - start).days >= self.DAYS_MAX:
                raise ValidationError({"start": f"Choose at most {self.DAYS_MAX} days."})
        return cleaned

    def _month_before(self, end: str, today: date) -> str:
        try:
            last = date.fromisoformat(end)
            return (last - timedelta(days=self.DAYS_SHOWN - 1)).isoformat()
        except (ValueError, OverflowError):
            return today.isoformat()


class EventSourceForm(forms.Form):
    """A system that may send usage."""

    name = forms.CharField(max_length=100, help_text="What it is called, like gateway")
