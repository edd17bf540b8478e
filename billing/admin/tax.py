"""Tax rates: added, and ended."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from billing.forms.subscribing import country_choices
from billing.models import (
    TaxRate,
)

TAX_RATE_STAYS = [
    *("code", "name", "country", "region", "levy", "is_compound", "category"),
    *("percentage", "valid_from"),
]


class TaxRateForm(forms.ModelForm[TaxRate]):
    """A dated rate of a country."""

    country = forms.ChoiceField(choices=country_choices)

    class Meta:
        model = TaxRate
        fields = "__all__"  # noqa: DJ007 - every field is for staff

    def clean(self) -> dict[str, Any]:
        """Refuse days that are the wrong way round."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        start = found.get("valid_from") or self.instance.valid_from
        end = found.get("valid_to")
        if start and end and end < start:
            self.add_error("valid_to", "The last day is before the first.")
        return found


@admin.register(TaxRate)
class TaxRateAdmin(admin.ModelAdmin[TaxRate]):
    """Dated tax rates; a new percentage is a new rate, and only its end is told of an old one."""

    form = TaxRateForm
    list_display = [
        "country",
        "region",
        "name",
        "category",
        "percentage",
        "is_compound",
        "valid_from",
        "valid_to",
        "source",
    ]
    list_filter = ["country", "category"]
    search_fields = ["country", "code", "name"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: TaxRate | None = None
    ) -> list[str] | tuple[str, ...]:
        """Keep what invoices were taxed by."""
        return TAX_RATE_STAYS if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: TaxRate | None = None) -> bool:
        """Never: it ends."""
        return False
