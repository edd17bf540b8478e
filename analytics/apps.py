"""What it means."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """What it means."""

    name = "analytics"
