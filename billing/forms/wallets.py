"""When a wallet buys more by itself."""

from decimal import Decimal
from typing import Any

from django import forms

from billing.models import Wallet
from billing.services.wallets import TopUpRule
from subscriptions.models import Meter, Plan

DAY = forms.DateInput({"type": "date"}, format="%Y-%m-%d")


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
