"""What happens to usage by itself."""

from celery import shared_task

from subscriptions.services.rollups import fold_deltas

SCHEDULES = [("Fold recent usage into days", "subscriptions.tasks.fold_usage", 60)]


@shared_task
def fold_usage() -> int:
    """Fold recent usage into the daily roll-ups."""
    return fold_deltas()
