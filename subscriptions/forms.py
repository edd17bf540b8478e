"""What staff type about customers and subscriptions."""

from datetime import date, timedelta
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from subscriptions.models import Customer, Meter, Subscription
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


class SubscriptionFilter(forms.Form):
    """How a list of subscriptions is narrowed."""

    q = forms.CharField(required=False, label="Search")
    state = forms.ChoiceField(
        required=False, choices=[("", "All"), *Subscription.State.choices], label="State"
    )


class UsageFilter(forms.Form):
    """Which usage to show: a meter, days from the first to the last, one customer or all."""

    meter = forms.ModelChoiceField(Meter.objects.all(), to_field_name="code", empty_label=None)
    start = forms.DateField(
        label="From", widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    end = forms.DateField(label="To", widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
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
            if end == date.max:
                raise ValidationError({"end": "Choose an earlier day."})
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
