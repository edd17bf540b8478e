"""What staff type about drafts."""

from django import forms

from billing.forms.one_off import ChargeLineForm
from billing.services.invoices.one_off import ChargeLine


class ReasonForm(forms.Form):
    """Why something is done."""

    reason = forms.CharField(max_length=200)


class DraftLineForm(ChargeLineForm):
    """A line more on a draft, and why."""

    reason = forms.CharField(max_length=200)

    def line(self) -> ChargeLine:
        """What was typed."""
        typed = {name: v for name, v in self.cleaned_data.items() if name != "reason"}
        return ChargeLine(**typed)
