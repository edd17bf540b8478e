"""Which billing policy counts for what."""

from typing import Any

from django import forms

from subscriptions.models import (
    BillingPolicy,
    Plan,
)


class PolicyRuleForm(forms.Form):
    """Which billing policy counts for a plan, or for a change from it to another one."""

    policy = forms.ModelChoiceField(
        BillingPolicy.objects.none(), required=False, empty_label="As it is"
    )
    to_plan = forms.ModelChoiceField(
        Plan.objects.none(),
        required=False,
        label="For a change to",
        empty_label="All of the plan",
    )
    timing = forms.ChoiceField(
        required=False,
        label="A change takes effect",
        choices=[
            ("", "As the policy says"),
            ("immediate", "At once"),
            ("period_end", "With the next period"),
        ],
    )
    unused_time = forms.ChoiceField(
        required=False,
        label="Unused time",
        choices=[
            ("", "As the policy says"),
            ("credit", "Is credited"),
            ("refund", "Is refunded"),
            ("skip", "Is kept"),
        ],
    )

    def __init__(self, given: Any = None, *, plan: Plan) -> None:
        """Offer the newest number of each policy, and the other plans."""
        super().__init__(given)
        newest = BillingPolicy.objects.order_by("code", "-number").distinct("code").values("pk")
        policies = BillingPolicy.objects.filter(pk__in=newest)
        self.fields["policy"].queryset = policies  # type: ignore[attr-defined]
        others = Plan.objects.exclude(pk=plan.pk).filter(product=plan.product_id)
        self.fields["to_plan"].queryset = others  # type: ignore[attr-defined]
