"""Which invoices a list shows."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from billing.forms.fields import DAY
from billing.models import Invoice
from tiktoktoe.web.days import DayField

OVERDUE = "overdue"


OWED = "owed"


class InvoiceFilter(forms.Form):
    """How a list of invoices is narrowed: words, a state, days of issue."""

    q = forms.CharField(required=False, label="Search", strip=True)
    state = forms.ChoiceField(
        required=False,
        choices=[("", "All"), *Invoice.State.choices, (OVERDUE, "Overdue"), (OWED, "Owed")],
        widget=forms.HiddenInput,
    )
    customer = forms.IntegerField(required=False, widget=forms.HiddenInput)
    run = forms.IntegerField(required=False, widget=forms.HiddenInput)
    currency = forms.CharField(required=False, max_length=3, widget=forms.HiddenInput)
    start = DayField(required=False, label="Issued from", widget=DAY)
    end = DayField(required=False, label="To", widget=DAY)

    def clean(self) -> dict[str, Any]:
        """Refuse days that are the wrong way round."""
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and start > end:
            raise ValidationError({"end": "The last day is before the first."})
        return cleaned
