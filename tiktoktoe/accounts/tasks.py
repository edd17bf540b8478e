"""What is tidied up about people by itself."""

from celery import shared_task

from tiktoktoe.accounts.throttling import forget_full
from tiktoktoe.kernel.clock import now

SCHEDULES = [("Forget who may try again", "tiktoktoe.accounts.tasks.forget_tries", 3600)]


@shared_task
def forget_tries() -> int:
    """Remove what limits no one any more."""
    return forget_full(at=now())
