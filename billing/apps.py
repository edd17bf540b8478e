"""What is owed, and what was paid."""

from importlib import import_module

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """What is owed, and what was paid."""

    name = "billing"

    def ready(self) -> None:
        """Connect the receivers of the gateway's webhooks."""
        import_module("billing.webhooks")
