"""Credit notes and the credit balance."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, currency_of


class CreditNoteForm(forms.Form):
    """How much of an invoice is taken back, and why."""

    amount = forms.DecimalField(
        max_digits=19,
        decimal_places=4,
        min_value=Decimal("0.0001"),
        help_text="Tax included; it is spread over the lines.",
    )
    to_balance = forms.DecimalField(
        required=False,
        max_digits=19,
        decimal_places=4,
        min_value=0,
        label="Of it, to the credit balance",
        help_text="Pays open and later invoices by itself.",
    )
    to_refund = forms.DecimalField(
        required=False,
        max_digits=19,
        decimal_places=4,
        min_value=0,
        label="Of it, refunded",
        help_text="Both left empty: off the invoice first, then back the way it was paid.",
    )
    reason = forms.CharField(max_length=200, help_text="Printed on the credit note.")
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, given: Any = None, *, creditable: Decimal) -> None:
        """Offer all that is left; the key makes sending the form twice harmless."""
        super().__init__(given, initial={"amount": creditable, "key": str(uuid7())})
        self.fields["amount"].max_value = creditable  # type: ignore[attr-defined]


class CreditForm(forms.Form):
    """How much credit a customer is given, or loses, and why."""

    amount = forms.DecimalField(
        max_digits=19,
        decimal_places=4,
        min_value=Decimal("0.0001"),
    )
    currency = forms.CharField(min_length=3, max_length=3)
    direction = forms.ChoiceField(
        choices=[("grant", "Grant it"), ("withdraw", "Take unused credit back")], initial="grant"
    )
    reason = forms.CharField(max_length=200)
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, given: Any = None, *, currency: str) -> None:
        """In the customer's currency at first; the key makes sending it twice harmless."""
        super().__init__(given, initial={"currency": currency, "key": str(uuid7())})

    def clean_currency(self) -> str:
        """A currency that exists."""
        try:
            return currency_of(str(self.cleaned_data["currency"]).upper()).code
        except InvalidInput as refusal:
            raise ValidationError(refusal.message) from None

    def money(self) -> Money:
        """What was typed."""
        return Money(self.cleaned_data["amount"], self.cleaned_data["currency"])
