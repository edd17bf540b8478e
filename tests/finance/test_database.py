import pytest
from django.db import connection

from finance.models import Account, Entity
from subscriptions.models import Customer
from tests.database import empty_database
from tests.factories.subscriptions import make_customer

TRIGGER_STATES = "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"


@pytest.mark.django_db(transaction=True)
def test_emptying_the_database_keeps_seeds_and_guards() -> None:
    accounts = list(Account.objects.values_list("id", "code"))
    guards = _trigger_states()
    make_customer()
    Entity.objects.create(name="Other books", functional_currency="EUR")

    empty_database()

    assert not Customer.objects.exists()
    assert list(Entity.objects.values_list("id", flat=True)) == [1]
    assert list(Account.objects.values_list("id", "code")) == accounts
    assert _trigger_states() == guards
    assert ("entry_guard", "A") in guards


def _trigger_states() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(TRIGGER_STATES)
        return list(cursor.fetchall())
