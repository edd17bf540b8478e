"""What analytics does by itself."""

from celery import shared_task

from analytics.services.movements import record_movements
from tiktoktoe.kernel.clock import now

SCHEDULES = [("Record movements of MRR", "analytics.tasks.record", 60)]


@shared_task
def record() -> int:
    """Read what happened to subscriptions since the last time."""
    at = now()
    done = 0
    while batch := record_movements(at=at):
        done += batch
    return done
