"""What staff type about customers and subscriptions."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from subscriptions.models import (
    BillingPolicy,
    Customer,
    Feature,
    Meter,
    Plan,
    Price,
    Subscription,
)
from subscriptions.services.catalog import PriceSpec, ThresholdSpec, TierTerms
from subscriptions.services.customers import CustomerDetails, known_time_zones
from subscriptions.services.features import OverrideTerms
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.periods import local_midnight
from tiktoktoe.kernel.rates import decimal_of
from tiktoktoe.web.days import DayField

COUNTRY_HELP = "Two letters, like DE"


def time_zone_choices() -> list[tuple[str, str]]:
    """Every IANA time zone with a place in its name, and UTC."""
    return [("UTC", "UTC"), *((n, n) for n in sorted(known_time_zones()) if "/" in n)]


class CustomerForm(forms.ModelForm[Customer]):
    """A customer's details; what usage and invoices are counted with is fixed once made."""

    currency = forms.ChoiceField(choices=[(code, code) for code in settings.CURRENCIES])
    time_zone = forms.ChoiceField(choices=time_zone_choices, initial="UTC")
    country = forms.CharField(min_length=2, max_length=2, help_text=COUNTRY_HELP)

    FIXED: ClassVar[tuple[str, ...]] = ("external_id", "currency", "time_zone")

    class Meta:
        model = Customer
        fields = [
            "name",
            "email",
            "address_line1",
            "address_line2",
            "postal_code",
            "city",
            "region",
            "country",
            "tax_number",
            "is_tax_exempt",
            "currency",
            "time_zone",
            "external_id",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["external_id"].required = False
        self.fields["external_id"].help_text = "Its name in usage events; made up when left empty"
        if self.instance.pk:
            for name in self.FIXED:
                self.fields[name].disabled = True

    def clean_country(self) -> str:
        """The country in capitals."""
        country = str(self.cleaned_data["country"]).upper()
        if not country.isalpha():
            raise ValidationError("Two letters, like DE")
        return country

    def details(self) -> CustomerDetails:
        """What was typed, for the service."""
        return CustomerDetails(**{name: self.cleaned_data[name] for name in self.Meta.fields})


class InvitationForm(forms.Form):
    """Who is to act for a customer."""

    email = forms.EmailField(label="E-mail")


class AcceptForm(forms.Form):
    """How somebody who was invited is called, and signs in from now on."""

    first_name = forms.CharField(max_length=150)
    last_name = forms.CharField(max_length=150)
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 8 characters, not a common one.",
    )

    def __init__(self, given: Any = None, *, email: str) -> None:
        super().__init__(given)
        self.email = email

    def clean(self) -> dict[str, Any]:
        """Hold the password against the rules, knowing who chose it."""
        cleaned = super().clean() or self.cleaned_data
        person = User(
            email=self.email,
            first_name=cleaned.get("first_name", ""),
            last_name=cleaned.get("last_name", ""),
        )
        if cleaned.get("password"):
            try:
                validate_password(cleaned["password"], person)
            except ValidationError as problem:
                self.add_error("password", problem)
        return cleaned


class SubscriptionFilter(forms.Form):
    """How a list of subscriptions is narrowed."""

    q = forms.CharField(required=False, label="Search")
    state = forms.ChoiceField(
        required=False, choices=[("", "All"), *Subscription.State.choices], label="State"
    )


