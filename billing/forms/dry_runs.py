"""By when a dry run looks."""

from datetime import datetime

from django import forms

from billing.forms.fields import DAY
from tiktoktoe.web.days import DayField, day_end


class DryRunForm(forms.Form):
    """Now, or the end of a coming day."""

    day = DayField(
        required=False,
        label="By the end of",
        widget=DAY,
        help_text="Left empty: what is due now. Of a coming day, with the usage that has come "
        "until now.",
    )

    def by(self, at: datetime) -> datetime:
        """The instant by which it looks."""
        day = self.cleaned_data["day"]
        return day_end(day) if day is not None else at
