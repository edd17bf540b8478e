"""How a customer is to be invoiced."""

from typing import Any

from django import forms

from billing.models import InvoicingTerms
from subscriptions.models import Customer


class InvoicingForm(forms.Form):
    """In which currencies all subscriptions come on one invoice, and how long drafts are held."""

    together = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="One invoice for all subscriptions in",
        help_text="Those whose periods end at the same instant; one number, one payment.",
    )

    review_days = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=60,
        label="Days that drafts are held for review",
        help_text="Empty: as the company's setting says.",
    )

    def __init__(self, given: Any = None, *, customer: Customer) -> None:
        """Offer the customer's currencies."""
        known = InvoicingTerms.objects.filter(customer=customer)
        self._now = dict(known.values_list("currency", "is_consolidated"))
        used = set(customer.subscriptions.values_list("currency", flat=True))
        currencies = sorted({customer.currency, *used, *self._now})
        chosen = [currency for currency, is_on in self._now.items() if is_on]
        days = known.order_by("currency").values_list("review_days", flat=True).first()
        super().__init__(given, initial={"together": chosen, "review_days": days})
        field = self.fields["together"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(currency, currency) for currency in currencies]
        self._currencies = currencies

    def terms(self) -> list[tuple[str, bool]]:
        """What each currency is to be."""
        return [(code, code in self.cleaned_data["together"]) for code in self._currencies]
