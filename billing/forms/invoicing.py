"""How a customer is to be invoiced."""

from typing import Any

from django import forms

from billing.models import InvoicingTerms
from subscriptions.models import Customer


class InvoicingForm(forms.Form):
    """In which currencies all subscriptions come on one invoice."""

    together = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="One invoice for all subscriptions in",
        help_text="Those whose periods end at the same instant; one number, one payment.",
    )

    def __init__(self, given: Any = None, *, customer: Customer) -> None:
        """Offer the customer's currencies."""
        known = InvoicingTerms.objects.filter(customer=customer)
        self._now = dict(known.values_list("currency", "is_consolidated"))
        used = set(customer.subscriptions.values_list("currency", flat=True))
        currencies = sorted({customer.currency, *used, *self._now})
        chosen = [currency for currency, is_on in self._now.items() if is_on]
        super().__init__(given, initial={"together": chosen})
        field = self.fields["together"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(currency, currency) for currency in currencies]
        self._currencies = currencies

    def changes(self) -> list[tuple[str, bool]]:
        """Which currencies are to be otherwise than they are."""
        wanted = {code: code in self.cleaned_data["together"] for code in self._currencies}
        return [pair for pair in wanted.items() if pair[1] != self._now.get(pair[0], False)]
