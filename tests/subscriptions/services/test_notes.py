"""Notes of the staff: written once, kept as they were written, by the database."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from subscriptions.errors import NoteInvalid
from subscriptions.models import CustomerNote
from subscriptions.services.notes import write_note
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, make_customer
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db


def test_the_same_note_sent_twice_is_one() -> None:
    customer, author = make_customer(), make_user(Role.SUPPORT)

    first = write_note(customer=customer, text=" Called. ", author=author, at=JAN_1)
    again = write_note(
        customer=customer, text="Called.", author=author, at=JAN_1 + timedelta(seconds=2)
    )

    assert first == again
    assert (first.text, first.written_at) == ("Called.", JAN_1)


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2001])
def test_a_note_that_says_nothing_or_too_much_is_refused(text: str) -> None:
    with pytest.raises(NoteInvalid) as refusal:
        write_note(customer=make_customer(), text=text, author=make_user(Role.SUPPORT), at=JAN_1)

    assert refusal.value.field == "text"
    assert not CustomerNote.objects.exists()


def test_the_database_keeps_notes_as_they_are() -> None:
    note = write_note(
        customer=make_customer(), text="Called.", author=make_user(Role.SUPPORT), at=JAN_1
    )

    with pytest.raises(DatabaseError, match="what was noted stays"), transaction.atomic():
        CustomerNote.objects.filter(pk=note.pk).update(text="Wrote.")
    with pytest.raises(DatabaseError, match="what was noted stays"), transaction.atomic():
        CustomerNote.objects.filter(pk=note.pk).delete()
