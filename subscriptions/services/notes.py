"""Notes of the staff about customers."""

import logging
from datetime import datetime

from django.db import transaction

from subscriptions.errors import NoteInvalid
from subscriptions.models import Customer, CustomerNote
from tiktoktoe.accounts.models import User

logger = logging.getLogger(__name__)

LONGEST = 2000


@transaction.atomic
def write_note(*, customer: Customer, text: str, author: User, at: datetime) -> CustomerNote:
    """Write something down about a customer; it stays as it is.

    The same words by the same person, the last that they wrote, count once: a form sent twice.

    Raises:
        NoteInvalid: If it says nothing, or too much.
    """
    words = text.strip()
    if not words or len(words) > LONGEST:
        raise NoteInvalid(f"write 1 to {LONGEST} characters", field="text")
    locked = Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    last = locked.notes.first()
    if last is not None and (last.text, last.author_id) == (words, author.pk):
        return last
    note = CustomerNote.objects.create(customer=locked, text=words, author=author, written_at=at)
    logger.info("note written", extra={"customer": customer.pk, "note": note.pk})
    return note
