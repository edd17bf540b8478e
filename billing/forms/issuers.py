"""What staff type about the companies of ours."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from billing.domain.issuing import IssuedBy
from subscriptions.models import Customer, Issuer, Plan
from subscriptions.services.issuers import FIXED, IssuerDetails


class IssuerForm(forms.ModelForm[Issuer]):
    """A company's details; its code and prefixes stay once it is made."""

    colour = forms.CharField(
        max_length=7, initial="#4a3fb5", widget=forms.TextInput({"pattern": "#[0-9a-fA-F]{6}"})
    )

    class Meta:
        model = Issuer
        fields = [
            "code",
            "name",
            "address",
            "country",
            "tax_number",
            "email",
            "bank",
            "logo_text",
            "colour",
            "footer",
            "invoice_prefix",
            "credit_note_prefix",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for name in FIXED:
                self.fields[name].disabled = True

    def clean_country(self) -> str:
        """The country in capitals."""
        return str(self.cleaned_data["country"]).upper()

    def details(self) -> IssuerDetails:
        """What was typed, for the service."""
        return IssuerDetails(**{name: self.cleaned_data[name] for name in self.Meta.fields})

    def issued_by(self) -> IssuedBy:
        """What was typed, as it would be printed."""
        return IssuedBy.from_json(self.cleaned_data)


class BelongsForm(forms.Form):
    """A customer or a plan that is to belong to a company of ours."""

    customer = forms.CharField(required=False, max_length=64, help_text="its name in usage events")
    plan = forms.ModelChoiceField(Plan.objects.all(), required=False, to_field_name="code")

    def clean_customer(self) -> Customer | None:
        """The customer of a name."""
        text = str(self.cleaned_data["customer"]).strip()
        found = Customer.objects.filter(external_id=text).first()
        if text and found is None:
            raise ValidationError("There is no such customer.")
        return found
