"""What people type to sign in."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    """E-mail and password; wrong ones get one answer that does not say which was wrong."""

    error_messages = {
        "invalid_login": "That e-mail and password do not go together. Please try again.",
        "inactive": "This account is switched off.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"] = forms.EmailField(
            label="E-mail",
            widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
        )
