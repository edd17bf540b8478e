"""How staff let invoices be numbered from a day on."""

from datetime import datetime

from django import forms

from billing.models import NumberingRule
from billing.services.invoices.numbering import PREFIX_PLACES
from tiktoktoe.kernel.periods import local_midnight

DAY = forms.DateInput({"type": "date"}, format="%Y-%m-%d")


class NumberingForm(forms.Form):
    """What a number is made of, behind which prefix, from when on."""

    mode = forms.ChoiceField(choices=NumberingRule.Mode.choices, widget=forms.RadioSelect)
    prefix = forms.CharField(  # type: ignore[assignment]
        required=False,
        max_length=PREFIX_PLACES,
        help_text="Empty: behind the one that counts by then.",
    )
    from_on = forms.DateField(
        required=False, widget=DAY, label="From", help_text="In UTC; empty: from now on."
    )

    def effective_from(self) -> datetime | None:
        """The midnight of the day, if one was given."""
        day = self.cleaned_data["from_on"]
        return local_midnight(day, "UTC") if day else None
