"""Which payments a list shows, and what is done about one."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator

from billing.forms.fields import DAY
from billing.models import CreditNote, OutcomeClaim, Payment
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.web.days import DayField

# Sums above the list of payments, each with the payments that it is made of.
TO_COME, REFUNDED, WITH_FEE = "to_come", "refunded", "with_fee"
CHARGED_BACK = "charged_back"


class PaymentFilter(forms.Form):
    """How a list of payments is narrowed: words, a state, a customer, days."""

    q = forms.CharField(required=False, label="Search", strip=True)
    state = forms.ChoiceField(
        required=False,
        choices=[
            ("", "All"),
            *Payment.State.choices,
            (TO_COME, "Still to come"),
            (REFUNDED, "Refunded"),
            (CHARGED_BACK, "Charged back"),
            (WITH_FEE, "With a fee"),
        ],
        widget=forms.HiddenInput,
    )
    customer = forms.IntegerField(required=False, widget=forms.HiddenInput)
    currency = forms.CharField(required=False, max_length=3, widget=forms.HiddenInput)
    start = DayField(required=False, label="From", widget=DAY)
    end = DayField(required=False, label="To", widget=DAY)

    def clean(self) -> dict[str, Any]:
        """Refuse days that are the wrong way round."""
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and start > end:
            raise ValidationError({"end": "The last day is before the first."})
        return cleaned


class RefundForm(forms.Form):
    """How much of a payment is given back, why, and for which credit note."""

    amount = forms.DecimalField(max_digits=19, decimal_places=4, min_value=Decimal("0.0001"))
    reason = forms.CharField(max_length=200)
    credit_note = forms.ModelChoiceField(
        CreditNote.objects.none(),
        required=False,
        empty_label="None: the invoice is owed again by as much",
        help_text="With one, what is given back is not owed any more.",
    )
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, given: Any = None, *, payment: Payment) -> None:
        """Offer all that is left; the key makes sending the form twice harmless."""
        left = payment.amount_refundable.amount
        super().__init__(given, initial={"amount": left, "key": str(uuid7())})
        self.fields["amount"].validators.append(MaxValueValidator(left))
        notes = CreditNote.objects.filter(invoice=payment.invoice_id)
        self.fields["credit_note"].queryset = notes  # type: ignore[attr-defined]


EXECUTED_WORDS = {
    "attempt": "The money was taken",
    "refund": "The money was given back",
    "capture": "The money was taken",
    "void": "The hold was let go",
}


class OutcomeClaimForm(forms.Form):
    """What a person knows of something whose outcome the gateway does not tell."""

    verdict = forms.ChoiceField(
        choices=OutcomeClaim.Verdict.choices, label="What became of it", widget=forms.RadioSelect
    )
    reference = forms.CharField(
        max_length=255,
        strip=True,
        required=False,
        label="The gateway's name for it",
        help_text="As its statement has it; only if it was executed.",
    )
    proof = forms.CharField(
        max_length=300, strip=True, help_text="What shows it: the gateway's statement and its day."
    )
    reason = forms.CharField(max_length=300, strip=True)

    def __init__(self, *args: Any, what: str = "attempt", **options: Any) -> None:
        super().__init__(*args, **options)
        choices = dict(OutcomeClaim.Verdict.choices) | {"executed": EXECUTED_WORDS[what]}
        self.fields["verdict"].choices = list(choices.items())  # type: ignore[attr-defined]
