"""What the books do by themselves."""

from celery import shared_task

from finance.services import posting
from tiktoktoe.kernel.clock import now

SCHEDULES = [("Post documents to the books", "finance.tasks.post_documents", 60)]


@shared_task
def post_documents() -> int:
    """Post whatever is final; gives the number of entries."""
    return posting.post_documents(at=now()).total
