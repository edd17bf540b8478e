"""What pages share."""

from importlib import import_module

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Template tags, access rules and middleware."""

    name = "tiktoktoe.web"
    label = "web"

    def ready(self) -> None:
        """Let the tasks of all apps belong to our Celery app."""
        import_module("tiktoktoe.celery")
