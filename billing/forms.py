"""What staff type about invoices."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from billing.models import Invoice
from subscriptions.models import PlanVersion, Subscription
from tiktoktoe.kernel.ids import uuid7

OVERDUE = "overdue"
DAY = forms.DateInput({"type": "date"}, format="%Y-%m-%d")


class InvoiceFilter(forms.Form):
    """How a list of invoices is narrowed: words, a state, days of issue."""

    q = forms.CharField(required=False, label="Search", strip=True)
    state = forms.ChoiceField(
        required=False,
        choices=[("", "All"), *Invoice.State.choices, (OVERDUE, "Overdue")],
        widget=forms.HiddenInput,
    )
    start = forms.DateField(required=False, label="Issued from", widget=DAY)
    end = forms.DateField(required=False, label="to", widget=DAY)

    def clean(self) -> dict[str, Any]:
        """Refuse days that are the wrong way round."""
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and start > end:
            raise ValidationError({"end": "The last day is before the first."})
        return cleaned


class CreditNoteForm(forms.Form):
    """How much of an invoice is taken back, and why."""

    amount = forms.DecimalField(
        max_digits=19,
        decimal_places=4,
        min_value=Decimal("0.0001"),
        help_text="Tax included; it is spread over the lines.",
    )
    reason = forms.CharField(max_length=200, help_text="Printed on the credit note.")
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, given: Any = None, *, creditable: Decimal) -> None:
        """Offer all that is left; the key makes sending the form twice harmless."""
        super().__init__(given, initial={"amount": creditable, "key": str(uuid7())})
        self.fields["amount"].max_value = creditable  # type: ignore[attr-defined]


class PlanChangeForm(forms.Form):
    """Which plan and how many."""

    plan_version = forms.ModelChoiceField(PlanVersion.objects.none(), label="Plan")
    quantity = forms.IntegerField(min_value=1, max_value=1_000_000)

    def __init__(self, given: Any = None, *, subscription: Subscription) -> None:
        """Offer what is on sale in the subscription's currency, the newest of each plan."""
        current = subscription.plan_version
        super().__init__(
            given, initial={"plan_version": current.pk, "quantity": subscription.quantity}
        )
        on_sale = PlanVersion.objects.published().filter(currency=subscription.currency)
        newest = on_sale.order_by("plan_id", "-number").distinct("plan_id").values("pk")
        offered = PlanVersion.objects.filter(pk__in=newest) | PlanVersion.objects.filter(
            pk=current.pk
        )
        field = self.fields["plan_version"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = offered.select_related("plan").order_by("plan__rank", "plan__name")
