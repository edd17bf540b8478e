"""The budget that a customer sets."""

from django import forms


class BudgetForm(forms.Form):
    """From which amount of usage a customer wants to be told."""

    amount = forms.DecimalField(required=False, min_value=0, max_digits=15, decimal_places=4)
