"""Dated rules of payments: fees, disputes, exemptions, limits."""

from typing import Any

from django import forms
from django.contrib import admin

from billing.models import (
    DisputeRule,
    ExemptionRule,
    PaymentLimit,
    ProcessorFeeRule,
)


class FeeRuleForm(forms.ModelForm[ProcessorFeeRule]):
    """A dated rule; refuses one that would hold on a day of another."""

    class Meta:
        model = ProcessorFeeRule
        fields = "__all__"  # noqa: DJ007 - every field is for staff

    def clean(self) -> dict[str, Any]:
        """Name the rule that is in the way, before the database refuses."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        start, end = found.get("valid_from"), found.get("valid_to")
        about = {name: found.get(name) or "" for name in ("gateway", "kind", "currency")}
        others = ProcessorFeeRule.objects.filter(**about).exclude(pk=self.instance.pk)
        if start is not None:
            others = others.exclude(valid_to__lt=start)
            others = others.exclude(valid_from__gt=end) if end else others
            if (other := others.first()) is not None:
                self.add_error("valid_from", f"{other} holds on some of these days: end it first")
        return found


@admin.register(ProcessorFeeRule)
class ProcessorFeeRuleAdmin(admin.ModelAdmin[ProcessorFeeRule]):
    """What processors charge; a change of price is a new rule after the end of the old one."""

    form = FeeRuleForm
    list_display = [
        "gateway",
        "kind",
        "currency",
        "share_bps",
        "fixed_amount",
        "maximum",
        "valid_from",
        "valid_to",
        "source",
    ]
    list_filter = ["gateway", "kind", "currency"]


@admin.register(DisputeRule)
class DisputeRuleAdmin(admin.ModelAdmin[DisputeRule]):
    """Whose loss a lost dispute is; the latest rule counts, so that old ones stay."""

    list_display = ["reason_class", "rule", "valid_from"]


@admin.register(ExemptionRule)
class ExemptionRuleAdmin(admin.ModelAdmin[ExemptionRule]):
    """Up to which amounts banks are asked to let customers off confirming."""

    list_display = ["exemption", "gateway", "currency", "maximum", "valid_from", "source"]
    list_filter = ["exemption", "gateway", "currency"]


@admin.register(PaymentLimit)
class PaymentLimitAdmin(admin.ModelAdmin[PaymentLimit]):
    """What may be charged by itself; beyond it, a person looks first."""

    list_display = ["currency", "customer", "maximum", "daily_maximum", "monthly_maximum"]
    list_filter = ["currency"]
    raw_id_fields = ["customer"]
