"""What a customer types to give a mandate."""

from django import forms


class MandateForm(forms.Form):
    """Whose account, which, and the agreement."""

    debtor_name = forms.CharField(
        label="Account holder",
        max_length=70,
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    account_number = forms.CharField(
        label="IBAN",
        max_length=42,
        help_text="As on your bank statement; spaces do no harm.",
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    bank_code = forms.CharField(
        label="BIC", max_length=11, required=False, help_text="Not needed inside SEPA."
    )
    agreed = forms.BooleanField(label="I agree to this mandate")
