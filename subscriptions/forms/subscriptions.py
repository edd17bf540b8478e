"""Which subscriptions a list shows."""

from django import forms

from subscriptions.models import (
    Subscription,
)


class SubscriptionFilter(forms.Form):
    """How a list of subscriptions is narrowed."""

    q = forms.CharField(required=False, label="Search")
    state = forms.ChoiceField(
        required=False, choices=[("", "All"), *Subscription.State.choices], label="State"
    )
