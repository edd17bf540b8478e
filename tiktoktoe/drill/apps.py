"""The chaos drill of payments."""

from django.apps import AppConfig


class DrillConfig(AppConfig):
    """The command that runs payments under faults."""

    name = "tiktoktoe.drill"
    label = "drill"
