"""What staff type about one-off charges."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property

from billing.models import TaxRate
from billing.services.invoices.one_off import DUE_DAYS_MAX, LINES_MAX, ChargeLine, OneOffCharge
from subscriptions.models import Customer
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import currency_of

AUTOMATIC = "Standard rate"


class ChargeLineForm(forms.Form):
    """One line: so many of something at a price."""

    description = forms.CharField(max_length=300)
    quantity = forms.DecimalField(
        max_digits=20,
        decimal_places=10,
        min_value=Decimal(0),
        required=False,
        widget=forms.NumberInput({"placeholder": "1"}),
    )
    unit_price = forms.DecimalField(max_digits=20, decimal_places=10, min_value=Decimal(0))
    tax_category = forms.ChoiceField(required=False, label="Tax")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """With the tax categories that there are; a line that nothing is typed in is none."""
        super().__init__(*args, **kwargs)
        named = TaxRate.objects.exclude(category="").order_by("category")
        field = self.fields["tax_category"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            ("", AUTOMATIC),
            *((name, name) for name in named.values_list("category", flat=True).distinct()),
        ]

    def clean_quantity(self) -> Decimal:
        """One where nothing is typed."""
        quantity: Decimal | None = self.cleaned_data["quantity"]
        return Decimal(1) if quantity is None else quantity

    def line(self) -> ChargeLine:
        """What was typed."""
        return ChargeLine(**self.cleaned_data)


class LineForms(forms.BaseFormSet[ChargeLineForm]):
    """The lines of an invoice to be; empty ones are left out."""

    def clean(self) -> None:
        """At least one line."""
        if not any(self.errors) and not self.lines:
            raise ValidationError("Write at least one line.")

    @property
    def lines(self) -> list[ChargeLine]:
        """What was typed."""
        return [form.line() for form in self.forms if form.has_changed()]


ChargeLineFormSet = forms.formset_factory(
    ChargeLineForm, formset=LineForms, extra=4, max_num=LINES_MAX, validate_max=True
)


class OneOffForm(forms.Form):
    """What an invoice of one-off charges says besides its lines."""

    currency = forms.CharField(min_length=3, max_length=3)
    due_days = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=DUE_DAYS_MAX,
        label="Days to pay it in",
        help_text="Empty: as usual.",
    )
    takes_coupons = forms.BooleanField(required=False, label="Take the customer's coupons off")
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, given: Any = None, *, customer: Customer) -> None:
        """In the customer's currency at first; the key makes sending it twice harmless."""
        self.customer = customer
        super().__init__(given, initial={"currency": customer.currency, "key": str(uuid7())})

    @cached_property
    def rows(self) -> LineForms:
        """The lines."""
        given = self.data if self.is_bound else None
        return ChargeLineFormSet(given, prefix="lines")  # type: ignore[return-value]

    def clean_currency(self) -> str:
        """A currency that exists."""
        try:
            return currency_of(str(self.cleaned_data["currency"]).upper()).code
        except InvalidInput as refusal:
            raise ValidationError(refusal.message) from None

    def is_whole(self) -> bool:
        """Whether it and its lines can be read."""
        rows_are_valid = self.rows.is_valid()
        return self.is_valid() and rows_are_valid

    def charge(self) -> OneOffCharge:
        """What was typed."""
        return OneOffCharge(
            customer=self.customer,
            currency=self.cleaned_data["currency"],
            lines=self.rows.lines,
            takes_coupons=self.cleaned_data["takes_coupons"],
            due_days=self.cleaned_data["due_days"],
        )