class UsageFilter(forms.Form):
    """Which usage to show: a meter, days from the first to the last, one customer or all."""

    meter = forms.ModelChoiceField(Meter.objects.all(), to_field_name="code", empty_label=None)
    start = DayField(label="From", widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    end = DayField(label="To", widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    customer = forms.ModelChoiceField(
        Customer.objects.all(), required=False, widget=forms.HiddenInput
    )

    DAYS_SHOWN: ClassVar[int] = 30
    DAYS_MAX: ClassVar[int] = 400

    def __init__(self, given: Any, *, today: date) -> None:
        """Fill in the first meter and the last 30 days where nothing was asked for."""
        first = Meter.objects.first()
        asked = {name: value for name, value in given.items() if value}
        end = asked.get("end", today.isoformat())
        defaults = {"meter": first.code if first else "", "end": end}
        super().__init__({**defaults, "start": self._month_before(end, today), **asked})

    def clean(self) -> dict[str, Any]:
        """Refuse days that are the wrong way round, or too many for a chart."""
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end:
            if start > end:
                raise ValidationError({"end": "The last day is before the first."})
            if (end - start).days >= self.DAYS_MAX:
                raise ValidationError({"start": f"Choose at most {self.DAYS_MAX} days."})
        return cleaned

    def _month_before(self, end: str, today: date) -> str:
        try:
            last = date.fromisoformat(end)
            return (last - timedelta(days=self.DAYS_SHOWN - 1)).isoformat()
        except (ValueError, OverflowError):
            return today.isoformat()


class EventSourceForm(forms.Form):
    """A system that may send usage."""

    name = forms.CharField(max_length=100, help_text="What it is called, like gateway")


class FeatureForm(forms.Form):
    """A feature that plans can grant."""

    name = forms.CharField(max_length=200)
    code = forms.SlugField(max_length=64, help_text="What systems ask for, like sso")
    kind = forms.ChoiceField(
        choices=[
            ("boolean", "Had or not"),
            ("limit", "So many at once"),
            ("metered", "So much a period, by a meter"),
        ]
    )
    meter = forms.ModelChoiceField(
        Meter.objects.all(), required=False, help_text="Of a metered feature"
    )
    unit = forms.CharField(max_length=32, required=False, help_text="Of a limit, like project")
    description = forms.CharField(max_length=300, required=False)


class GrantForm(forms.Form):
    """A feature that a draft brings."""

    feature = forms.ModelChoiceField(Feature.objects.all())
    limit_units = forms.DecimalField(
        max_digits=24,
        decimal_places=6,
        min_value=0,
        required=False,
        label="Limit",
        help_text="Empty: without limit, or had or not",
    )
    is_per_unit = forms.BooleanField(
        required=False, label="For each unit of the subscription's quantity"
    )


class OverrideForm(forms.Form):
    """What a customer gets of a feature for a time."""

    feature = forms.ModelChoiceField(Feature.objects.all())
    is_granted = forms.ChoiceField(
        label="The customer",
        choices=[("yes", "gets it"), ("no", "does not get it")],
    )
    limit_units = forms.DecimalField(
        max_digits=24,
        decimal_places=6,
        min_value=0,
        required=False,
        label="Limit",
        help_text="Empty: without limit, or had or not",
    )
    last_day = DayField(
        required=False,
        label="Through",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text="The last day, in the customer's time zone; empty: until it is ended",
    )
    reason = forms.CharField(max_length=200, help_text="Who agreed to it, and why")

    def __init__(self, *args: Any, time_zone: str, **kwargs: Any) -> None:
        """Days are the customer's own."""
        self.time_zone = time_zone
        super().__init__(*args, **kwargs)

    def clean_last_day(self) -> date | None:
        """A day with a day after it."""
        day: date | None = self.cleaned_data["last_day"]
        if day is not None and not 2000 <= day.year <= 9000:
            raise ValidationError("Choose a day between 2000 and 9000.")
        return day

    def terms(self) -> OverrideTerms:
        """What was typed, for the service."""
        given = self.cleaned_data
        day = given["last_day"]
        return OverrideTerms(
            feature=given["feature"],
            is_granted=given["is_granted"] == "yes",
            limit_units=given["limit_units"],
            ends_at=local_midnight(day + timedelta(days=1), self.time_zone) if day else None,
            reason=given["reason"],
        )


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


class PolicyRuleForm(forms.Form):
    """Which billing policy counts for a plan, or for a change from it to another one."""

    policy = forms.ModelChoiceField(
        BillingPolicy.objects.none(), required=False, empty_label="As it is"
    )
    to_plan = forms.ModelChoiceField(
        Plan.objects.none(),
        required=False,
        label="For a change to",
        empty_label="All of the plan",
    )
    timing = forms.ChoiceField(
        required=False,
        label="A change takes effect",
        choices=[
            ("", "As the policy says"),
            ("immediate", "At once"),
            ("period_end", "With the next period"),
        ],
    )
    unused_time = forms.ChoiceField(
        required=False,
        label="Unused time",
        choices=[
            ("", "As the policy says"),
            ("credit", "Is credited"),
            ("refund", "Is refunded"),
            ("skip", "Is kept"),
        ],
    )

    def __init__(self, given: Any = None, *, plan: Plan) -> None:
        """Offer the newest number of each policy, and the other plans."""
        super().__init__(given)
        newest = BillingPolicy.objects.order_by("code", "-number").distinct("code").values("pk")
        policies = BillingPolicy.objects.filter(pk__in=newest)
        self.fields["policy"].queryset = policies  # type: ignore[attr-defined]
        others = Plan.objects.exclude(pk=plan.pk).filter(product=plan.product_id)
        self.fields["to_plan"].queryset = others  # type: ignore[attr-defined]
