"""Versions of a plan: prices, tiers, and what a quantity costs."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from subscriptions.models import (
    Meter,
    Price,
)
from subscriptions.services.price_specs import PriceSpec, ThresholdSpec, TierTerms
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.rates import decimal_of


class CalculatorForm(forms.Form):
    """What to work a version's prices out for."""

    units = forms.DecimalField(
        label="Usage", min_value=Decimal(0), max_digits=24, decimal_places=6, initial=1000
    )
    quantity = forms.IntegerField(label="Quantity", min_value=1, max_value=1_000_000, initial=1)
    events = forms.IntegerField(label="In so many events", min_value=0, max_value=10_000, initial=1)
    amount = forms.DecimalField(
        label="Amount on the events",
        min_value=Decimal(0),
        max_digits=20,
        decimal_places=10,
        initial=0,
    )


class PlanVersionForm(forms.Form):
    """What all prices of a draft have in common."""

    minimum_amount = forms.DecimalField(
        min_value=Decimal(0),
        max_digits=22,
        decimal_places=10,
        label="Minimum of a period",
        help_text="what is charged falls short of this: the rest is a line",
    )
    thresholds = forms.CharField(
        required=False,
        help_text="bills usage early: 100, 500, every 250",
        label="Spending thresholds",
    )
    includes_tax = forms.BooleanField(
        required=False,
        label="Prices include tax",
        help_text="every amount contains the tax of whoever buys",
    )

    def clean_thresholds(self) -> list[ThresholdSpec]:
        """The amounts, those after "every" repeating."""
        found = []
        for part in str(self.cleaned_data["thresholds"]).split(","):
            words = part.split()
            is_repeating = bool(words) and words[0] == "every"
            amount = "".join(words[1:] if is_repeating else words)
            if amount:
                found.append(ThresholdSpec(amount=_decimal(amount), is_repeating=is_repeating))
        return found


class PriceForm(forms.Form):
    """One price of a draft; a variant has the price that it is of, and what it matches."""

    name = forms.CharField(max_length=200)
    code = forms.SlugField(max_length=64, help_text="its name in exports; once in a version")
    kind = forms.ChoiceField(choices=Price.Kind.choices)
    charge_model = forms.ChoiceField(choices=Price.ChargeModel.choices, label="How it charges")
    timing = forms.ChoiceField(choices=Price.Timing.choices, label="Billed in")
    meter = forms.ModelChoiceField(
        queryset=Meter.objects.all(), required=False, help_text="of usage: what is counted"
    )
    unit_amount = forms.DecimalField(
        min_value=Decimal(0),
        max_digits=22,
        decimal_places=10,
        required=False,
        label="Amount",
        help_text="the fee; or per unit, per package, per event of a percentage",
    )
    percentage = forms.DecimalField(
        min_value=Decimal(0), max_digits=12, decimal_places=6, required=False
    )
    package_size = forms.DecimalField(
        min_value=Decimal(0), max_digits=20, decimal_places=6, required=False
    )
    included_units = forms.DecimalField(
        min_value=Decimal(0), max_digits=24, decimal_places=6, required=False
    )
    included_events = forms.IntegerField(min_value=0, max_value=1_000_000_000, required=False)
    event_minimum = forms.DecimalField(
        min_value=Decimal(0),
        max_digits=22,
        decimal_places=10,
        required=False,
        label="At least per event",
    )
    event_maximum = forms.DecimalField(
        min_value=Decimal(0),
        max_digits=22,
        decimal_places=10,
        required=False,
        label="At most per event",
    )
    minimum_amount = forms.DecimalField(
        min_value=Decimal(0),
        max_digits=22,
        decimal_places=10,
        required=False,
        label="At least per period",
    )
    is_prorated = forms.BooleanField(
        required=False,
        label="By the days that the level stood",
        help_text="for meters that are carried over",
    )
    tax_category = forms.SlugField(
        max_length=32,
        required=False,
        label="Tax category",
        help_text="which of a country's rates is charged; empty: the standard one",
    )
    variant_of = forms.ChoiceField(
        required=False, label="Variant of", help_text="for some of that price's events only"
    )
    match = forms.CharField(
        required=False,
        label="Matches",
        help_text="of a variant: region = eu, uk; model = large",
    )

    def __init__(self, *args: Any, bases: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["variant_of"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "–"), *bases]

    def clean_match(self) -> dict[str, list[str]] | None:
        """The values of each dimension."""
        found = {}
        for part in str(self.cleaned_data["match"]).split(";"):
            if not part.strip():
                continue
            name, equals, values = part.partition("=")
            if not equals:
                raise ValidationError("write a dimension, = and its values")
            found[name.strip()] = [v.strip() for v in values.split(",") if v.strip()]
        return found or None

    def spec(self, tiers: Sequence[TierTerms]) -> PriceSpec:
        """What is asked for; what was left empty is nothing."""
        asked = dict(self.cleaned_data)
        del asked["variant_of"]
        for name in ("unit_amount", "percentage", "included_units", "minimum_amount"):
            asked[name] = asked[name] or Decimal(0)
        asked["included_events"] = asked["included_events"] or 0
        return PriceSpec(**asked, tiers=tuple(tiers))


class TierForm(forms.Form):
    """One step of a tiered price; the last one is left open."""

    up_to = forms.DecimalField(
        min_value=Decimal(0), max_digits=24, decimal_places=6, required=False, label="Up to"
    )
    unit_amount = forms.DecimalField(
        min_value=Decimal(0), max_digits=22, decimal_places=10, required=False, label="Each"
    )
    flat_amount = forms.DecimalField(
        min_value=Decimal(0), max_digits=22, decimal_places=10, required=False, label="Flat"
    )
    percentage = forms.DecimalField(
        min_value=Decimal(0), max_digits=12, decimal_places=6, required=False, label="Percentage"
    )
    block_size = forms.DecimalField(
        min_value=Decimal(0), max_digits=20, decimal_places=6, required=False, label="Per block of"
    )

    def terms(self) -> TierTerms | None:
        """The step; None if nothing was written into its row."""
        asked = self.cleaned_data
        if all(value is None for value in asked.values()):
            return None
        return TierTerms(
            up_to=asked["up_to"],
            unit_amount=asked["unit_amount"] or Decimal(0),
            flat_amount=asked["flat_amount"] or Decimal(0),
            percentage=asked["percentage"] or Decimal(0),
            block_size=asked["block_size"],
        )


TierFormSet = forms.formset_factory(TierForm, extra=3, max_num=30)


def _decimal(text: str) -> Decimal:
    try:
        return decimal_of(text)
    except InvalidInput as refusal:
        raise ValidationError(refusal.message) from None
