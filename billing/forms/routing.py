"""A version of how payments are routed, and its rules."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from billing.models import RoutingPolicy, RoutingRule
from billing.services.payments.routing_policies import RULE_TERMS


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
