"""The demo company."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Commands that make a company to look at."""

    name = "tiktoktoe.demo"
    label = "demo"
