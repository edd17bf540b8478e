"""What is known of a customer."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from subscriptions.models import (
    Customer,
)
from subscriptions.services.customers import CustomerDetails, known_time_zones

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
