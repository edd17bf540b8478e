"""Coupons are made and given."""

from datetime import UTC, datetime
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError

from billing.forms.fields import DAY
from billing.models import Coupon
from billing.services.credit.coupons import CouponDetails
from subscriptions.models import Customer, Meter, Plan, Price, Subscription
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import Money, currency_of
from tiktoktoe.web.days import DayField


def price_choices() -> list[tuple[str, str]]:
    """The codes of all prices, each with the name that it had last."""
    prices = Price.objects.filter(variant_of=None).order_by("code", "-pk").distinct("code")
    return [(code, f"{name} ({code})") for code, name in prices.values_list("code", "name")]


class CouponCreateForm(forms.Form):
    """What a coupon gives, how long, and to whom."""

    code = forms.SlugField(max_length=32, help_text="What customers type; capitals and digits.")
    name = forms.CharField(max_length=100)
    amount = forms.DecimalField(
        required=False, max_digits=19, decimal_places=4, min_value=Decimal("0.0001")
    )
    currency = forms.CharField(
        required=False, max_length=3, help_text="Of the amount, and of the most a month."
    )
    percentage = forms.DecimalField(
        required=False, max_digits=7, decimal_places=4, max_value=100, help_text="Or so many %."
    )
    monthly_cap = forms.DecimalField(
        required=False,
        max_digits=19,
        decimal_places=4,
        min_value=Decimal("0.0001"),
        label="At most a month",
        help_text="Off all invoices that bill one month, together.",
    )
    duration = forms.ChoiceField(choices=Coupon.Duration.choices)
    periods = forms.IntegerField(
        required=False, min_value=1, max_value=1000, help_text="Of a repeating one: how often."
    )
    max_redemptions = forms.IntegerField(required=False, min_value=1, label="At most redeemed")
    max_per_customer = forms.IntegerField(initial=1, min_value=1, max_value=100)
    expires_on = DayField(
        required=False, widget=DAY, help_text="From this day on, in UTC, nobody can redeem it."
    )
    plans = forms.ModelMultipleChoiceField(
        Plan.objects.all(), required=False, help_text="Only off these; none chosen: off all."
    )
    meters = forms.ModelMultipleChoiceField(
        Meter.objects.all(), required=False, help_text="Only off usage of these."
    )
    price_codes = forms.MultipleChoiceField(
        choices=price_choices,
        required=False,
        label="Prices",
        help_text="Only off these, in whatever plan and version.",
    )

    def clean_currency(self) -> str:
        """A currency that exists, or none."""
        code = str(self.cleaned_data["currency"]).upper()
        try:
            return currency_of(code).code if code else ""
        except InvalidInput as refusal:
            raise ValidationError(refusal.message) from None

    def clean(self) -> dict[str, object]:
        """A cap is in some currency."""
        given = super().clean() or {}
        if given.get("monthly_cap") and not given.get("currency"):
            self.add_error("currency", "Say in which currency the most a month is.")
        return given

    def details(self) -> CouponDetails:
        """What was typed, for the service."""
        given = self.cleaned_data
        day = given["expires_on"]
        has_amount = given["amount"] and given["currency"]
        return CouponDetails(
            code=given["code"],
            name=given["name"],
            amount=Money(given["amount"], given["currency"]) if has_amount else None,
            percentage=given["percentage"],
            monthly_cap=(
                Money(given["monthly_cap"], given["currency"]) if given["monthly_cap"] else None
            ),
            duration=given["duration"],
            periods=given["periods"],
            max_redemptions=given["max_redemptions"],
            max_per_customer=given["max_per_customer"],
            expires_at=datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None,
            plans=list(given["plans"]),
            meters=list(given["meters"]),
            price_codes=given["price_codes"],
        )


class CouponGiveForm(forms.Form):
    """Which customer is given a coupon, for all its subscriptions or for one."""

    customer = forms.ModelChoiceField(
        Customer.objects.all(),
        to_field_name="external_id",
        widget=forms.TextInput,
        help_text="Its name in usage events.",
    )
    subscription = forms.ModelChoiceField(
        Subscription.objects.all(),
        to_field_name="reference",
        required=False,
        widget=forms.TextInput,
        help_text="Its reference; left empty: all of them.",
    )
