"""People are invited to the portal, and accept."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from tiktoktoe.accounts.models import User


class InvitationForm(forms.Form):
    """Who is to act for a customer."""

    email = forms.EmailField(label="E-mail")


class AcceptForm(forms.Form):
    """How somebody who was invited is called, and signs in from now on."""

    first_name = forms.CharField(max_length=150)
    last_name = forms.CharField(max_length=150)
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 8 characters, not a common one.",
    )

    def __init__(self, given: Any = None, *, email: str) -> None:
        super().__init__(given)
        self.email = email

    def clean(self) -> dict[str, Any]:
        """Hold the password against the rules, knowing who chose it."""
        cleaned = super().clean() or self.cleaned_data
        person = User(
            email=self.email,
            first_name=cleaned.get("first_name", ""),
            last_name=cleaned.get("last_name", ""),
        )
        if cleaned.get("password"):
            try:
                validate_password(cleaned["password"], person)
            except ValidationError as problem:
                self.add_error("password", problem)
        return cleaned
