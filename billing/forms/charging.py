"""What staff type when they charge a payment now."""

from decimal import Decimal

from django import forms

from billing.domain.scoring import Objectives


def _weight(label: str, help_text: str = "") -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        help_text=help_text,
        max_digits=6,
        decimal_places=2,
        min_value=Decimal(0),
        required=False,
    )


class ChargeForm(forms.Form):
    """What matters for this payment; where nothing is typed the policy's weights count."""

    fees = _weight("Fees weigh", "1 is what they really cost")
    speed = _weight("Speed weighs")
    security = _weight("Security weighs")

    def objectives(self) -> Objectives | None:
        """What was typed, the others at cost; None if nothing was."""
        given = {name: value for name, value in self.cleaned_data.items() if value is not None}
        return Objectives(**given) if given else None
