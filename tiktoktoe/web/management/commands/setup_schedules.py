"""Bring beat's schedules in line with what the apps' tasks modules ask for.

A tasks module lists `SCHEDULES = [(name, task, every_seconds), …]`. An administrator may
switch a schedule off or change how often it runs: that is kept. What no module lists any
more is removed; schedules that people made themselves are left alone.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from celery import current_app
from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django_celery_beat.models import IntervalSchedule, PeriodicTask

MARK = "Kept by setup_schedules."
Schedule = tuple[str, str, int]


class Command(BaseCommand):
    """Write the schedules of all apps into django-celery-beat's tables."""

    help = "Write the schedules of all apps into django-celery-beat's tables."

    def handle(self, *_args: Any, **options: Any) -> None:
        """Add, correct and remove schedules; safe to repeat."""
        wanted = list(_listed())
        for name, task, every_seconds in wanted:
            _ensure(name, task, every_seconds)
        stale = PeriodicTask.objects.filter(description=MARK).exclude(
            name__in=[name for name, _, _ in wanted]
        )
        removed, _ = stale.delete()
        if options["verbosity"]:
            self.stdout.write(f"  {len(wanted)} schedules, {removed} removed")


def _listed() -> Iterator[Schedule]:
    """What the tasks modules list.

    Raises:
        CommandError: If a listed task does not exist: beat would call it in vain for ever.
    """
    for config in apps.get_app_configs():
        if find_spec(f"{config.name}.tasks") is None:
            continue
        module = import_module(f"{config.name}.tasks")
        for name, task, every_seconds in getattr(module, "SCHEDULES", []):
            if task not in current_app.tasks:
                raise CommandError(f"{module.__name__} schedules {task}, which is no task")
            yield name, task, every_seconds


def _ensure(name: str, task: str, every_seconds: int) -> None:
    known = PeriodicTask.objects.filter(name=name).first()
    if known is not None:
        if known.task != task:
            known.task = task
            known.save()
        return
    every, _ = IntervalSchedule.objects.get_or_create(
        every=every_seconds, period=IntervalSchedule.SECONDS
    )
    PeriodicTask.objects.create(name=name, task=task, interval=every, description=MARK)
