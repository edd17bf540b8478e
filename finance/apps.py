"""The books."""

from django.apps import AppConfig


class FinanceConfig(AppConfig):
    """The books."""

    name = "finance"
