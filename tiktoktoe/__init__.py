"""The project package; importing it gives Django its Celery app."""

from tiktoktoe.celery import app as celery_app

__all__ = ["celery_app"]
