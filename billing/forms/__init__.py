"""What staff and customers type about invoices, plans and signing up."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from babel import Locale
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db.models import OuterRef, QuerySet, Subquery

from billing.domain.announcements import EVENT_KINDS
from billing.domain.leaving import REASONS
from billing.models import Coupon, CreditNote, Invoice, Payment, RoutingPolicy, RoutingRule
from billing.services.coupons import CouponDetails
from billing.services.routing_policies import RULE_TERMS
from subscriptions.forms import time_zone_choices
from subscriptions.models import Customer, Meter, Plan, PlanVersion, Price, Subscription
from subscriptions.services.customers import CustomerDetails
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.ids import short_id, uuid7
from tiktoktoe.kernel.money import Money, currency_of
from tiktoktoe.kernel.periods import local_midnight
from tiktoktoe.web.days import DayField

OVERDUE = "overdue"
OWED = "owed"
# Sums above the list of payments, each with the payments that it is made of.
TO_COME, REFUNDED, WITH_FEE = "to_come", "refunded", "with_fee"
DAY = forms.DateInput({"type": "date"}, format="%Y-%m-%d")


class InvoiceFilter(forms.Form):
    """How a list of invoices is narrowed: words, a state, days of issue."""

    q = forms.CharField(required=False, label="Search", strip=True)
    state = forms.ChoiceField(
        required=False,
        choices=[("", "All"), *Invoice.State.choices, (OVERDUE, "Overdue"), (OWED, "Owed")],
        widget=forms.HiddenInput,
    )
    customer = forms.IntegerField(required=False, widget=forms.HiddenInput)
    run = forms.IntegerField(required=False, widget=forms.HiddenInput)
    currency = forms.CharField(required=False, max_length=3, widget=forms.HiddenInput)
    start = DayField(required=False, label="Issued from", widget=DAY)
    end = DayField(required=False, label="to", widget=DAY)

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


class WalletFillForm(forms.Form):
    """Which wallet is filled with how much, for nothing or by an invoice."""

    name = forms.CharField(max_length=100, initial="Prepaid", label="Wallet")
    amount = forms.DecimalField(max_digits=19, decimal_places=4, min_value=Decimal("0.0001"))
    currency = forms.CharField(min_length=3, max_length=3)
    how = forms.ChoiceField(
        choices=[("grant", "Grant them"), ("invoice", "Invoice them")], initial="grant"
    )
    expires_on = DayField(
        required=False, widget=DAY, help_text="Of granted ones: from this day on they are gone."
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

    def expires_at(self, customer: Customer) -> datetime | None:
        """The customer's midnight of the day, if one was given."""
        day = self.cleaned_data["expires_on"]
        return local_midnight(day, customer.time_zone) if day else None


