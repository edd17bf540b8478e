"""The Celery app of the project."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiktoktoe.settings")

app = Celery("tiktoktoe")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
