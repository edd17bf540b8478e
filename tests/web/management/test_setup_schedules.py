from types import ModuleType

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from finance import tasks

pytestmark = pytest.mark.django_db

NAME = "Post documents to the books"


def setup_schedules() -> None:
    call_command("setup_schedules", verbosity=0)


def test_setup_schedules_writes_what_the_tasks_modules_list() -> None:
    setup_schedules()

    schedule = PeriodicTask.objects.get(name=NAME)
    assert schedule.task == "finance.tasks.post_documents"
    assert (schedule.interval.every, schedule.interval.period) == (60, "seconds")
    assert schedule.enabled


def test_setup_schedules_keeps_what_an_administrator_changed() -> None:
    setup_schedules()
    slow = IntervalSchedule.objects.create(every=10, period=IntervalSchedule.MINUTES)
    PeriodicTask.objects.filter(name=NAME).update(enabled=False, interval=slow)

    setup_schedules()

    schedule = PeriodicTask.objects.get(name=NAME)
    assert (schedule.enabled, schedule.interval) == (False, slow)


def test_setup_schedules_removes_only_what_it_made_and_nobody_lists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setup_schedules()
    every = IntervalSchedule.objects.create(every=5, period=IntervalSchedule.DAYS)
    PeriodicTask.objects.create(name="Mine", task="some.task", interval=every)
    monkeypatch.setattr(tasks, "SCHEDULES", [])

    setup_schedules()

    assert not PeriodicTask.objects.filter(name=NAME).exists()
    assert PeriodicTask.objects.filter(name="Mine").exists()


def test_setup_schedules_refuses_a_task_that_does_not_exist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module: ModuleType = tasks
    monkeypatch.setattr(module, "SCHEDULES", [("Slip", "finance.tasks.post_documets", 60)])

    with pytest.raises(CommandError, match="is no task"):
        setup_schedules()
