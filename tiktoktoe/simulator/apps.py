"""What would be billed: timelines played through the real services."""

from django.apps import AppConfig


class SimulatorConfig(AppConfig):
    """The command `simulate`."""

    name = "tiktoktoe.simulator"
    label = "simulator"
