"""When a wallet buys more by itself."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from billing.forms.fields import DAY
from billing.models import Wallet
from billing.services.credit.wallets import TopUpRule
from subscriptions.models import Customer, Meter, Plan
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, currency_of
from tiktoktoe.kernel.periods import local_midnight
from tiktoktoe.web.days import DayField


class WalletScopeForm(forms.Form):
    """For which plans and meters a wallet pays."""

    plans = forms.ModelMultipleChoiceField(
        Plan.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: whatever the plan.",
    )
    meters = forms.ModelMultipleChoiceField(
        Meter.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: fees as well as usage.",
    )

    def __init__(self, given: Any = None, *, wallet: Wallet) -> None:
        """As the wallet has it now."""
        plans = Plan.objects.filter(code__in=wallet.plan_codes)
        meters = Meter.objects.filter(code__in=wallet.meter_codes)
        super().__init__(given, initial={"plans": plans, "meters": meters})


class TopUpRuleForm(forms.Form):
    """Below which amount or how often, and how much each time."""

    topup_amount = forms.DecimalField(
        required=False,
        max_digits=19,
        decimal_places=4,
        min_value=Decimal("0.0001"),
        label="Buy so much each time",
        help_text="Empty, with the others: it buys nothing by itself.",
    )
    topup_below = forms.DecimalField(
        required=False,
        max_digits=19,
        decimal_places=4,
        min_value=Decimal(0),
        label="When less than this is left",
    )
    topup_every = forms.ChoiceField(
        required=False, choices=[("", "Not by the calendar"), *Wallet.Every.choices], label="Or"
    )
    topup_from = forms.DateField(
        required=False, widget=DAY, label="From", help_text="Empty: from tomorrow."
    )

    def __init__(self, given: Any = None, *, wallet: Wallet) -> None:
        """As the wallet has it now; a changed interval begins anew."""
        names = ("topup_amount", "topup_below", "topup_every")
        super().__init__(given, initial={name: getattr(wallet, name) for name in names})

    def rule(self) -> TopUpRule:
        """What was typed."""
        given = self.cleaned_data
        return TopUpRule(
            given["topup_below"], given["topup_amount"], given["topup_every"], given["topup_from"]
        )


class WalletVoidForm(forms.Form):
    """How much is taken out of a wallet, and why."""

    amount = forms.DecimalField(
        required=False,
        max_digits=19,
        decimal_places=4,
        min_value=Decimal("0.0001"),
        help_text="Empty: all that is left.",
    )
    reason = forms.CharField(max_length=200)
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, given: Any = None) -> None:
        """The key makes sending it twice harmless."""
        super().__init__(given, initial={"key": str(uuid7())})


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
