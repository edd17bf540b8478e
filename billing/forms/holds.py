"""What staff type about money that is held."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator

from billing.models import PaymentAttempt
from tiktoktoe.kernel.ids import uuid7


class CaptureForm(forms.Form):
    """How much of a hold is taken, and whether the rest is let go."""

    amount = forms.DecimalField(max_digits=19, decimal_places=4, min_value=Decimal("0.0001"))
    is_last = forms.BooleanField(
        required=False, initial=True, label="Let go of the rest", help_text="It is the last part."
    )
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, given: Any = None, *, attempt: PaymentAttempt) -> None:
        """Offer all that is left; the key makes sending the form twice harmless."""
        left = (attempt.amount_authorized - attempt.amount_captured).amount
        super().__init__(given, initial={"amount": left, "key": str(uuid7())}, auto_id="hold-%s")
        self.fields["amount"].validators.append(MaxValueValidator(left))
