"""What is asked with more values than PostgreSQL takes beside a statement."""

import pytest
from django.db import connection

from subscriptions.models import Customer
from tests.factories.subscriptions import make_customer
from tiktoktoe.cursors import MOST_VALUES

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("more", [0, 1])
def test_a_statement_may_have_as_many_values_as_a_company_has_customers(more: int) -> None:
    customer = make_customer()
    keys = [customer.pk, *range(-MOST_VALUES - more + 1, 0)]

    assert list(Customer.objects.filter(pk__in=keys).values_list("pk", flat=True)) == [customer.pk]


def test_written_into_the_statement_values_stay_values() -> None:
    numbers = range(MOST_VALUES)
    named = ", ".join(["%s"] * MOST_VALUES)

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s, '%%', 7 IN ({named})", ["'; --%s", *numbers])
        assert cursor.fetchone() == ("'; --%s", "%", True)
