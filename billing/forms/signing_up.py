"""What is chosen and typed to sign up: the plan and what goes with it, then who buys it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from billing.forms.add_ons import add_ons_beside
from billing.forms.subscribing import PlanChoice, country_choices, offered_versions
from billing.services.changes.first_add_ons import AddOnWanted
from subscriptions.forms.customers import time_zone_choices
from subscriptions.models import Customer, PlanVersion
from subscriptions.services.customers import CustomerDetails
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.ids import short_id

CHOICE_FIELDS = ("plan_version", "quantity", "coupon_code")
ADD_ON = "add_on_"


class ChoiceForm(forms.Form):
    """A plan, how many, what is had beside it, and a coupon."""

    plan_version = PlanChoice(PlanVersion.objects.none(), label="Plan", empty_label=None)
    quantity = forms.IntegerField(min_value=1, max_value=10_000, initial=1, label="Seats")
    coupon_code = forms.CharField(max_length=32, required=False, label="Coupon code")

    def __init__(
        self, given: Any = None, *, at: datetime, initial: Mapping[str, Any] | None = None
    ) -> None:
        """Offer what is on sale to everybody, and the add-ons that go with the plan chosen."""
        super().__init__(given, initial=dict(initial or {}))
        choice = self.fields["plan_version"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = offered_versions(at)
        self.versions: list[PlanVersion] = list(choice.queryset)
        self.chosen = self._chosen()
        self.add_ons: Sequence[PlanVersion] = ()
        if self.chosen is not None:
            beside = add_ons_beside(self.chosen.plan, self.chosen.currency, at)
            self.add_ons = list(beside.filter(plan__is_public=True))
        for version in self.add_ons:
            self.fields[f"{ADD_ON}{version.pk}"] = forms.IntegerField(
                min_value=0, max_value=10_000, required=False, label=version.plan.name
            )

    def _chosen(self) -> PlanVersion | None:
        """What is chosen, else the first on sale."""
        wanted = str(self["plan_version"].value() or "")
        found = [version for version in self.versions if str(version.pk) == wanted]
        return next(iter(found or self.versions), None)

    def add_on_fields(self) -> list[tuple[PlanVersion, forms.BoundField]]:
        """Each add-on with its field."""
        return [(version, self[f"{ADD_ON}{version.pk}"]) for version in self.add_ons]

    def detail_fields(self) -> list[forms.BoundField]:
        """Everything but the choice."""
        return [
            field
            for field in self
            if field.name not in CHOICE_FIELDS and not field.name.startswith(ADD_ON)
        ]

    def wanted_add_ons(self) -> list[AddOnWanted]:
        """Those of which there is to be one or more."""
        given = self.cleaned_data
        asked = [(version, given.get(f"{ADD_ON}{version.pk}")) for version in self.add_ons]
        return [AddOnWanted(version, quantity) for version, quantity in asked if quantity]

    def kept(self) -> str:
        """The choice as the end of an address, so that signing in does not lose it."""
        names = [*CHOICE_FIELDS, *(f"{ADD_ON}{version.pk}" for version in self.add_ons)]
        values = {name: self[name].value() for name in names}
        if self.chosen is not None:
            values["plan_version"] = self.chosen.pk
        return urlencode({name: value for name, value in values.items() if value})


class EstimateForm(ChoiceForm):
    """A choice with what its tax depends on."""

    country = forms.CharField(max_length=2, required=False)
    tax_number = forms.CharField(max_length=32, required=False)

    def details(self) -> CustomerDetails:
        """Somebody from there, for working out a total."""
        given = self.cleaned_data
        return CustomerDetails(
            name="?",
            email="nobody@example.invalid",
            country=given["country"] or "DE",
            currency=given["plan_version"].currency,
            tax_number=given["tax_number"],
        )


class SignUpForm(ChoiceForm):
    """A company signs up by itself."""

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
    is_known = False

    def clean_email(self) -> str:
        """An address that nobody signs in with yet."""
        email = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(email=email).exists():
            self.is_known = True
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


class CustomerChoice(forms.ModelChoiceField[Customer]):
    """One of those whom somebody acts for."""

    def label_from_instance(self, obj: Customer) -> str:
        """Its name."""
        return obj.name


class AnotherForm(ChoiceForm):
    """Somebody who is signed in chooses one more; for whom, if there are several."""

    customer = CustomerChoice(Customer.objects.none(), empty_label=None, label="For")
    reference = forms.RegexField(r"^sub_[0-9a-z]{12}$", widget=forms.HiddenInput)

    def __init__(
        self,
        given: Any = None,
        *,
        at: datetime,
        customers: Sequence[Customer],
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        """The reference makes sending it twice harmless."""
        first = {"customer": customers[0].pk, "reference": short_id("sub")}
        super().__init__(given, at=at, initial={**first, **(initial or {})})
        self.customers = customers
        field = self.fields["customer"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Customer.objects.filter(pk__in=[one.pk for one in customers])
        if len(customers) == 1:
            field.widget = forms.HiddenInput()
