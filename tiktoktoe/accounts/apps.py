"""People and what they may do."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, roles and sign-in."""

    name = "tiktoktoe.accounts"
    label = "accounts"
