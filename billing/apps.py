"""What is owed, and what was paid."""

from importlib import import_module

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """What is owed, and what was paid."""

    name = "billing"

    def ready(self) -> None:
        """Connect the receivers of the gateway's webhooks, whose mirror keeps no secrets."""
        import_module("billing.gateways.stripe_secrets").teach_columns()
        import_module("billing.webhooks")
