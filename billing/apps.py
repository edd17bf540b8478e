"""What is owed, and what was paid."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """What is owed, and what was paid."""

    name = "billing"
