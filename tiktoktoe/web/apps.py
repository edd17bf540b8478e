"""What pages share."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Template tags, access rules and middleware."""

    name = "tiktoktoe.web"
    label = "web"