class StatementForm(forms.Form):
    """Which days of a customer's account, in which currency."""

    currency = forms.ChoiceField(required=False)
    start = DayField(required=False, label="From", widget=DAY)
    end = DayField(required=False, label="to", widget=DAY, help_text="The last day.")

    def __init__(self, given: Any = None, *, customer: Customer, currencies: list[str]) -> None:
        super().__init__(given)
        self.customer = customer
        choice = self.fields["currency"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(code, code) for code in currencies]
        choice.initial = customer.currency

    def clean(self) -> dict[str, Any]:
        """Refuse days that are the wrong way round."""
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and start > end:
            raise ValidationError({"end": "The last day is before the first."})
        return cleaned

    def span(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """The customer's days that were asked for, where they were not, those given here."""
        zone, asked = self.customer.time_zone, self.cleaned_data
        if asked["start"]:
            start = local_midnight(asked["start"], zone)
        if asked["end"]:
            end = local_midnight(asked["end"] + timedelta(days=1), zone)
        return min(start, end), end


UNUSED_CHOICES = [
    ("", "As the policy says"),
    ("credit", "Credit it"),
    ("refund", "Refund what was paid, credit the rest"),
    ("skip", "Keep it"),
]


class ReasonForm(forms.Form):
    """Why; kept with what was done."""

    reason = forms.CharField(max_length=200, required=False, strip=True)


class CancellationForm(ReasonForm):
    """When a subscription ends, and what becomes of time that was billed in advance."""

    when = forms.ChoiceField(
        choices=[
            ("period_end", "At the end of the period"),
            ("now", "Now"),
            ("on_day", "On a day"),
        ]
    )
    on = DayField(required=False, label="Last day", widget=DAY)
    unused = forms.ChoiceField(required=False, choices=UNUSED_CHOICES, label="Unused time")
    field_order = ["when", "on", "unused", "reason"]

    def clean(self) -> dict[str, Any]:
        """A day is needed for that choice only."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("when") == "on_day" and not cleaned.get("on"):
            raise ValidationError({"on": "Choose the day."})
        return cleaned


class PauseForm(ReasonForm):
    """From when a subscription is paused, and until when."""

    when = forms.ChoiceField(choices=[("now", "Now"), ("period_end", "At the end of the period")])
    resume_on = DayField(
        required=False,
        label="Until",
        widget=DAY,
        help_text="It goes on by itself when this day begins; empty: until somebody resumes it.",
    )
    unused = forms.ChoiceField(required=False, choices=UNUSED_CHOICES, label="Unused time")
    field_order = ["when", "resume_on", "unused", "reason"]


class TrialForm(ReasonForm):
    """When a trial ends."""

    ends_on = DayField(
        required=False,
        label="Ends when this day begins",
        widget=DAY,
        help_text="Empty: now. The first period is billed from then on.",
    )
    field_order = ["ends_on", "reason"]


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
        on_sale = PlanVersion.objects.published().filter(
            currency=subscription.currency, plan__is_add_on=False
        )
        newest = on_sale.order_by("plan_id", "-number").distinct("plan_id").values("pk")
        offered = PlanVersion.objects.filter(pk__in=newest) | PlanVersion.objects.filter(
            pk=current.pk
        )
        field = self.fields["plan_version"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = offered.select_related("plan").order_by("plan__rank", "plan__name")


class PortalCancelForm(forms.Form):
    """Why a customer leaves; kept with the cancellation."""

    why = forms.ChoiceField(
        choices=list(REASONS.items()), widget=forms.RadioSelect, label="Why do you leave?"
    )
    more = forms.CharField(
        max_length=150,
        required=False,
        label="What could we have done better?",
        widget=forms.Textarea({"rows": 3}),
    )

    def reason(self) -> str:
        """Both in one line, as it is kept."""
        why = REASONS[self.cleaned_data["why"]]
        more = " ".join(self.cleaned_data["more"].split())
        return f"{why}: {more}"[:200] if more else why


class PortalPauseForm(forms.Form):
    """Until when it rests."""

    resume_on = DayField(
        required=False,
        label="Go on again on",
        widget=DAY,
        help_text="Left empty, until you resume it here.",
    )


def country_choices() -> list[tuple[str, str]]:
    """Every country by its English name."""
    names = Locale("en").territories
    found = [(code, name) for code, name in names.items() if len(code) == 2 and code.isalpha()]
    return sorted((pair for pair in found if pair[0] not in NO_COUNTRIES), key=lambda p: p[1])


NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})


def versions_on_sale(at: datetime) -> QuerySet[PlanVersion]:
    """The newest version on sale of every plan, in each currency."""
    newest = (
        PlanVersion.objects.published()
        .filter(plan=OuterRef("plan"), currency=OuterRef("currency"), effective_from__lte=at)
        .order_by("-number")
        .values("pk")[:1]
    )
    rows = PlanVersion.objects.filter(pk=Subquery(newest), plan__is_add_on=False)
    return rows.select_related("plan").order_by("plan__rank", "currency")


def offered_versions(at: datetime) -> QuerySet[PlanVersion]:
    """What is on sale to everybody: the versions of public plans."""
    return versions_on_sale(at).filter(plan__is_public=True)


class SubscriptionForm(forms.Form):
    """Which plan a customer is put on, and how many."""

    plan_version = forms.ModelChoiceField(PlanVersion.objects.none(), label="Plan")
    quantity = forms.IntegerField(min_value=1, max_value=1_000_000, initial=1)
    trial_days = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=365,
        label="Trial days",
        help_text="Left empty, the plan's own",
    )
    coupon_code = forms.CharField(max_length=32, required=False, label="Coupon code")
    reference = forms.RegexField(r"^sub_[0-9a-z]{12}$", required=False, widget=forms.HiddenInput)

    def __init__(self, given: Any = None, *, at: datetime) -> None:
        """Offer what is on sale, in every currency: a customer may have several.

        Plans that are not public too: those are agreed with a customer. The reference makes
        sending the form twice harmless.
        """
        super().__init__(given, initial={"reference": short_id("sub")})
        choice = self.fields["plan_version"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = versions_on_sale(at)


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
    currency = forms.CharField(required=False, max_length=3, help_text="Of the amount.")
    percentage = forms.DecimalField(
        required=False, max_digits=7, decimal_places=4, max_value=100, help_text="Or so many %."
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


class PlanChoice(forms.ModelChoiceField[PlanVersion]):
    """A choice among what is on sale, by the plan's name."""

    def label_from_instance(self, obj: PlanVersion) -> str:
        """As a customer knows it; of an offer in several intervals, with its own."""
        interval = f", billed {obj.plan.interval_words}" if obj.plan.offer else ""
        return f"{obj.plan.name}{interval}, in {obj.currency}"


class PortalPlanForm(PlanChangeForm):
    """Which plan and how many, of what customers are offered."""

    plan_version = PlanChoice(PlanVersion.objects.none(), label="Plan", empty_label=None)

    def __init__(self, given: Any = None, *, subscription: Subscription, at: datetime) -> None:
        """Offer what is on sale to everybody, and the plan that it is on."""
        super().__init__(given, subscription=subscription)
        public = offered_versions(at).filter(currency=subscription.currency).values("pk")
        own = PlanVersion.objects.filter(pk=subscription.plan_version_id)
        offered = PlanVersion.objects.filter(pk__in=public) | own
        field = self.fields["plan_version"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = offered.select_related("plan").order_by("plan__rank", "plan__name")


class SignUpForm(forms.Form):
    """A company signs up by itself."""

    plan_version = PlanChoice(
        PlanVersion.objects.none(), label="Plan", widget=forms.RadioSelect, empty_label=None
    )
    quantity = forms.IntegerField(min_value=1, max_value=10_000, initial=1, label="Seats")
    coupon_code = forms.CharField(max_length=32, required=False, label="Coupon code")
    name = forms.CharField(max_length=200, label="Company")
    email = forms.EmailField(label="E-mail", help_text="You sign in with it; invoices go there.")
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 8 characters, not a common one.",
    )
    address_line1 = forms.CharField(max_length=200, label="Street")
    postal_code = forms.CharField(max_length=20, label="Postal code")
    city = forms.CharField(max_length=100)
    country = forms.ChoiceField(choices=country_choices)
    tax_number = forms.CharField(max_length=32, required=False, label="VAT number")
    time_zone = forms.ChoiceField(
        choices=time_zone_choices, help_text="Billing days start at midnight there."
    )

    def __init__(self, given: Any = None, *, at: datetime, time_zone: str = "UTC") -> None:
        super().__init__(given, initial={"time_zone": time_zone, "country": "DE"})
        choice = self.fields["plan_version"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = offered_versions(at)

    def clean_email(self) -> str:
        """An address that nobody signs in with yet."""
        email = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(email=email).exists():
            raise ValidationError("Somebody signs in with this address already.")
        return email

    def clean(self) -> dict[str, Any]:
        """Hold the password against the rules, knowing who chose it."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("password"):
            try:
                validate_password(cleaned["password"], User(email=cleaned.get("email", "")))
            except ValidationError as problem:
                self.add_error("password", problem)
        return cleaned

    def details(self) -> CustomerDetails:
        """What was typed, for the service."""
        given = self.cleaned_data
        return CustomerDetails(
            name=given["name"],
            email=given["email"],
            country=given["country"],
            currency=given["plan_version"].currency,
            time_zone=given["time_zone"],
            address_line1=given["address_line1"],
            postal_code=given["postal_code"],
            city=given["city"],
            tax_number=given["tax_number"],
        )


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
            (WITH_FEE, "With a fee"),
        ],
        widget=forms.HiddenInput,
    )
    customer = forms.IntegerField(required=False, widget=forms.HiddenInput)
    currency = forms.CharField(required=False, max_length=3, widget=forms.HiddenInput)
    start = DayField(required=False, label="From", widget=DAY)
    end = DayField(required=False, label="to", widget=DAY)

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


class EndpointForm(forms.Form):
    """A system that is to be told of events."""

    url = forms.CharField(max_length=500, label="Address", help_text="https://…")
    description = forms.CharField(max_length=200, required=False)
    kinds = forms.MultipleChoiceField(
        choices=[(kind, kind) for kind in EVENT_KINDS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="What it is told of",
        help_text="None: everything, also kinds that are added later",
    )


class PolicyForm(forms.ModelForm[RoutingPolicy]):
    """The weights of a draft of how payments are routed."""

    class Meta:
        model = RoutingPolicy
        fields = [
            "note",
            "fees_weight",
            "speed_weight",
            "security_weight",
            "margin_bps",
            "capital_bps",
            "decline_bps",
            "abandon_bps",
            "explored_bps",
            "explored_within_bps",
            "uses_other_methods",
        ]
        labels = {
            "fees_weight": "Fees weigh",
            "speed_weight": "Speed weighs",
            "security_weight": "Security weighs",
            "margin_bps": "Margin, in hundredths of a percent",
            "capital_bps": "Capital a year, in hundredths of a percent",
            "decline_bps": "A decline costs, in hundredths of a percent",
            "abandon_bps": "Leave when they must confirm, in hundredths of a percent",
            "explored_bps": "Explored, in hundredths of a percent",
            "explored_within_bps": "Only within, in hundredths of a percent",
            "uses_other_methods": "May charge another stored method than the default one",
        }
        help_texts = {"explored_bps": "At most 500: five in a hundred payments."}

    def clean_explored_bps(self) -> Decimal:
        """What the database allows."""
        share: Decimal = self.cleaned_data["explored_bps"]
        if not 0 <= share <= 500:
            raise ValidationError("Explore between 0 and 500.")
        return share

    def clean(self) -> dict[str, Any]:
        """Weights count for something or nothing, never against it."""
        cleaned = super().clean() or self.cleaned_data
        for name in ("fees_weight", "speed_weight", "security_weight"):
            if cleaned.get(name) is not None and cleaned[name] < 0:
                self.add_error(name, "A weight is not negative.")
        return cleaned


class RuleForm(forms.ModelForm[RoutingRule]):
    """A hard rule of a draft: when it holds, and what follows."""

    gateways = forms.CharField(
        required=False, help_text="Names, with spaces between: stripe adyen. Empty: any."
    )
    kinds = forms.CharField(
        required=False, help_text="card bank_debit wallet, with spaces between. Empty: any."
    )
    shares = forms.CharField(
        required=False, help_text="For sharing out: stripe 70 adyen 30, in percent of payments."
    )

    class Meta:
        model = RoutingRule
        fields = list(RULE_TERMS)

    def clean_gateways(self) -> list[str]:
        """Names of gateways that are configured."""
        return self._known(self.cleaned_data["gateways"].split(), self.gateway_names)

    def clean_kinds(self) -> list[str]:
        """Kinds of methods."""
        kinds = ["card", "bank_debit", "bank_transfer", "wallet"]
        return self._known(self.cleaned_data["kinds"].split(), kinds)

    def clean_shares(self) -> list[list[str | int]]:
        """Pairs of a gateway and whole percents, a hundred at most."""
        words = self.cleaned_data["shares"].split()
        if len(words) % 2 or not all(word.isdecimal() for word in words[1::2]):
            raise ValidationError("Write pairs of a gateway and a percentage: stripe 70 adyen 30.")
        names = self._known(words[::2], self.gateway_names)
        percents = [int(word) for word in words[1::2]]
        if sum(percents) > 100:
            raise ValidationError("The shares are more than 100 percent.")
        return [list(pair) for pair in zip(names, percents, strict=True)]

    def clean(self) -> dict[str, Any]:
        """A bound needs a currency, and an effect something to work on."""
        cleaned = super().clean() or self.cleaned_data
        has_bound = cleaned.get("minimum") is not None or cleaned.get("maximum") is not None
        if has_bound and not cleaned.get("currency"):
            self.add_error("currency", "A bound is an amount of a currency: say which.")
        is_split = cleaned.get("effect") == RoutingRule.Effect.SPLIT
        if is_split and not cleaned.get("shares"):
            self.add_error("shares", "Say which gateway gets how many percent.")
        if not is_split and not (cleaned.get("gateways") or cleaned.get("kinds")):
            self.add_error("gateways", "Say which gateways or which kinds of methods.")
        return cleaned

    def __init__(self, given: Any = None, *, gateway_names: Sequence[str]) -> None:
        super().__init__(given)
        self.gateway_names = gateway_names

    def _known(self, names: list[str], known: Sequence[str]) -> list[str]:
        strange = [name for name in names if name not in known]
        if strange:
            raise ValidationError(f"{', '.join(strange)}: there is {', '.join(known)}.")
        return names


class NotExecutedForm(forms.Form):
    """What a person knows of an attempt whose outcome the gateway does not tell."""

    proof = forms.CharField(
        max_length=300, strip=True, help_text="What shows it: the gateway's statement and its day."
    )
    reason = forms.CharField(max_length=300, strip=True)


class BudgetForm(forms.Form):
    """From which amount of usage a customer wants to be told."""

    amount = forms.DecimalField(required=False, min_value=0, max_digits=15, decimal_places=4)
