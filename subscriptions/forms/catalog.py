"""What staff type to put something new into the catalog."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from subscriptions.models import Meter, Product
from subscriptions.models.catalog import INTERVAL_CHOICES
from subscriptions.services.catalog_meters import MeterSpec
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import currency_of
from tiktoktoe.kernel.periods import Interval, IntervalUnit

CODE_HELP = "Small letters, digits, - and _; it stays."
OFFER_HELP = (
    "Plans of one product with the same word here are one offer in several intervals: "
    "month and year side by side on the sign-up page and in the portal."
)
NAME_HELP = "Documents that are final keep the words they were issued with."


class ProductForm(forms.Form):
    """What is sold."""

    name = forms.CharField(max_length=200)
    code = forms.SlugField(max_length=64, help_text=CODE_HELP)
    description = forms.CharField(required=False, widget=forms.Textarea({"rows": 2}))


class PlanForm(forms.Form):
    """A way of paying for a product; its prices come afterwards."""

    product = forms.ModelChoiceField(Product.objects.none(), empty_label=None)
    name = forms.CharField(max_length=200)
    code = forms.SlugField(max_length=64, help_text=CODE_HELP)
    description = forms.CharField(required=False, widget=forms.Textarea({"rows": 2}))
    interval_count = forms.IntegerField(
        min_value=1, max_value=120, initial=1, label="Billed every so many"
    )
    interval = forms.ChoiceField(
        choices=INTERVAL_CHOICES, initial=IntervalUnit.MONTH.value, label="Of these"
    )
    offer = forms.SlugField(max_length=64, required=False, help_text=OFFER_HELP)
    trial_days = forms.IntegerField(min_value=0, max_value=730, initial=0)
    rank = forms.IntegerField(
        min_value=0, max_value=999, initial=0, help_text="Orders plans from small to large."
    )
    is_public = forms.BooleanField(
        required=False, initial=True, label="Shown on the sign-up page and in the portal"
    )
    is_add_on = forms.BooleanField(required=False, label="An add-on, sold beside another plan")

    def __init__(self, given: Any = None) -> None:
        """For one of the products that there are."""
        super().__init__(given)
        field = self.fields["product"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Product.objects.all()

    def terms(self) -> dict[str, Any]:
        """What was typed, for the service."""
        given = dict(self.cleaned_data)
        unit, times = IntervalUnit(given.pop("interval")), given.pop("interval_count")
        return {**given, "interval": Interval(unit, times)}


class ProductWordsForm(forms.Form):
    """What a product is called."""

    name = forms.CharField(max_length=200)
    description = forms.CharField(required=False, widget=forms.Textarea({"rows": 2}))


class PlanWordsForm(forms.Form):
    """What of a plan may change while it is sold; its interval and prices do not."""

    name = forms.CharField(max_length=200, help_text=NAME_HELP)
    description = forms.CharField(required=False, widget=forms.Textarea({"rows": 2}))
    offer = forms.SlugField(max_length=64, required=False, help_text=OFFER_HELP)
    trial_days = forms.IntegerField(
        min_value=0, max_value=730, help_text="Of subscriptions that are started from now on."
    )
    rank = forms.IntegerField(
        min_value=0, max_value=999, help_text="Orders plans from small to large."
    )
    is_public = forms.BooleanField(
        required=False, label="Shown on the sign-up page and in the portal"
    )


class MeterWordsForm(forms.Form):
    """What a meter is called; how it counts stays."""

    name = forms.CharField(max_length=200, help_text=NAME_HELP)
    unit = forms.CharField(max_length=32, help_text="Singular: token, request, GB.")


class FirstVersionForm(forms.Form):
    """In which currency a plan is sold first, and its fee; the draft takes the rest."""

    currency = forms.CharField(min_length=3, max_length=3)
    fee = forms.DecimalField(
        max_digits=19, decimal_places=4, min_value=Decimal(0), label="Fee of a whole period"
    )
    fee_name = forms.CharField(max_length=200, initial="Base fee", label="What the fee is called")

    def clean_currency(self) -> str:
        """A currency that exists."""
        try:
            return currency_of(str(self.cleaned_data["currency"]).upper()).code
        except InvalidInput as refusal:
            raise ValidationError(refusal.message) from None


class MeterForm(forms.Form):
    """What usage is counted in; what it means stays."""

    name = forms.CharField(max_length=200)
    code = forms.SlugField(max_length=64, label="Name in usage events", help_text=CODE_HELP)
    unit = forms.CharField(max_length=32, help_text="Singular: token, request, GB.")
    aggregation = forms.ChoiceField(
        choices=Meter.Aggregation.choices, initial="sum", label="How events add up"
    )
    unique_property = forms.CharField(
        required=False, max_length=64, help_text="Of unique: the property whose values count."
    )
    amount_property = forms.CharField(
        required=False, max_length=64, help_text="The property with an event's amount of money."
    )
    dimensions = forms.CharField(
        required=False,
        max_length=400,
        help_text="Properties that prices may tell apart, with commas: model, region.",
    )
    is_carried_over = forms.BooleanField(
        required=False, label="The level at the end of a period goes on in the next"
    )
    rounding = forms.ChoiceField(choices=Meter.Rounding.choices, initial="none")
    rounding_places = forms.IntegerField(min_value=0, max_value=10, initial=0)

    def spec(self) -> MeterSpec:
        """What was typed, for the service."""
        given = dict(self.cleaned_data)
        names = [name.strip() for name in given.pop("dimensions").split(",")]
        return MeterSpec(**given, dimensions=[name for name in names if name])
