"""Who subscribed to what, and how much they used."""

from django.apps import AppConfig


class SubscriptionsConfig(AppConfig):
    """Who subscribed to what, and how much they used."""

    name = "subscriptions"
